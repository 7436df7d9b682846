import { encodeAbiParameters, keccak256, type Address, type Hex } from 'viem'

import { sameHex } from './ids.ts'
import { hasTee } from './tees.ts'

/** Candidates that one draw tries before it gives up. Spec: docs/protocol.md section 7. */
export const drawTriesMax = 32

/** One node as it stood in the pool when the order was placed (or the attempt before it ended). */
export type PoolEntry = {
  /** The node's receipt key. */
  readonly node: Address
  readonly operator: Address
  readonly measurement: Hex
  /** Its machine's part of the draw, as it stood then. */
  readonly weight: bigint
  /** Whether the machine's place has gone to another machine or operator since: then it counts for nobody. */
  readonly replaced: boolean
  readonly retired: boolean
  readonly expiry: bigint
  readonly paused: boolean
  readonly running: number
  readonly capacity: number
  readonly tier: number
  readonly tcb: number
  /** The number of the TEE that it was admitted with. */
  readonly tee: number
  readonly tags: number
}

/** What a task demands of the node that runs it: the order's wishes and every grant's. */
export type DrawDemand = {
  readonly tierMin: number
  readonly tcbFloor: number
  readonly tags: number
  /** The set of TEEs that order and grants have in common. */
  readonly tees: number
  /** For each grant that names operators: those. */
  readonly operatorLists: readonly (readonly Address[])[]
  /** For each grant: the measurements it names, or its release key approves at the time of the draw; and those that governance approves. */
  readonly measurementLists: readonly (readonly Hex[])[]
  /** Operators on whose nodes other replicas of the order run or ran to acceptance. */
  readonly taken: readonly Address[]
  /** Receipt keys tried before for this task. */
  readonly tried: readonly Address[]
  /** Time of the block that draws, Unix seconds. */
  readonly now: bigint
}

/** Why a candidate is not eligible. Spec: docs/protocol.md section 7. */
export type SkipReason =
  | 'replaced'
  | 'retired'
  | 'expired'
  | 'paused'
  | 'full'
  | 'tier'
  | 'tcb'
  | 'tee-not-granted'
  | 'tags'
  | 'operator-not-granted'
  | 'measurement-not-granted'
  | 'tried-before'
  | 'runs-a-replica'

/** One draw, explained: every candidate in the order tried, and the first eligible one. */
export type DrawExplanation = {
  readonly chosen: PoolEntry | undefined
  readonly tries: readonly {
    readonly candidate: PoolEntry
    readonly skipped: SkipReason | undefined
  }[]
}

/** The seed of an attempt's draw: nobody knows it before its block. Spec: docs/protocol.md section 2. */
export function drawSeed(blockHash: Hex, task: Hex, attempt: number): Hex {
  return keccak256(
    encodeAbiParameters(
      [{ type: 'bytes32' }, { type: 'bytes32' }, { type: 'uint256' }],
      [blockHash, task, BigInt(attempt)],
    ),
  )
}

/** Where candidate `index` falls in a pool of this total weight. Spec: docs/protocol.md section 2. */
export function drawPoint(seed: Hex, index: number, totalWeight: bigint): bigint {
  const hash = keccak256(
    encodeAbiParameters([{ type: 'bytes32' }, { type: 'uint256' }], [seed, BigInt(index)]),
  )
  return BigInt(hash) % totalWeight
}

/** The entry that covers `point`: weights are laid end to end in the pool's order. */
export function entryAt(pool: readonly PoolEntry[], point: bigint): PoolEntry | undefined {
  let end = 0n
  for (const entry of pool) {
    end += entry.weight
    if (point < end) return entry
  }
  return undefined
}

/** Why `entry` may not run the task; undefined when it may. Spec: docs/protocol.md section 7. */
export function skipReason(entry: PoolEntry, demand: DrawDemand): SkipReason | undefined {
  if (entry.replaced) return 'replaced'
  if (entry.retired) return 'retired'
  if (entry.expiry <= demand.now) return 'expired'
  if (entry.paused) return 'paused'
  if (entry.running >= entry.capacity) return 'full'
  if (entry.tier < demand.tierMin) return 'tier'
  if (entry.tcb > demand.tcbFloor) return 'tcb'
  if (!hasTee(demand.tees, entry.tee)) return 'tee-not-granted'
  if ((entry.tags & demand.tags) !== demand.tags) return 'tags'
  if (!inEvery(demand.operatorLists, entry.operator)) return 'operator-not-granted'
  if (!inEvery(demand.measurementLists, entry.measurement)) return 'measurement-not-granted'
  if (demand.tried.some((node) => sameHex(node, entry.node))) return 'tried-before'
  if (demand.taken.some((operator) => sameHex(operator, entry.operator))) return 'runs-a-replica'
  return undefined
}

/**
 * Repeats a draw: which node is chosen, and why each candidate before it was skipped.
 *
 * Equal inputs give equal answers everywhere; the pool stands in the order of the registry's leaves.
 */
export function explainDraw(
  pool: readonly PoolEntry[],
  demand: DrawDemand,
  seed: Hex,
): DrawExplanation {
  const totalWeight = pool.reduce((sum, entry) => sum + entry.weight, 0n)
  if (totalWeight === 0n) return { chosen: undefined, tries: [] }
  const tries: { candidate: PoolEntry; skipped: SkipReason | undefined }[] = []
  for (let index = 0; index < drawTriesMax; index++) {
    const candidate = entryAt(pool, drawPoint(seed, index, totalWeight))
    if (candidate === undefined) break
    const skipped = skipReason(candidate, demand)
    tries.push({ candidate, skipped })
    if (skipped === undefined) return { chosen: candidate, tries }
  }
  return { chosen: undefined, tries }
}

function inEvery(lists: readonly (readonly Hex[])[], wanted: Hex): boolean {
  return lists.every((list) => list.some((each) => sameHex(each, wanted)))
}
