import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { pickKeepers, type KeeperCandidate } from '../src/choose-keepers.ts'

const first = () => 0
const hex = (digit: number, length: number): `0x${string}` =>
  `0x${digit.toString(16).padStart(length, '0')}`
const node = (
  operator: number,
  tee: number,
  machine: number = operator,
  tier = 1,
): KeeperCandidate => ({
  operator: hex(operator, 40),
  url: `http://node-${operator}`,
  machineId: hex(machine, 64),
  tee,
  tier,
})

test('takes three vendors, operators and machines where there are such, and has nothing to say', () => {
  const nodes = [node(1, 2), node(2, 2), node(3, 3), node(4, 1), node(5, 4), node(6, 3)]
  const { keepers, notes } = pickKeepers(nodes, first)
  expect(new Set(keepers.map(({ tee }) => (tee === 1 ? 2 : tee))).size).toBe(3)
  expect(notes).toEqual([])
})

test('sgx and tdx are one vendor', () => {
  const { notes } = pickKeepers([node(1, 1), node(2, 2), node(3, 3)], first)
  expect(notes).toEqual([expect.stringContaining('two vendors (Intel and AMD): no other vendor')])
})

test('says what it could not do: one vendor, a shared machine, a devnet', () => {
  const { notes } = pickKeepers([node(1, 2, 7), node(2, 2, 7), node(3, 2, 8, 0)], first)
  expect(notes).toEqual([
    expect.stringContaining('one vendor (Intel)'),
    expect.stringContaining('share a machine'),
    expect.stringContaining('tier 0'),
  ])
})

test('says so where an operator is all that stands in the way of a third vendor', () => {
  const { keepers, notes } = pickKeepers(
    [node(1, 2), node(1, 3), node(1, 4), node(2, 2), node(3, 2)],
    first,
  )
  expect(new Set(keepers.map(({ operator }) => operator)).size).toBe(3)
  expect(notes).toEqual([expect.stringContaining('operators do not allow for more')])
})

test('two operators are too few', () => {
  expect(() => pickKeepers([node(1, 2), node(2, 3), node(2, 4)], first)).toThrow(
    'Cannot choose three keepers: 2 operators',
  )
})

test('never gives an operator two shares, whoever offers', () => {
  const candidate = fc
    .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5 }), fc.nat({ max: 3 }))
    .map(([operator, tee, machine]) => node(operator, tee, machine))
  fc.assert(
    fc.property(
      fc.array(candidate, { maxLength: 120 }),
      fc.infiniteStream(fc.nat()),
      (all, draws) => {
        const below = (count: number) => Number(draws.next().value) % count
        const operators = new Set(all.map(({ operator }) => operator)).size
        if (operators < 3) {
          expect(() => pickKeepers(all, below)).toThrow('three')
          return
        }
        const { keepers } = pickKeepers(all, below)
        expect(new Set(keepers.map(({ operator }) => operator)).size).toBe(3)
      },
    ),
    { numRuns: 300 },
  )
})
