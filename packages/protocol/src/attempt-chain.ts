import { MalformedError } from '@cloister/codec'
import { getAddress, toHex, type Address, type Hex } from 'viem'

import { releaseKeysOf, type ReleaseApproval } from './attest-policy.ts'
import type { Bundle } from './bundle.ts'
import { cellValue, chainCells, type StorageCell } from './chain-cells.ts'
import type { Contracts } from './deployment.ts'
import { messageDigest, type Domain } from './digest.ts'
import { membersHash, sameHex } from './ids.ts'
import { differs, unless, type Problem } from './problems.ts'
import { compareSlots, proveChain, type ProvenChain, type SlotPlace } from './proven-chain.ts'
import { placeOf } from './receipt-needs.ts'

/** What an attempt's proofs are held against. It comes from a later state of the chain, never from the bundle. */
export type AttemptChainFacts = {
  readonly contracts: Contracts
  readonly depth: number
  /** Of the checkpoint's epoch; undefined only where the caller refuses that epoch anyway. */
  readonly members: readonly Address[] | undefined
  readonly node: {
    readonly operator: Address
    readonly machineId: Hex
    readonly measurement: Hex
    /** The number of the TEE that it was admitted with. */
    readonly tee: number
    readonly shareKeyHash: Hex
  }
  /** In the order of the order's assets. */
  readonly assets: readonly {
    readonly owner: Address
    readonly root: Hex
    readonly sharesHash: Hex
    readonly policyDigest: Hex
  }[]
}

/** What of a bundle says which words its proofs must show. */
export type AttemptNeeds = Pick<
  Bundle,
  'order' | 'grants' | 'binding' | 'checkpoint' | 'releases'
> & { readonly measurement: Hex }

type Read = (cell: StorageCell, depth: number) => bigint

const taskRunning = 2n
const appListed = 1n

/**
 * The storage slots that an attempt proves under its own checkpoint, without repeats. Spec: docs/protocol.md section 11.
 *
 * @param domain the one that grants are digested under.
 */
export function attemptNeeds(
  domain: Domain,
  needs: AttemptNeeds,
  contracts: Contracts,
  depth: number,
): readonly SlotPlace[] {
  const { order, grants, binding, checkpoint, releases, measurement } = needs
  const task = chainCells.task(binding.task)
  const draw = [task.orderDigest, task.state, task.attempt, task.node, task.attemptDeadline]
  const nodes = [binding.receiptKey]
  for (const { release, countersigner } of releases) nodes.push(release.keeper, countersigner)
  const head = [
    ...draw,
    chainCells.committeeEpoch(),
    chainCells.membersHash(checkpoint.committee),
    ...grants.flatMap((grant) => [
      chainCells.grantRevokedAt(grant.owner, messageDigest(domain, 'Grant', grant)),
      chainCells.grantNonceMin(grant.owner),
    ]),
    ...releaseKeysOf(grants).map((key) => chainCells.approvedUntil(key, measurement)),
  ]
  const deep = [
    ...draw,
    ...nodes.flatMap(nodeCells),
    ...order.assets.flatMap((asset) => {
      const { owner, root, sharesHash, policyDigest } = chainCells.asset(asset)
      return [owner, root, sharesHash, policyDigest]
    }),
    ...Object.values(chainCells.floor()),
    chainCells.appStatus(order.app),
    chainCells.measurementApproved(measurement),
  ]
  const places = [
    ...head.map((cell) => placeOf(cell, contracts, 0)),
    ...deep.map((cell) => placeOf(cell, contracts, depth)),
  ]
  return places.reduce<readonly SlotPlace[]>(
    (found, place) => [...found, ...compareSlots([place], found).missing],
    [],
  )
}

/**
 * What is wrong with the chain facts that a bundle proves under its own checkpoint; nothing where it proves exactly
 * those of docs/protocol.md section 11, and each says what it must. Who signed the checkpoint is another question.
 */
export async function checkAttemptChain(
  domain: Domain,
  bundle: Bundle,
  facts: AttemptChainFacts,
): Promise<readonly Problem[]> {
  const { contracts, depth } = facts
  let chain: ProvenChain
  try {
    chain = await proveChain(bundle.checkpoint, bundle.proofs)
  } catch (error) {
    if (error instanceof MalformedError) return [{ field: 'proofs', detail: error.message }]
    throw error
  }
  const needs = { ...bundle, measurement: facts.node.measurement }
  const wanted = attemptNeeds(domain, needs, contracts, depth)
  const { missing, surplus } = compareSlots(wanted, chain.slots)
  // An enclave also shows the records of keepers that it asked in vain, and a bundle does not say which keys those had.
  const isRecord = (place: SlotPlace): boolean =>
    place.depth === depth && sameHex(place.address, contracts.nodeRegistry)
  const recordsMax = nodeCells(bundle.binding.receiptKey).length * 3 * bundle.order.assets.length
  const problems = [
    ...unless(chain.headers.length === depth + 1, 'proofs.headers', `expected ${depth + 1}`),
    ...unless(missing.length === 0, 'proofs', `${missing.length} slots are not proven`),
    ...unless(
      surplus.every(isRecord) && surplus.length <= recordsMax,
      'proofs',
      `${surplus.length} slots are proven that nothing rests on`,
    ),
  ]
  if (problems.length > 0) return problems
  const read: Read = (cell, at) => cellValue(cell, chain.word(placeOf(cell, contracts, at)))
  return [
    ...drawProblems(domain, bundle, read, 0),
    ...drawProblems(domain, bundle, read, depth),
    ...assetProblems(bundle, facts, read),
    ...grantProblems(domain, bundle, read),
    ...nodeProblems(bundle, facts, read),
    ...keeperProblems(bundle, facts, read),
    ...committeeProblems(bundle, facts, read),
  ]
}

/**
 * Which of the grants' release keys approved the attempt's measurement under its own checkpoint, as the bundle proves it.
 *
 * Nothing is held against the chain here: {@link checkAttemptChain} does that. A bundle whose proofs are broken approves nothing.
 */
export async function provenApprovals(
  bundle: Pick<Bundle, 'grants' | 'checkpoint' | 'proofs'>,
  measurement: Hex,
  contracts: Contracts,
): Promise<readonly ReleaseApproval[]> {
  const keys = releaseKeysOf(bundle.grants)
  if (keys.length === 0) return []
  try {
    const chain = await proveChain(bundle.checkpoint, bundle.proofs)
    return keys
      .filter((key) => {
        const cell = chainCells.approvedUntil(key, measurement)
        const until = cellValue(cell, chain.word(placeOf(cell, contracts, 0)))
        return until > bundle.checkpoint.blockTime
      })
      .map((releaseKey) => ({ releaseKey, measurement }))
  } catch (error) {
    if (error instanceof MalformedError) return []
    throw error
  }
}

function drawProblems(
  domain: Domain,
  { binding, order, checkpoint }: Bundle,
  read: Read,
  depth: number,
): readonly Problem[] {
  const task = chainCells.task(binding.task)
  const field = `proofs.task at depth ${depth}`
  return [
    ...differs(
      `${field}: orderDigest`,
      messageDigest(domain, 'Order', order),
      word(read(task.orderDigest, depth)),
    ),
    ...differs(`${field}: state`, read(task.state, depth), taskRunning),
    ...differs(`${field}: attempt`, read(task.attempt, depth), BigInt(binding.attempt)),
    ...differs(`${field}: node`, binding.receiptKey, address(read(task.node, depth))),
    ...unless(
      read(task.attemptDeadline, depth) > checkpoint.blockTime,
      `${field}: deadline`,
      'had passed',
    ),
  ]
}

function assetProblems(
  { order }: Bundle,
  { assets, depth }: AttemptChainFacts,
  read: Read,
): readonly Problem[] {
  return order.assets.flatMap((asset, index) => {
    const cells = chainCells.asset(asset)
    const field = `proofs.assets[${index}]`
    const known = assets[index]
    return [
      ...differs(`${field}.owner`, address(read(cells.owner, depth)), known?.owner),
      ...differs(`${field}.root`, word(read(cells.root, depth)), known?.root),
      ...differs(`${field}.sharesHash`, word(read(cells.sharesHash, depth)), known?.sharesHash),
      ...differs(
        `${field}.policyDigest`,
        word(read(cells.policyDigest, depth)),
        known?.policyDigest,
      ),
    ]
  })
}

function grantProblems(domain: Domain, { grants }: Bundle, read: Read): readonly Problem[] {
  return grants.flatMap((grant, index) => {
    const { owner, nonce } = grant
    const revokedAt = chainCells.grantRevokedAt(owner, messageDigest(domain, 'Grant', grant))
    const nonceMin = read(chainCells.grantNonceMin(owner), 0)
    const field = `proofs.grants[${index}]`
    return [
      ...unless(read(revokedAt, 0) === 0n, field, 'was revoked'),
      ...unless(nonceMin <= nonce, field, `all below nonce ${nonceMin} were revoked`),
    ]
  })
}

function nodeProblems(
  { binding, order, checkpoint }: Bundle,
  { node, depth }: AttemptChainFacts,
  read: Read,
): readonly Problem[] {
  const cells = chainCells.node(binding.receiptKey)
  const { machineId, measurement, shareKeyHash } = cells
  const status = read(chainCells.appStatus(order.app), depth)
  const approved = read(chainCells.measurementApproved(node.measurement), depth)
  return [
    ...differs('proofs.node.operator', address(read(cells.operator, depth)), node.operator),
    ...differs('proofs.node.machineId', word(read(machineId, depth)), node.machineId),
    ...differs('proofs.node.measurement', word(read(measurement, depth)), node.measurement),
    ...differs('proofs.node.tee', Number(read(cells.tee, depth)), node.tee),
    ...differs('proofs.node.shareKeyHash', word(read(shareKeyHash, depth)), node.shareKeyHash),
    ...unless(read(cells.retired, depth) === 0n, 'proofs.node', 'had retired'),
    ...unless(read(cells.expiry, depth) > checkpoint.blockTime, 'proofs.node', 'had expired'),
    ...unless(status === appListed, 'proofs.app', 'was not listed'),
    ...unless(approved === 1n, 'proofs.measurement', 'was not approved'),
  ]
}

function keeperProblems(
  { releases }: Bundle,
  { depth }: AttemptChainFacts,
  read: Read,
): readonly Problem[] {
  return releases.flatMap(({ release, countersigner }, index) =>
    [release.keeper, countersigner].flatMap((key) =>
      unless(
        read(chainCells.node(key).operator, depth) !== 0n,
        `proofs.releases[${index}]`,
        `${key} was no registered key`,
      ),
    ),
  )
}

function committeeProblems(
  { checkpoint }: Bundle,
  { members }: AttemptChainFacts,
  read: Read,
): readonly Problem[] {
  const hash = word(read(chainCells.membersHash(checkpoint.committee), 0))
  return [
    ...differs('proofs.committee', read(chainCells.committeeEpoch(), 0), checkpoint.committee),
    ...(members === undefined ? [] : differs('proofs.committee', hash, membersHash(members))),
  ]
}

function nodeCells(receiptKey: Address): readonly StorageCell[] {
  const { operator, expiry, tier, tee, retired, shareKeyHash, machineId, measurement } =
    chainCells.node(receiptKey)
  const cells = [operator, expiry, tier, tee, retired, shareKeyHash, machineId, measurement]
  return cells.filter(({ slot }, index) => cells.findIndex((each) => each.slot === slot) === index)
}

function word(value: bigint): Hex {
  return toHex(value, { size: 32 })
}

function address(value: bigint): Address {
  return getAddress(toHex(value, { size: 20 }))
}
