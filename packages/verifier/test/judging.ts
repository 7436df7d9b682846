import { appraise } from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import {
  appFactsOf,
  appId,
  assetId,
  chainCells,
  cloisterDomain,
  deploymentOf,
  membersHash,
  sharesHash,
  type Contracts,
} from '@cloister/protocol'
import { afterAll } from 'vitest'

import { startAnvil } from '../../protocol/test/anvil.ts'
import { proofsAt } from '../../protocol/test/chain-proofs.ts'
import { StorageWriter } from '../../protocol/test/storage-writer.ts'

import { judge, type PostingFacts, type PostingMaterial } from '../src/judge.ts'
import {
  addresses,
  depth,
  key,
  makeAttempt,
  makeMaker,
  makeNode,
  makeOrder,
  makeShares,
  manifest,
  measurement,
  named,
  type Attempt,
  type AttemptInput,
  type Wrong,
} from './attempt.ts'

export const domain = cloisterDomain(31337, '0x5FbDB2315678afecb367f032d93F642f64180aa3')
const chain = await startAnvil()
afterAll(() => chain.stop())
const start = (await chain.head()).blockTime
export const { manufacturer, anchor } = makeMaker(Number(start))
export const operators = [key('operator 1'), key('operator 2'), key('operator 3')]
export const nodes = operators.map((operator, i) => makeNode(manufacturer, `n${i}`, operator))
export const committee = [0, 1, 2, 3].map((i) => key(`verifier ${i}`))
export const owner = key('owner')
export const deployment = deploymentOf(domain)
export const assets = ['data', 'parameters'].map((name) => {
  const root = named(`root/${name}`)
  const salt = named(`salt/${name}`)
  const id = assetId({ deployment, owner: owner.address, root, salt })
  const shares = makeShares(name, addresses(operators))
  return { id, owner, root, salt, shares }
})
const contractNames = [
  ...(['token', 'ledger', 'staking', 'committee', 'appRegistry', 'assetRegistry'] as const),
  ...(['nodeRegistry', 'releaseKeys', 'grantBook', 'market', 'settlement', 'keeperDuty'] as const),
]
const contracts: Contracts = {
  ...{ token: owner.address, ledger: owner.address, staking: owner.address },
  ...{ committee: owner.address, appRegistry: owner.address, assetRegistry: owner.address },
  ...{ nodeRegistry: owner.address, grantBook: owner.address, market: owner.address },
  settlement: owner.address,
  releaseKeys: owner.address,
  keeperDuty: owner.address,
  ...Object.fromEntries(contractNames.map((name) => [name, key(`contract ${name}`).address])),
}
export const input: AttemptInput = {
  ...{ domain, deployment, manufacturer, contracts, assets, committee },
  app: appId(manifest),
  requester: key('requester'),
  keepers: nodes,
  node: nodes[0]!,
  now: start,
  feeWei: 1_000n,
  nonce: 1n,
  prove: (height, below, places) => proofsAt(chain, height, below, places),
}
export const ordered = await makeOrder(input)
const shareKeyHash = named('share key')
const policyDigest = named('policy')

/** What the chain keeps of an attempt that runs, and what is changed about it. */
export type Alter = (put: StorageWriter) => void

/** The head of a chain that keeps this. */
export async function headWith(alter?: Alter) {
  const put = new StorageWriter(chain, contracts)
  const task = chainCells.task(ordered.task)
  put.set(task.orderDigest, BigInt(ordered.orderDigest))
  put.set(task.state, 2n)
  put.set(task.attempt, 1n)
  put.set(task.node, BigInt(nodes[0]!.key.address))
  put.set(task.attemptDeadline, start + 3_600n)
  put.set(chainCells.committeeEpoch(), 3n)
  put.set(chainCells.membersHash(3n), BigInt(membersHash(addresses(committee))))
  put.set(chainCells.appStatus(input.app), 1n)
  put.set(chainCells.measurementApproved(measurement), 1n)
  put.set(chainCells.grantNonceMin(owner.address), 0n)
  for (const grant of ordered.order.grants)
    put.set(chainCells.grantRevokedAt(owner.address, grant), 0n)
  for (const asset of assets) {
    const cells = chainCells.asset(asset.id)
    put.set(cells.owner, BigInt(owner.address))
    put.set(cells.root, BigInt(asset.root))
    put.set(cells.sharesHash, BigInt(sharesHash(asset.shares)))
    put.set(cells.policyDigest, BigInt(policyDigest))
  }
  for (const node of nodes) {
    const record = chainCells.node(node.key.address)
    put.set(record.operator, BigInt(node.operator.address))
    put.set(record.tee, 2n)
    put.set(record.expiry, start + 86_400n)
    put.set(record.shareKeyHash, BigInt(shareKeyHash))
    put.set(record.machineId, BigInt(node.machineId))
    put.set(record.measurement, BigInt(measurement))
  }
  alter?.(put)
  await put.flush()
  await chain.mine(depth)
  const { height, blockHash: hash, blockTime: time } = await chain.head()
  await chain.mine(1) // What is written next must not change this head's own state.
  return { height, hash, time, epoch: 3n }
}
export const head = await headWith()
export const now = Number(head.time)

export const attemptOf = (wrong: Wrong = {}): Promise<Attempt> =>
  makeAttempt(input, ordered, head, 1, wrong)
export const honest = await attemptOf()

export function factsOf(attempt: Attempt, changed: Partial<PostingFacts> = {}): PostingFacts {
  return {
    domain,
    contracts,
    depth,
    anchors: [anchor],
    postedAt: unixSeconds(Number(attempt.bundle.checkpoint.blockTime) + 30),
    task: {
      id: ordered.task,
      orderDigest: ordered.orderDigest,
      attempt: 1,
      posting: attempt.posting,
      node: nodes[0]!.key.address,
    },
    node: {
      operator: operators[0]!.address,
      machineId: nodes[0]!.machineId,
      measurement,
      shareKeyHash,
      tier: 0,
      tee: 2,
    },
    assets: assets.map(({ root, shares }) => ({
      owner: owner.address,
      root,
      sharesHash: sharesHash(shares),
      policyDigest,
      operators: shares.operators,
      threshold: shares.threshold,
    })),
    contractSignatures: [undefined, undefined],
    operatorOf: new Map(
      nodes.map((node) => [node.key.address.toLowerCase(), node.operator.address]),
    ),
    retired: new Set(),
    manifest: appFactsOf(manifest),
    floor: { tcbEvaluationDataNumber: 18, rootCrlNumber: 1n, pckCrlNumber: 1n },
    committees: [{ epoch: 3n, members: addresses(committee) }],
    ...changed,
  }
}

export function materialOf(
  attempt: Attempt,
  changed: Partial<PostingMaterial> = {},
): PostingMaterial {
  return { signed: attempt.signed, bundle: attempt.bundle, outputHeld: true, ...changed }
}

/** The verdict, the reason, and which fields the problems name. */
export async function verdict(facts: PostingFacts, material: PostingMaterial) {
  const { vote, problems } = await judge(facts, material, appraise)
  return {
    verdict: vote.verdict,
    reason: vote.reason,
    fields: [...new Set(problems.map(({ field }) => field))],
  }
}
