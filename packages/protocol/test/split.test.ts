import { feeForPricesUp, ownersPartDown, splitFee } from '@cloister/protocol'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

test('a fee of ten thousand is split as the protocol says', () => {
  expect(splitFee({ feeWei: 10_000n, pricesWei: [1n, 2n, 4n], keepers: 3, verifiers: 4 })).toEqual({
    ownersWei: [1000n, 2000n, 4000n],
    nodeWei: 2000n,
    keeperWei: 133n,
    verifierWei: 100n,
    treasuryWei: 201n, // 2 % and the one wei that three keepers could not share.
  })
})

test('owners who ask for nothing share equally', () => {
  const { ownersWei, treasuryWei } = splitFee({
    feeWei: 10_000n,
    pricesWei: [0n, 0n, 0n],
    keepers: 1,
    verifiers: 1,
  })
  expect(ownersWei).toEqual([2333n, 2333n, 2333n])
  expect(treasuryWei).toBe(201n)
})

test('what a role without anybody would get goes to the treasury', () => {
  expect(splitFee({ feeWei: 100n, pricesWei: [1n], keepers: 0, verifiers: 0 }).treasuryWei).toBe(
    10n,
  )
})

const wei = fc.bigInt({ min: 0n, max: 2n ** 128n - 1n })

test('every wei of every fee goes to exactly one place, and nobody gets less than nothing', () => {
  fc.assert(
    fc.property(
      wei,
      fc.array(wei, { minLength: 1, maxLength: 16 }),
      fc.nat({ max: 48 }),
      fc.nat({ max: 64 }),
      (feeWei, pricesWei, keepers, verifiers) => {
        const split = splitFee({ feeWei, pricesWei, keepers, verifiers })
        const sum =
          split.ownersWei.reduce((total, part) => total + part, 0n) +
          split.nodeWei +
          split.keeperWei * BigInt(keepers) +
          split.verifierWei * BigInt(verifiers) +
          split.treasuryWei
        expect(sum).toBe(feeWei)
        // The treasury's own two per cent, rounded down, are always in its part.
        expect(split.treasuryWei).toBeGreaterThanOrEqual((feeWei * 2n) / 100n)
        expect(split.ownersWei.length).toBe(pricesWei.length)
      },
    ),
  )
})

test('the least fee for a price covers it, and one wei less does not', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 2n ** 120n }), (price) => {
      const fee = feeForPricesUp(price)
      expect(ownersPartDown(fee) >= price).toBe(true)
      expect(ownersPartDown(fee - 1n) >= price).toBe(false)
    }),
  )
})
