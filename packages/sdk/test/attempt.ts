// Plays the node, its keepers and the committee for one attempt: real keys, real evidence, the real contracts.
import { appraisalDigest, appraise } from '@cloister/attest'
import {
  concatBytes,
  canonicalJson,
  encodeHex,
  encodeUtf8,
  parseHex,
  unixSeconds,
  type Bytes,
} from '@cloister/codec'
import {
  attemptNeeds,
  attemptNonce,
  encodeBundle,
  grantsRoot,
  inputsRoot,
  keepersHash,
  marketAbi,
  messageDigest,
  messageToJson,
  policyForGrants,
  releasesRoot,
  reportData,
  settlementAbi,
  slotsByContract,
  sortKeepers,
  type Bundle,
  type ChainProofs,
  type Checkpoint,
  type MessageName,
  type Message,
} from '@cloister/protocol'
import { generateEnvelopeKeyPair, seal, sealEnvelope } from '@cloister/seal'
import { keccak256, sha256, toRlp, zeroHash, type Address, type Hex, type LocalAccount } from 'viem'

import type { PreparedOrder } from '../src/index.ts'
import { approvedRegisters, measurementOf, type TestNode } from './keeper-node.ts'
import type { World } from './world.ts'

/** What an attempt left behind. */
export type PlayedAttempt = {
  readonly node: TestNode
  readonly keepers: readonly Address[]
  readonly outputDigest: Hex
}

/** Draws, once the seed block is mined. */
export async function drawNode(world: World, task: Hex): Promise<TestNode> {
  await world.home.client.mine({ blocks: 3 })
  const { market } = world.contracts
  await world.send(world.stranger, {
    address: market,
    abi: marketAbi,
    functionName: 'draw',
    args: [task],
  })
  const found = await world.home.client.readContract({
    address: market,
    abi: marketAbi,
    functionName: 'taskOf',
    args: [task],
  })
  const node = world.nodes.find(({ receiptAccount }) => receiptAccount.address === found.node)
  if (node === undefined) throw new Error('Nobody was drawn')
  return node
}

/** Runs a drawn attempt up to an accepted judgement; `output` is what the app hands out. */
export async function playAttempt(
  world: World,
  prepared: PreparedOrder,
  node: TestNode,
  output: { readonly name: string; readonly bytes: Bytes },
): Promise<PlayedAttempt> {
  const { order, orderDigest, task, grants } = prepared
  const attempt = 1
  await world.home.client.mine({ blocks: world.deployment.depth })
  const checkpoint = await checkpointOf(world)
  const checkpointDigest = digest(world, 'Checkpoint', checkpoint)
  const fresh = await generateEnvelopeKeyPair()
  const nonce = attemptNonce(checkpointDigest, task, attempt)
  const binding = {
    task,
    attempt,
    orderDigest,
    app: order.app,
    grantsRoot: grantsRoot(order.grants),
    machineId: node.machineId,
    receiptKey: node.receiptAccount.address,
    freshKeyHash: sha256(fresh.publicKey),
    nonce,
    notAfter: checkpoint.blockTime + 600n,
  }
  const quote = node.quote(reportData(world.domain, 'AttemptBinding', binding))
  const releases = await releasesOf(world, prepared, { attempt, quote, checkpoint })
  const granted = grants.map(({ grant }) => grant)
  const bundle: Bundle = {
    format: 'cloister-bundle/2',
    deployment: await world.deploymentId(),
    order,
    grants: granted,
    grantSignatures: grants.map(({ signature }) => signature),
    binding,
    freshPublicKey: `0x${encodeHex(fresh.publicKey)}`,
    evidence: { tee: 'tdx', quote: parseHex(quote) },
    collateral: { intel: node.collateral },
    checkpoint,
    checkpointSignatures: await quorumOf(world, checkpointDigest),
    proofs: await proofsOf(world, { order, grants: granted, binding, checkpoint, releases }),
    releases,
  }
  const bundleBytes = encodeBundle(bundle)
  const sealed = await sealOutput(prepared, attempt, output)
  store(node, bundleBytes)
  store(node, sealed)
  const receipt = {
    task,
    attempt,
    orderDigest,
    app: order.app,
    binding: digest(world, 'AttemptBinding', binding),
    inputsRoot: inputsRoot(await rootsOf(world, order.assets)),
    outputDigest: sha256(sealed),
    outputBytes: BigInt(sealed.length),
    releasesRoot: releasesRoot(releases.map(({ release }) => digest(world, 'Release', release))),
    checkpoint: checkpointDigest,
    time: checkpoint.blockTime,
    nonce,
    outputCommitment: sha256(sealed),
    spentWei: order.feeWei,
    epsilonMicros: 0n,
    deltaPicos: 0n,
  }
  const receiptDigest = digest(world, 'Receipt', receipt)
  const receiptSignature = await node.receiptAccount.sign({ hash: receiptDigest })
  const posting = {
    task,
    attempt,
    receiptDigest,
    receiptSignatureHash: keccak256(receiptSignature),
    bundleDigest: sha256(bundleBytes),
    spentWei: receipt.spentWei,
    outputCommitment: receipt.outputCommitment,
  }
  const operatorSignature = await sign(node.operator, digest(world, 'Posting', posting))
  node.posted.set(`${task}/${attempt}`, {
    posting: messageToJson('Posting', posting),
    operatorSignature,
    receipt: messageToJson('Receipt', receipt),
    receiptSignature,
    bundleDigest: posting.bundleDigest,
  })
  const postedAt = await post(world, node, posting, operatorSignature)
  const keepers = sortKeepers(
    bundle.releases.map(({ release }) => world.nodes[release.shareIndex]!.operator.address),
  )
  const appraisal = await appraise(
    { tee: 'tdx', quote: parseHex(quote) },
    {
      collateral: { intel: node.collateral },
      anchors: world.deployment.anchors,
      policy: policyForGrants(
        bundle.grants,
        { tcbEvaluationDataNumber: 0, rootCrlNumber: 0n, pckCrlNumber: 0n },
        {
          reportData: reportData(world.domain, 'AttemptBinding', binding),
          machineId: node.machineId,
          approvals: [],
        },
      ),
      now: unixSeconds(Number(postedAt)),
    },
  )
  const vote = {
    task,
    attempt,
    posting: digest(world, 'Posting', posting),
    verdict: 1,
    reason: 0,
    keepersHash: keepersHash(keepers),
    appraisalDigest: `0x${encodeHex(await appraisalDigest(appraisal))}`,
  } as const
  await world.send(world.stranger, {
    address: world.contracts.settlement,
    abi: settlementAbi,
    functionName: 'judge',
    args: [vote, await quorumOf(world, digest(world, 'Vote', vote))],
  })
  return { node, keepers, outputDigest: receipt.outputDigest }
}

async function proofsOf(
  world: World,
  evidence: Pick<Bundle, 'order' | 'grants' | 'binding' | 'checkpoint' | 'releases'>,
): Promise<ChainProofs> {
  const { depth } = world.deployment
  const { height } = evidence.checkpoint
  const needs = { ...evidence, measurement: measurementOf(approvedRegisters) }
  const places = attemptNeeds(world.domain, needs, world.contracts, depth)
  const accounts: ChainProofs['accounts'][number][] = []
  for (const [at, group] of Map.groupBy(places, (place) => place.depth))
    for (const { address, slots } of slotsByContract(group)) {
      const blockNumber = height - BigInt(at)
      const request = { address, storageKeys: [...slots], blockNumber }
      const { accountProof, storageProof } = await world.home.client.getProof(request)
      const storageProofs = storageProof.map(({ proof }, index) => ({ slot: slots[index]!, proof }))
      accounts.push({ depth: at, address, accountProof, storageProofs })
    }
  const headers: Hex[] = []
  for (let at = 0; at <= depth; at++) headers.push(await headerOf(world, height - BigInt(at)))
  return { headers, accounts }
}

/** Pays, once the challenge window is over. */
export async function settle(world: World, task: Hex, keepers: readonly Address[]): Promise<void> {
  await world.home.client.increaseTime({ seconds: 60 })
  await world.home.client.mine({ blocks: 1 })
  await world.send(world.stranger, {
    address: world.contracts.settlement,
    abi: settlementAbi,
    functionName: 'settle',
    args: [task, keepers],
  })
}

async function post(
  world: World,
  node: TestNode,
  posting: Message<'Posting'>,
  operatorSignature: Hex,
): Promise<bigint> {
  const hash = await world.send(node.operator, {
    address: world.contracts.market,
    abi: marketAbi,
    functionName: 'post',
    args: [posting, operatorSignature],
  })
  const { blockNumber } = await world.home.client.getTransactionReceipt({ hash })
  return (await world.home.client.getBlock({ blockNumber })).timestamp
}

async function releasesOf(
  world: World,
  { order, task }: PreparedOrder,
  { attempt, quote, checkpoint }: { attempt: number; quote: Hex; checkpoint: Checkpoint },
): Promise<Bundle['releases']> {
  const releases: Bundle['releases'][number][] = []
  for (const [place, asset] of order.assets.entries())
    for (const shareIndex of [0, 1]) {
      const keeper = world.nodes[shareIndex]!.receiptAccount
      const other = world.nodes[2]!.receiptAccount
      const release = {
        task,
        attempt,
        asset,
        grant: order.grants[place] ?? zeroHash,
        shareIndex,
        keeper: keeper.address,
        quoteDigest: sha256(quote),
        checkpoint: digest(world, 'Checkpoint', checkpoint),
        previous: zeroHash,
        sequence: BigInt(place),
        time: checkpoint.blockTime,
      }
      const hash = digest(world, 'Release', release)
      const countersigner = other.address
      const counter = digest(world, 'Countersignature', { release: hash, countersigner })
      releases.push({
        release,
        signature: await keeper.sign({ hash }),
        countersignature: await other.sign({ hash: counter }),
        countersigner,
      })
    }
  return releases
}

// Spec: docs/protocol.md section 2a, written out again.
async function sealOutput(
  { task, recipientPublicKey }: PreparedOrder,
  attempt: number,
  { name, bytes }: { readonly name: string; readonly bytes: Bytes },
): Promise<Bytes> {
  const place = concatBytes(parseHex(task), Uint8Array.of(0, 0, 0, attempt))
  const key = crypto.getRandomValues(new Uint8Array(32))
  const info = encodeUtf8('cloister/output/1')
  const envelope = await sealEnvelope(recipientPublicKey, info, place, key)
  const header = `{"attempt":${attempt},"envelope":"0x${encodeHex(envelope)}","format":"cloister-output/2","reviews":[],"task":"${task}"}`
  const index = canonicalJson({
    metrics: { accuracy: 0.97 },
    outputs: [{ name, size: bytes.length }],
  })
  const context = concatBytes(info, Uint8Array.of(0), place)
  const plaintext = concatBytes(u32be(index.length), encodeUtf8(index), bytes)
  return concatBytes(u32be(header.length), encodeUtf8(header), await seal(key, context, plaintext))
}

/** The newest block, as a committee would sign it. */
export async function checkpointOf(world: World): Promise<Checkpoint> {
  const block = await world.home.client.getBlock()
  return {
    chainId: BigInt(world.domain.chainId),
    height: block.number,
    blockHash: block.hash,
    blockTime: block.timestamp,
    committee: 0n,
    nonce: `0x${encodeHex(crypto.getRandomValues(new Uint8Array(32)))}`,
  }
}

function rootsOf(world: World, assets: readonly Hex[]): Promise<readonly Hex[]> {
  return Promise.all(assets.map((asset) => world.rootOf(asset)))
}

// The first three of four, ascending: exactly a quorum.
function quorumOf(world: World, hash: Hex): Promise<readonly Hex[]> {
  return Promise.all(world.verifiers.slice(0, 3).map(({ account }) => sign(account, hash)))
}

async function sign(account: LocalAccount, hash: Hex): Promise<Hex> {
  if (account.sign === undefined) throw new Error('This account signs no digests')
  return account.sign({ hash })
}

function digest<N extends MessageName>(world: World, name: N, message: Message<N>): Hex {
  return messageDigest(world.domain, name, message)
}

function store(node: TestNode, bytes: Bytes): void {
  node.objects.set(sha256(bytes).slice(2), bytes)
}

function u32be(value: number): Bytes {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

async function headerOf(world: World, height: bigint): Promise<Hex> {
  const response = await fetch(world.home.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'eth_getBlockByNumber',
      params: [`0x${height.toString(16)}`, false],
    }),
  })
  const { result: block }: { result: Record<string, Hex> } = JSON.parse(await response.text())
  const names =
    'parentHash sha3Uncles miner stateRoot transactionsRoot receiptsRoot logsBloom *difficulty *number *gasLimit *gasUsed *timestamp extraData mixHash nonce *baseFeePerGas withdrawalsRoot *blobGasUsed *excessBlobGas parentBeaconBlockRoot requestsHash'
  const items = names.split(' ').flatMap((name) => {
    const value = block[name.replace('*', '')]
    if (value === undefined) return []
    if (!name.startsWith('*')) return [value]
    const number = BigInt(value).toString(16)
    const even = number.length % 2 === 0 ? number : `0${number}`
    const item: Hex = BigInt(value) === 0n ? '0x' : `0x${even}`
    return [item]
  })
  return toRlp(items)
}
