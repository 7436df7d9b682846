import {
  drawSeed,
  explainDraw,
  skipReason,
  type DrawDemand,
  type PoolEntry,
} from '@cloister/protocol'
import { keccak256, type Hex } from 'viem'
import { expect, test } from 'vitest'

import { address, word } from './examples.ts'
import { poolEntry } from './pool.ts'

const demand: DrawDemand = {
  tierMin: 1,
  tcbFloor: 0,
  tags: 0b10,
  tees: 0b100,
  operatorLists: [],
  measurementLists: [[word(0x41)]],
  taken: [],
  tried: [],
  now: 999n,
}

// The candidate's point by hand: uint256(keccak256(seed || uint256(i))) modulo the total.
const point = (seed: Hex, index: number, total: bigint) =>
  BigInt(keccak256(`${seed}${index.toString(16).padStart(64, '0')}`)) % total

test('a seed names block, task and attempt', () => {
  expect(drawSeed(word(1), word(2), 3)).toBe(
    keccak256(`0x${'01'.repeat(32)}${'02'.repeat(32)}${'00'.repeat(31)}03`),
  )
})

test('weights lie end to end in the pool’s order', () => {
  const pool = [poolEntry(1, 10n), poolEntry(2, 0n), poolEntry(3, 30n)]
  for (let attempt = 0; attempt < 50; attempt++) {
    const seed = drawSeed(word(7), word(8), attempt)
    const at = point(seed, 0, 40n)
    expect(explainDraw(pool, demand, seed).chosen).toBe(at < 10n ? pool[0] : pool[2])
  }
})

test('candidates that may not run it are skipped with the reason, and the next is tried', () => {
  const pool = [{ ...poolEntry(1, 50n), paused: true }, poolEntry(2, 50n)]
  let skipped = 0
  for (let attempt = 0; attempt < 50; attempt++) {
    const { chosen, tries } = explainDraw(pool, demand, drawSeed(word(7), word(8), attempt))
    expect(chosen).toBe(pool[1])
    expect(tries.at(-1)).toEqual({ candidate: pool[1], skipped: undefined })
    for (const each of tries.slice(0, -1))
      expect(each).toEqual({ candidate: pool[0], skipped: 'paused' })
    skipped += tries.length - 1
  }
  expect(skipped).toBeGreaterThan(20)
})

test('after 32 candidates nobody is chosen', () => {
  const result = explainDraw([{ ...poolEntry(1, 1n), paused: true }], demand, word(1))
  expect(result.chosen).toBeUndefined()
  expect(result.tries.length).toBe(32)
})

test('an empty pool, or one without weight, chooses nobody', () => {
  expect(explainDraw([], demand, word(1))).toEqual({ chosen: undefined, tries: [] })
  expect(explainDraw([poolEntry(1, 0n)], demand, word(1))).toEqual({ chosen: undefined, tries: [] })
})

test.for<{
  name: string
  entry?: Partial<PoolEntry>
  demand?: Partial<DrawDemand>
  reason: string | undefined
}>([
  { name: 'sufficient', reason: undefined },
  { name: 'expired now', entry: { expiry: 999n }, reason: 'expired' },
  { name: 'paused', entry: { paused: true }, reason: 'paused' },
  { name: 'at capacity', entry: { running: 1 }, reason: 'full' },
  { name: 'below the tier', demand: { tierMin: 2 }, reason: 'tier' },
  { name: 'a worse TCB', entry: { tcb: 1 }, reason: 'tcb' },
  { name: 'a tag missing', demand: { tags: 0b110 }, reason: 'tags' },
  {
    name: 'in every grant',
    demand: { operatorLists: [[address(0x81)], [address(0x82), address(0x81)]] },
    reason: undefined,
  },
  {
    name: 'in one grant only',
    demand: { operatorLists: [[address(0x81)], [address(0x82)]] },
    reason: 'operator-not-granted',
  },
  {
    name: 'of a measurement one grant omits',
    demand: { measurementLists: [[word(0x41)], [word(0x42)]] },
    reason: 'measurement-not-granted',
  },
  { name: 'replaced on its leaf', entry: { replaced: true }, reason: 'replaced' },
  { name: 'retired', entry: { retired: true }, reason: 'retired' },
  { name: 'tried before', demand: { tried: [address(1)] }, reason: 'tried-before' },
])('a node that is $name: $reason', ({ entry: change, demand: wish, reason }) => {
  expect(skipReason({ ...poolEntry(1, 1n), ...change }, { ...demand, ...wish })).toBe(reason)
})
