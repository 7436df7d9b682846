import { appraisalDigest, appraise, insecureDevnetAnchor } from '@cloister/attest'
import { parseHex, unixSeconds } from '@cloister/codec'
import { createManufacturer } from '@cloister/emulator'
import {
  appId,
  attemptNeeds,
  attemptNonce,
  chainCells,
  deploymentOf,
  digestOf,
  encodeBundle,
  grantsRoot,
  inputsRoot,
  keepersHash,
  keyHash,
  machineId,
  membersHash,
  messageDigest,
  policyForGrants,
  receiptFileNeeds,
  releasesRoot,
  reportData,
  sharesHash,
  taskOf,
  type Bundle,
  type Deployment,
  type Grant,
  type Order,
  type ReceiptFile,
} from '@cloister/protocol'
import { keccak256, toHex, zeroAddress, type Hex } from 'viem'

import type { TestChain } from './anvil.ts'
import { proofsAt } from './chain-proofs.ts'
import { word } from './examples.ts'
import {
  committee,
  contracts,
  deploymentWith,
  depth,
  domain,
  genesis,
  keys,
  manifest,
  measurement,
  of,
  registers,
} from './receipt-example-deployment.ts'
import { signByQuorum, signMessage } from './signing.ts'
import { StorageWriter } from './storage-writer.ts'

/** What can be chosen about an example. */
export type ExampleOptions = {
  readonly nonce: bigint
  readonly output: number
  /** Puts something else on chain before the attempt. */
  readonly alter?: (put: StorageWriter, task: Hex, grants: readonly Grant[]) => void
}

/**
 * A task from grant to judgement with real keys, real evidence of an emulated machine and real
 * storage proofs of a chain, whose words are put where the contracts keep them.
 */
export async function makeReceiptExample(
  chain: TestChain,
  options: ExampleOptions,
): Promise<{ readonly file: ReceiptFile; readonly deployment: Deployment }> {
  const start = await chain.head()
  const now = unixSeconds(Number(start.blockTime))
  const manufacturer = createManufacturer({ seed: new Uint8Array(32).fill(7), now })
  const platform = manufacturer.createPlatform({ machineSeed: new Uint8Array(16).fill(9) })
  const machine = machineId('intel', platform.ppid)
  const anchors = [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)]
  const app = appId(manifest)

  const assets = [word(0xe1), word(0xe2)]
  const roots = [word(0xf1), word(0xf2)]
  const grants = assets.map((asset, index): Grant => ({
    version: 2,
    owner: of(keys.owner[index]!),
    assets: [asset],
    apps: [app],
    measurements: [measurement],
    releaseKey: zeroAddress,
    tcbFloor: 0,
    tierMin: 1,
    tees: 0b100,
    anyNode: true,
    operators: [],
    anyRequester: false,
    requesters: [of(keys.requester)],
    purpose: 'research',
    priceWei: 100n,
    usesMax: 5,
    usesPerDay: 5,
    notBefore: 0n,
    expiry: start.blockTime + 100_000n,
    ownersMin: 1,
    recordsMin: 0,
    outputBytesMax: 4096,
    outputFormats: 1,
    privacyRequired: false,
    epsilonMicros: 0n,
    deltaPicos: 0n,
    reviewKeyHash: word(0),
    nonce: options.nonce,
  }))
  const order: Order = {
    requester: of(keys.requester),
    app,
    assets,
    grants: grants.map((grant) => messageDigest(domain, 'Grant', grant)),
    recipientKeyHash: word(0x51),
    tierMin: 1,
    tags: 0,
    replicas: 1,
    feeWei: 1_000_000n,
    attemptSeconds: 600,
    attemptsMax: 2,
    expiry: start.blockTime + 50_000n,
    nonce: options.nonce,
    tees: 0b100,
    unitWei: 0n,
    epsilonMicros: 0n,
    deltaPicos: 0n,
  }
  const { orderDigest, task } = taskOf(domain, order)
  const shares = assets.map((_, index) => ({
    commitments: [word(0x61 + index), word(0x71 + index), word(0x81 + index)] as const,
    operators: [
      of(keys.keeperOperator[0]),
      of(keys.keeperOperator[1]),
      of(keys.keeperOperator[2]),
    ] as const,
    threshold: 2,
  }))

  // What the chain keeps before the attempt.
  const put = new StorageWriter(chain, contracts)
  const taskCells = chainCells.task(task)
  put.set(taskCells.orderDigest, BigInt(orderDigest))
  put.set(taskCells.state, 2n)
  put.set(taskCells.attempt, 1n)
  put.set(taskCells.node, BigInt(of(keys.node)))
  put.set(taskCells.attemptDeadline, start.blockTime + 10_000n)
  put.set(chainCells.attempt(task, 1).node, BigInt(of(keys.node)))
  put.set(chainCells.appStatus(app), 1n)
  put.set(chainCells.measurementApproved(measurement), 1n)
  put.set(chainCells.membersHash(0n), BigInt(membersHash(genesis.map(of))))
  put.set(chainCells.floor().tcbEvaluationDataNumber, 1n)
  for (const [index, asset] of assets.entries()) {
    const cells = chainCells.asset(asset)
    put.set(cells.owner, BigInt(of(keys.owner[index]!)))
    put.set(cells.root, BigInt(roots[index]!))
    put.set(cells.sharesHash, BigInt(sharesHash(shares[index]!)))
    put.set(cells.policyDigest, BigInt(word(0xb1 + index)))
  }
  const record = chainCells.node(of(keys.node))
  put.set(record.operator, BigInt(of(keys.operator)))
  put.set(record.tier, 1n)
  put.set(record.tee, 2n)
  put.set(record.expiry, start.blockTime + 10_000n)
  put.set(record.shareKeyHash, BigInt(word(0xb3)))
  put.set(record.machineId, BigInt(machine))
  put.set(record.measurement, BigInt(measurement))
  for (const [index, keeper] of keys.keeper.entries())
    put.set(chainCells.node(of(keeper)).operator, BigInt(of(keys.keeperOperator[index]!)))
  options.alter?.(put, task, grants)
  await put.flush()
  await chain.mine(depth)

  // The attempt, under a checkpoint of the genesis committee.
  const seen = await chain.head()
  const checkpoint = {
    chainId: 31337n,
    ...pick(seen),
    committee: 0n,
    nonce: word(0x91),
  }
  const checkpointDigest = messageDigest(domain, 'Checkpoint', checkpoint)
  const freshPublicKey = toHex(new Uint8Array(1216).fill(3))
  const binding = {
    task,
    attempt: 1,
    orderDigest,
    app,
    grantsRoot: grantsRoot(order.grants),
    machineId: machine,
    receiptKey: of(keys.node),
    freshKeyHash: keyHash(parseHex(freshPublicKey)),
    nonce: attemptNonce(checkpointDigest, task, 1),
    notAfter: checkpoint.blockTime + 600n,
  }
  const quote = platform.quote({
    mrtd: registers[0]!,
    rtmrs: [registers[1]!, registers[2]!, registers[3]!, registers[4]!],
    reportData: reportData(domain, 'AttemptBinding', binding),
  })
  const releases = []
  for (const [place, asset] of assets.entries())
    for (const shareIndex of [0, 2]) {
      const keeper = keys.keeper[shareIndex]!
      const other = keys.keeper[1]
      const release = {
        task,
        attempt: 1,
        asset,
        grant: order.grants[place]!,
        shareIndex,
        keeper: of(keeper),
        quoteDigest: digestOf(quote),
        checkpoint: checkpointDigest,
        previous: word(0),
        sequence: BigInt(place),
        time: checkpoint.blockTime,
      }
      const countersignature = {
        release: messageDigest(domain, 'Release', release),
        countersigner: of(other),
      }
      releases.push({
        release,
        signature: await signMessage(domain, 'Release', release, keeper),
        countersignature: await signMessage(domain, 'Countersignature', countersignature, other),
        countersigner: of(other),
      })
    }
  const collateral = manufacturer.collateral()
  const bundle: Bundle = {
    format: 'cloister-bundle/2',
    deployment: deploymentOf(domain),
    order,
    grants,
    grantSignatures: await Promise.all(
      grants.map((grant, index) => signMessage(domain, 'Grant', grant, keys.owner[index]!)),
    ),
    binding,
    freshPublicKey,
    evidence: { tee: 'tdx', quote },
    collateral: { intel: collateral },
    checkpoint,
    checkpointSignatures: await signByQuorum(domain, 'Checkpoint', checkpoint, genesis),
    proofs: await proofsAt(
      chain,
      seen.height,
      depth,
      attemptNeeds(
        domain,
        { order, grants, binding, checkpoint, releases, measurement },
        contracts,
        depth,
      ),
    ),
    releases,
  }
  const receipt = {
    task,
    attempt: 1,
    orderDigest,
    app,
    binding: messageDigest(domain, 'AttemptBinding', binding),
    inputsRoot: inputsRoot(roots),
    outputDigest: word(options.output),
    outputBytes: 1234n,
    releasesRoot: releasesRoot(
      releases.map(({ release }) => messageDigest(domain, 'Release', release)),
    ),
    checkpoint: checkpointDigest,
    time: checkpoint.blockTime,
    nonce: binding.nonce,
    outputCommitment: word(0xc0),
    spentWei: order.feeWei,
    epsilonMicros: 0n,
    deltaPicos: 0n,
  }
  const receiptSignature = await signMessage(domain, 'Receipt', receipt, keys.node)
  const posting = {
    task,
    attempt: 1,
    receiptDigest: messageDigest(domain, 'Receipt', receipt),
    receiptSignatureHash: keccak256(receiptSignature),
    bundleDigest: digestOf(encodeBundle(bundle)),
    spentWei: receipt.spentWei,
    outputCommitment: receipt.outputCommitment,
  }
  const postingDigest = messageDigest(domain, 'Posting', posting)

  // The committee's appraisal, from the same inputs as everybody's.
  const postedAt = seen.blockTime + 1n
  const appraisal = await appraise(
    { tee: 'tdx', quote },
    {
      collateral: { intel: collateral },
      anchors,
      policy: policyForGrants(
        grants,
        { tcbEvaluationDataNumber: 1, rootCrlNumber: 0n, pckCrlNumber: 0n },
        {
          reportData: reportData(domain, 'AttemptBinding', binding),
          machineId: machine,
          approvals: [],
        },
      ),
      now: unixSeconds(Number(postedAt)),
    },
  )
  const operators = releases.map(({ release }) => of(keys.keeperOperator[release.shareIndex]!))
  const vote = {
    task,
    attempt: 1,
    posting: postingDigest,
    verdict: 1,
    reason: 0,
    keepersHash: keepersHash(operators),
    appraisalDigest: toHex(await appraisalDigest(appraisal)),
  }
  put.set(taskCells.state, 5n)
  put.set(taskCells.postedAt, postedAt)
  put.set(taskCells.committee, 0n)
  put.set(taskCells.keepersHash, BigInt(vote.keepersHash))
  put.set(chainCells.attempt(task, 1).posting, BigInt(postingDigest))
  put.set(chainCells.judgement(task), BigInt(messageDigest(domain, 'Vote', vote)))
  await put.flush()
  await chain.mine(depth)

  const next = committee(1n, keys.verifier)
  const after = await chain.head()
  const finalCheckpoint = { chainId: 31337n, ...pick(after), committee: 1n, nonce: word(0x92) }
  const needs = receiptFileNeeds({ posting, bundle }, contracts, depth)
  const file: ReceiptFile = {
    format: 'cloister-receipt/1',
    deployment: deploymentOf(domain),
    receipt,
    receiptSignature,
    posting,
    operatorSignature: await signMessage(domain, 'Posting', posting, keys.operator),
    bundle,
    shares,
    judgement: { epoch: 0n, vote, signatures: await signByQuorum(domain, 'Vote', vote, genesis) },
    handovers: [
      {
        ...next,
        signatures: await signByQuorum(
          domain,
          'Handover',
          { epoch: 1n, membersHash: membersHash(next.members) },
          genesis,
        ),
      },
    ],
    checkpoint: finalCheckpoint,
    checkpointSignatures: await signByQuorum(domain, 'Checkpoint', finalCheckpoint, keys.verifier),
    proofs: await proofsAt(chain, after.height, depth, needs),
  }
  return { file, deployment: deploymentWith(manufacturer.anchorSpkiSha256) }
}

function pick({
  height,
  blockHash,
  blockTime,
}: {
  height: bigint
  blockHash: Hex
  blockTime: bigint
}) {
  return { height, blockHash, blockTime }
}
