import { createHash } from 'node:crypto'

import { insecureDevnetAnchor, type DevnetAnchor } from '@cloister/attest'
import { parseHex, unixSeconds, type Bytes } from '@cloister/codec'
import { createManufacturer, type Manufacturer, type Platform } from '@cloister/emulator'
import {
  attemptNeeds,
  attemptNonce,
  digestOf,
  encodeBundle,
  grantsRoot,
  inputsRoot,
  keyHash,
  machineId,
  messageDigest,
  releasesRoot,
  reportData,
  sortAddresses,
  taskId,
  tdxMeasurement,
  type AssetShares,
  type Bundle,
  type ChainProofs,
  type Checkpoint,
  type Contracts,
  type Domain,
  type Grant,
  type Message,
  type MessageName,
  type Order,
  type Posting,
  type Receipt,
  type SignedReceipt,
  type SignedRelease,
  type SlotPlace,
} from '@cloister/protocol'
import {
  keccak256,
  zeroAddress,
  zeroHash,
  type Address,
  type Hex,
  type PrivateKeyAccount,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

import { makeReleases } from './releases.ts'

/** 32 bytes that follow from a name. */
export function named(name: string): Hex {
  return `0x${createHash('sha256').update(name).digest('hex')}`
}

/** A key that follows from a name. */
export function key(name: string): PrivateKeyAccount {
  return privateKeyToAccount(named(`key/${name}`))
}

export function sign<N extends MessageName>(
  account: PrivateKeyAccount,
  domain: Domain,
  name: N,
  message: Message<N>,
): Promise<Hex> {
  return account.sign({ hash: messageDigest(domain, name, message) })
}

const register = (byte: string): Bytes => parseHex(byte.repeat(48))
export const registers = {
  mrtd: register('a0'),
  rtmrs: [register('b0'), register('b1'), register('b2'), register('b3')],
} as const
export const measurement = tdxMeasurement({
  mrtd: `0x${'a0'.repeat(48)}`,
  rtmrs: [
    `0x${'b0'.repeat(48)}`,
    `0x${'b1'.repeat(48)}`,
    `0x${'b2'.repeat(48)}`,
    `0x${'b3'.repeat(48)}`,
  ],
})

/** The devnet's maker of machines, as of a time. */
export function makeMaker(now: number): { manufacturer: Manufacturer; anchor: DevnetAnchor } {
  const manufacturer = createManufacturer({
    seed: parseHex(named('manufacturer')),
    now: unixSeconds(now),
  })
  return { manufacturer, anchor: insecureDevnetAnchor(manufacturer.anchorSpkiSha256) }
}

export const manifest = {
  format: 'cloister-app/2',
  name: 'tabular-infer',
  outputs: [{ name: 'inference.json', bytesMax: 1_000 }],
}

/** An enclave: its receipt key, its operator and its machine. */
export type TestNode = {
  readonly key: PrivateKeyAccount
  readonly operator: PrivateKeyAccount
  readonly platform: Platform
  readonly machineId: Hex
}

export function makeNode(
  manufacturer: Manufacturer,
  name: string,
  operator: PrivateKeyAccount,
  tcb: 'UpToDate' | 'OutOfDate' | 'SWHardeningNeeded' = 'UpToDate',
): TestNode {
  const platform = manufacturer.createPlatform({
    machineSeed: parseHex(named(`machine/${name}`)),
    tcb,
  })
  return {
    key: key(`node/${name}`),
    operator,
    platform,
    machineId: machineId('intel', platform.ppid),
  }
}

export type TestAsset = {
  readonly id: Hex
  readonly owner: PrivateKeyAccount
  readonly root: Hex
  readonly salt: Hex
  readonly shares: AssetShares
}

export function makeShares(name: string, operators: readonly Address[]): AssetShares {
  const [a, b, c] = operators
  return {
    commitments: [named(`${name}/0`), named(`${name}/1`), named(`${name}/2`)],
    operators: [a!, b!, c!],
    threshold: 2,
  }
}

export type AttemptInput = {
  readonly domain: Domain
  readonly deployment: Hex
  readonly manufacturer: Manufacturer
  readonly app: Hex
  readonly requester: PrivateKeyAccount
  readonly assets: readonly TestAsset[]
  readonly keepers: readonly TestNode[]
  readonly node: TestNode
  readonly committee: readonly PrivateKeyAccount[]
  readonly now: bigint
  readonly feeWei: bigint
  readonly nonce: bigint
  readonly contracts: Contracts
  /** The one in the node's record; that of {@link registers} where absent. */
  readonly measurement?: Hex
  /** What the chain proves of these places, so many blocks or fewer below a height. */
  readonly prove: (
    height: bigint,
    depth: number,
    places: readonly SlotPlace[],
  ) => Promise<ChainProofs>
}

/** Blocks below a checkpoint's head at which facts are read. */
export const depth = 2

/** An order and its grants, good for an hour. */
export async function makeOrder(
  input: Omit<AttemptInput, 'prove' | 'contracts'>,
): Promise<{ order: Order; grants: Grant[]; grantSignatures: Hex[]; task: Hex; orderDigest: Hex }> {
  const grants = input.assets.map((asset): Grant => ({
    version: 2,
    owner: asset.owner.address,
    assets: [asset.id],
    apps: [input.app],
    measurements: [measurement],
    releaseKey: zeroAddress,
    tcbFloor: 1,
    tierMin: 0,
    tees: 0b100,
    anyNode: true,
    operators: [],
    anyRequester: true,
    requesters: [],
    purpose: 'a test',
    priceWei: 0n,
    usesMax: 10,
    usesPerDay: 10,
    notBefore: 0n,
    expiry: input.now + 7_200n,
    ownersMin: 1,
    recordsMin: 0,
    outputBytesMax: 1_000,
    outputFormats: 1,
    privacyRequired: false,
    epsilonMicros: 0n,
    deltaPicos: 0n,
    reviewKeyHash: zeroHash,
    nonce: input.nonce,
  }))
  const order: Order = {
    requester: input.requester.address,
    app: input.app,
    assets: input.assets.map(({ id }) => id),
    grants: grants.map((grant) => messageDigest(input.domain, 'Grant', grant)),
    recipientKeyHash: named('recipient'),
    tierMin: 0,
    tags: 0,
    replicas: 1,
    feeWei: input.feeWei,
    attemptSeconds: 300,
    attemptsMax: 2,
    expiry: input.now + 3_000n,
    nonce: input.nonce,
    tees: 0b100,
    unitWei: 0n,
    epsilonMicros: 0n,
    deltaPicos: 0n,
  }
  const orderDigest = messageDigest(input.domain, 'Order', order)
  const grantSignatures = await Promise.all(
    grants.map((grant, i) => sign(input.assets[i]!.owner, input.domain, 'Grant', grant)),
  )
  return { order, grants, grantSignatures, task: taskId(orderDigest), orderDigest }
}

/** What can be told to go wrong in one place, everything else being as it should. */
export type Wrong = {
  readonly receiptKey?: PrivateKeyAccount
  readonly receipt?: (receipt: Receipt) => Receipt
  readonly bundle?: (bundle: Bundle) => Bundle
  readonly platform?: Platform
  readonly releases?: (releases: readonly SignedRelease[]) => readonly SignedRelease[]
  readonly checkpoint?: (checkpoint: Checkpoint) => Checkpoint
  readonly checkpointSigners?: readonly PrivateKeyAccount[]
  readonly posting?: (posting: Posting) => Posting
}

export type Attempt = {
  readonly bundle: Bundle
  readonly bundleBytes: Bytes
  readonly output: Bytes
  readonly signed: SignedReceipt
  readonly posting: Hex
}

/** One whole attempt: evidence, releases, receipt, posting. */
export async function makeAttempt(
  input: AttemptInput,
  ordered: Awaited<ReturnType<typeof makeOrder>>,
  head: {
    readonly height: bigint
    readonly hash: Hex
    readonly time: bigint
    readonly epoch: bigint
  },
  attempt: number,
  wrong: Wrong = {},
): Promise<Attempt> {
  const { domain, node } = input
  const { order, grants, grantSignatures, task, orderDigest } = ordered
  const plain: Checkpoint = {
    chainId: BigInt(domain.chainId),
    height: head.height,
    blockHash: head.hash,
    blockTime: head.time,
    committee: head.epoch,
    nonce: named('checkpoint nonce'),
  }
  const checkpoint = wrong.checkpoint?.(plain) ?? plain
  const signers = (wrong.checkpointSigners ?? input.committee).toSorted((a, b) =>
    a.address.toLowerCase() < b.address.toLowerCase() ? -1 : 1,
  )
  const checkpointSignatures = await Promise.all(
    signers.map((each) => sign(each, domain, 'Checkpoint', checkpoint)),
  )
  const checkpointDigest = messageDigest(domain, 'Checkpoint', checkpoint)
  const freshPublicKey: Hex = `0x${'07'.repeat(1216)}`
  const binding = {
    task,
    attempt,
    orderDigest,
    app: order.app,
    grantsRoot: grantsRoot(order.grants),
    machineId: node.machineId,
    receiptKey: node.key.address,
    freshKeyHash: keyHash(parseHex(freshPublicKey)),
    nonce: attemptNonce(checkpointDigest, task, attempt),
    notAfter: checkpoint.blockTime + 300n,
  }
  const quote = (wrong.platform ?? node.platform).quote({
    ...registers,
    reportData: reportData(domain, 'AttemptBinding', binding),
  })
  const honest = await makeReleases(input, ordered, attempt, digestOf(quote), checkpoint.blockTime)
  const releases = wrong.releases?.(honest) ?? honest
  const places = attemptNeeds(
    domain,
    { order, grants, binding, checkpoint, releases, measurement: input.measurement ?? measurement },
    input.contracts,
    depth,
  )
  const output = new TextEncoder().encode(`output of ${task}/${attempt}`)
  const plainReceipt: Receipt = {
    task,
    attempt,
    orderDigest,
    app: order.app,
    binding: messageDigest(domain, 'AttemptBinding', binding),
    inputsRoot: inputsRoot(input.assets.map(({ root }) => root)),
    outputDigest: digestOf(output),
    outputBytes: BigInt(output.length),
    releasesRoot: releasesRoot(
      releases.map(({ release }) => messageDigest(domain, 'Release', release)),
    ),
    checkpoint: checkpointDigest,
    time: checkpoint.blockTime,
    nonce: binding.nonce,
    outputCommitment: digestOf(output),
    spentWei: order.feeWei,
    epsilonMicros: 0n,
    deltaPicos: 0n,
  }
  const receipt = wrong.receipt?.(plainReceipt) ?? plainReceipt
  const receiptSignature = await sign(wrong.receiptKey ?? node.key, domain, 'Receipt', receipt)
  const plainBundle: Bundle = {
    format: 'cloister-bundle/2',
    deployment: input.deployment,
    order,
    grants,
    grantSignatures,
    binding,
    freshPublicKey,
    evidence: { tee: 'tdx', quote },
    collateral: { intel: input.manufacturer.collateral() },
    checkpoint,
    checkpointSignatures,
    proofs: await input.prove(head.height, depth, places),
    releases: [...releases],
  }
  const bundle = wrong.bundle?.(plainBundle) ?? plainBundle
  const bundleBytes = encodeBundle(bundle)
  const honestPosting: Posting = {
    task,
    attempt,
    receiptDigest: messageDigest(domain, 'Receipt', receipt),
    receiptSignatureHash: keccak256(receiptSignature),
    bundleDigest: digestOf(bundleBytes),
    spentWei: receipt.spentWei,
    outputCommitment: receipt.outputCommitment,
  }
  const posting = wrong.posting?.(honestPosting) ?? honestPosting
  const operatorSignature = await sign(node.operator, domain, 'Posting', posting)
  return {
    bundle,
    bundleBytes,
    output,
    signed: { posting, operatorSignature, receipt, receiptSignature },
    posting: messageDigest(domain, 'Posting', posting),
  }
}

/** Addresses of accounts, ascending. */
export function addresses(accounts: readonly PrivateKeyAccount[]): readonly Address[] {
  return sortAddresses(accounts.map(({ address }) => address))
}
