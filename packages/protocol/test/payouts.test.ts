import {
  payoutLeaf,
  payoutProof,
  payoutRoot,
  verifyPayoutProof,
  type Payout,
} from '@cloister/protocol'
import * as fc from 'fast-check'
import { keccak256 } from 'viem'
import { expect, test } from 'vitest'

import { address, word } from './examples.ts'

const payouts = (count: number): readonly Payout[] =>
  Array.from({ length: count }, (_, index) => ({
    account: address(index + 1),
    cumulativeWei: BigInt(index * 1000 + 1),
  }))

test('a leaf is hashed twice', () => {
  const inner = keccak256(`0x${'00'.repeat(12)}${'01'.repeat(20)}${'00'.repeat(31)}05`)
  expect(payoutLeaf({ account: address(1), cumulativeWei: 5n })).toBe(keccak256(inner))
})

test('a pair is hashed in ascending order', () => {
  const [a, b] = payouts(2).map(payoutLeaf).toSorted()
  expect(payoutRoot(payouts(2))).toBe(keccak256(`0x${a!.slice(2)}${b!.slice(2)}`))
})

test('one payout is its own root, none is zero', () => {
  expect(payoutRoot(payouts(1))).toBe(payoutLeaf(payouts(1)[0]!))
  expect(payoutRoot([])).toBe(word(0))
})

test('every account’s proof leads to the root, and to no other amount or account', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), (count) => {
      const all = payouts(count)
      const root = payoutRoot(all.toReversed())
      for (const payout of all) {
        const proof = payoutProof(all, payout.account)!
        expect(verifyPayoutProof(root, payout, proof)).toBe(true)
        expect(
          verifyPayoutProof(root, { ...payout, cumulativeWei: payout.cumulativeWei + 1n }, proof),
        ).toBe(false)
        expect(verifyPayoutProof(root, { ...payout, account: address(0xff) }, proof)).toBe(false)
      }
    }),
    { numRuns: 20 },
  )
})

test('an account without a payout has no proof', () => {
  expect(payoutProof(payouts(3), address(0xff))).toBeUndefined()
})
