import { randomBytes } from 'node:crypto'

import { type Bytes } from '@cloister/codec'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { multiply } from '../src/gf256.ts'
import {
  combineShares,
  commitShare,
  finishRecoveryPart,
  recoverShare,
  shareX,
  splitKey,
  startRecovery,
  verifyShare,
  type KeyShare,
} from '../src/index.ts'
import { referenceInverse, referenceMultiply } from './reference-field.ts'

const places = fc.shuffledSubarray([0, 1, 2], { minLength: 3 })

test('multiplication agrees with long division for every pair', () => {
  for (let a = 0; a < 256; a++)
    for (let b = 0; b < 256; b++)
      if (multiply(a, b) !== referenceMultiply(a, b)) expect.fail(`${a} * ${b}`)
})

test('two helpers give back exactly the lost share, whichever it is', async () => {
  await fc.assert(
    fc.asyncProperty(places, async ([lostPlace = 0, aPlace = 0, bPlace = 0]) => {
      const key = bytes(randomBytes(32))
      const split = await splitKey(key, { shares: 3, threshold: 2 })
      const [lost, a, b] = [split[lostPlace]!, split[aPlace]!, split[bPlace]!]
      const recovered = await recoverShare(run(a, b, shareX(lost)), shareX(lost))
      expect(recovered).toEqual(lost)
      expect(await combineShares([recovered, a])).toEqual(key)
      expect(await combineShares([b, recovered])).toEqual(key)
    }),
    { numRuns: 100 },
  )
})

test('the parts do not combine to the key, nor do messages or one share with a part', async () => {
  await fc.assert(
    fc.asyncProperty(places, async ([lostPlace = 0, aPlace = 0, bPlace = 0]) => {
      const key = bytes(randomBytes(32))
      const split = await splitKey(key, { shares: 3, threshold: 2 })
      const [lost, a, b] = [split[lostPlace]!, split[aPlace]!, split[bPlace]!]
      const [partA, partB] = run(a, b, shareX(lost))
      for (const pair of [
        [partA!, partB!],
        [partA!, b],
        [a, partB!],
      ])
        expect(await combineShares(pair)).not.toEqual(key)
      expect(partA).not.toEqual(a)
      expect(partB).not.toEqual(b)
    }),
    { numRuns: 50 },
  )
})

test('what the newcomer learns fits every key equally', async () => {
  // For any other key there is one pair of masks that gives the newcomer the same parts: so the parts tell nothing about it.
  const split = await splitKey(bytes(randomBytes(32)), { shares: 3, threshold: 2 })
  const [lost, a, b] = split.map((share) => bytes(share))
  const parts = run(a!, b!, shareX(lost!))
  const l = shareX(lost!)
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 32, maxLength: 32 }), async (other) => {
      // The line through (0, other) and (l, lost); its mask must vanish at l and have one slope for both helpers.
      for (const index of [0, 31]) {
        const slope = referenceMultiply(lost![index]! ^ other[index]!, referenceInverse(l))
        const masks = parts.map(
          (part) => part[index]! ^ other[index]! ^ referenceMultiply(slope, shareX(part)),
        )
        const slopes = masks.map((mask, at) =>
          referenceMultiply(mask, referenceInverse(shareX(parts[at]!) ^ l)),
        )
        expect(slopes[0]).toBe(slopes[1])
      }
    }),
  )
})

test('every recovery draws a new mask, zero at the lost place', async () => {
  const [lost, a, b] = await splitKey(bytes(randomBytes(32)), { shares: 3, threshold: 2 })
  const xs = [shareX(a!), shareX(b!)]
  const [first, second] = [
    startRecovery(a!, shareX(lost!), xs),
    startRecovery(a!, shareX(lost!), xs),
  ]
  expect(first.own).not.toEqual(second.own)
  expect([...first.toHelpers.keys()]).toEqual([shareX(b!)])
  const toB = first.toHelpers.get(shareX(b!))!
  // A line that vanishes at l: d(a) / (a - l) = d(b) / (b - l).
  for (let index = 0; index < 32; index++)
    expect(referenceMultiply(first.own[index]!, shareX(b!) ^ shareX(lost!))).toBe(
      referenceMultiply(toB[index]!, shareX(a!) ^ shareX(lost!)),
    )
})

test('a helper that lies is found by the commitment', async () => {
  const asset = bytes(randomBytes(32))
  const [lost, a, b] = await splitKey(bytes(randomBytes(32)), { shares: 3, threshold: 2 })
  const commitment = await commitShare({ asset, index: 0, share: lost! })
  const honest = run(a!, b!, shareX(lost!))
  const good = await recoverShare(honest, shareX(lost!))
  expect(await verifyShare({ asset, index: 0, share: good }, commitment)).toBe(true)
  honest[1]![5]! ^= 1
  const bad = await recoverShare(honest, shareX(lost!))
  expect(await verifyShare({ asset, index: 0, share: bad }, commitment)).toBe(false)
})

test('malformed recoveries are named', async () => {
  const [lost, a, b] = await splitKey(bytes(randomBytes(32)), { shares: 3, threshold: 2 })
  const [l, x, y] = [shareX(lost!), shareX(a!), shareX(b!)]
  const stranger = [1, 2, 3, 4].find((value) => ![l, x, y].includes(value))!
  for (const helpers of [[], [x], [y, stranger], [x, y, stranger]])
    expect(() => startRecovery(a!, l, helpers)).toThrow(
      expect.objectContaining({ field: 'helpers' }),
    )
  expect(() => startRecovery(a!, l, [x, x])).toThrow(expect.objectContaining({ field: 'share x' }))
  expect(() => startRecovery(a!, x, [x, y])).toThrow(expect.objectContaining({ field: 'share x' }))
  expect(() => startRecovery(a!, 0, [x, y])).toThrow(expect.objectContaining({ field: 'lost x' }))
  expect(() => startRecovery(a!, l, [x, 256])).toThrow(
    expect.objectContaining({ field: 'helper x' }),
  )
  const mask = new Uint8Array(32)
  expect(() => finishRecoveryPart(a!, mask, [])).toThrow(
    expect.objectContaining({ field: 'received' }),
  )
  expect(() => finishRecoveryPart(a!, mask, [mask.slice(1)])).toThrow(
    expect.objectContaining({ field: 'mask' }),
  )
  await expect(recoverShare([a!], l)).rejects.toMatchObject({ field: 'parts' })
  await expect(recoverShare([a!, a!], l)).rejects.toMatchObject({ field: 'share x' })
  await expect(recoverShare([a!, lost!], l)).rejects.toMatchObject({ field: 'share x' })
  await expect(recoverShare([a!, b!.slice(1)], l)).rejects.toMatchObject({ field: 'share' })
})

function run(a: KeyShare, b: KeyShare, lostX: number): Bytes[] {
  const xs = [shareX(a), shareX(b)]
  const [fromA, fromB] = [startRecovery(a, lostX, xs), startRecovery(b, lostX, xs)]
  return [
    finishRecoveryPart(a, fromA.own, [fromB.toHelpers.get(shareX(a))!]),
    finishRecoveryPart(b, fromB.own, [fromA.toHelpers.get(shareX(b))!]),
  ]
}

function bytes(value: Iterable<number>): Bytes {
  return Uint8Array.from(value)
}
