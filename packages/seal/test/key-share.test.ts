import { createHash, randomBytes } from 'node:crypto'

import { type Bytes } from '@cloister/codec'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { combineShares, commitShare, shareX, splitKey, verifyShare } from '../src/index.ts'
import { referenceMultiply } from './reference-field.ts'

const sharing = fc
  .tuple(fc.integer({ min: 2, max: 8 }), fc.integer({ min: 2, max: 8 }))
  .map(([a, b]) => ({ shares: Math.max(a, b), threshold: Math.min(a, b) }))

test('any threshold of the shares, in any order, gives the key back', async () => {
  await fc.assert(
    fc.asyncProperty(sharing, fc.infiniteStream(fc.nat()), async ({ shares, threshold }, order) => {
      const key = bytes(randomBytes(32))
      const split = await splitKey(key, { shares, threshold })
      const shuffled = split
        .map((share) => ({ share, at: order.next().value }))
        .toSorted((a, b) => a.at - b.at)
      const count = threshold + (order.next().value % (shares - threshold + 1))
      expect(await combineShares(shuffled.slice(0, count).map(({ share }) => share))).toEqual(key)
    }),
    { numRuns: 60 },
  )
})

test('two of three shares are points of one line through the key', async () => {
  const key = bytes(randomBytes(32))
  const split = await splitKey(key, { shares: 3, threshold: 2 })
  expect(split.map((share) => share.length)).toEqual([33, 33, 33])
  // On the line y = key + s·x the slope from every share is the same: y_i ^ key = s·x_i, so (y_1 ^ key)·x_2 = (y_2 ^ key)·x_1.
  const [first, second] = [split[0]!, split[2]!]
  for (let index = 0; index < 32; index++) {
    const left = referenceMultiply(first[index]! ^ key[index]!, second[32]!)
    expect(left).toBe(referenceMultiply(second[index]! ^ key[index]!, first[32]!))
  }
})

test('fewer shares than the threshold give another key', async () => {
  const key = bytes(randomBytes(32))
  const split = await splitKey(key, { shares: 3, threshold: 3 })
  expect(await combineShares(split.slice(0, 2))).not.toEqual(key)
})

test('malformed keys, sharings and shares are named', async () => {
  for (const size of [0, 31, 33])
    await expect(splitKey(new Uint8Array(size), { shares: 3, threshold: 2 })).rejects.toMatchObject(
      { field: 'key' },
    )
  for (const [shares, threshold] of [
    [3, 1],
    [2, 3],
    [256, 2],
    [3, 2.5],
    [1, 1],
    [Number.NaN, 2],
  ] as const)
    await expect(splitKey(new Uint8Array(32), { shares, threshold })).rejects.toThrow(RangeError)
  const [a, b] = await splitKey(new Uint8Array(32), { shares: 3, threshold: 2 })
  await expect(combineShares([])).rejects.toMatchObject({ field: 'shares' })
  await expect(combineShares([a!])).rejects.toMatchObject({ field: 'shares' })
  await expect(combineShares([a!, a!])).rejects.toMatchObject({
    field: 'share x',
    message: expect.stringContaining('twice'),
  })
  await expect(combineShares([a!, b!.slice(1)])).rejects.toMatchObject({ field: 'share' })
  await expect(combineShares([a!, new Uint8Array(33)])).rejects.toMatchObject({
    field: 'share x',
    offset: 32,
  })
  expect(shareX(a!)).toBe(a![32])
})

test('a Buffer is a key, and a share, like any other', async () => {
  const key = Buffer.from(bytes(randomBytes(32)))
  const split = await splitKey(key, { shares: 2, threshold: 2 })
  expect(await combineShares(split.map((share) => Buffer.from(share)))).toEqual(bytes(key))
})

test('a commitment is the SHA-256 of tag, asset, index and share', async () => {
  const [asset, share] = [bytes(randomBytes(32)), bytes([...randomBytes(32), 9])]
  const expected = createHash('sha256')
    .update('cloister/share/1\0')
    .update(asset)
    .update(Uint8Array.of(2))
    .update(share)
    .digest()
  expect(Buffer.from(await commitShare({ asset, index: 2, share }))).toEqual(expected)
  expect(await verifyShare({ asset, index: 2, share }, bytes(expected))).toBe(true)
})

test('a commitment fits no other share, index or asset', async () => {
  const [asset, share] = [bytes(randomBytes(32)), bytes([...randomBytes(32), 9])]
  const commitment = await commitShare({ asset, index: 2, share })
  expect(await verifyShare({ asset, index: 1, share }, commitment)).toBe(false)
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 32 * 8 - 1 }), async (bit) => {
      const [otherShare, otherAsset] = [share.slice(), asset.slice()]
      otherShare[bit >> 3]! ^= 1 << (bit & 7)
      otherAsset[bit >> 3]! ^= 1 << (bit & 7)
      expect(await verifyShare({ asset, index: 2, share: otherShare }, commitment)).toBe(false)
      expect(await verifyShare({ asset: otherAsset, index: 2, share }, commitment)).toBe(false)
    }),
  )
  expect(await verifyShare({ asset, index: 2, share }, commitment.slice(1))).toBe(false)
  await expect(commitShare({ asset: asset.slice(1), index: 2, share })).rejects.toMatchObject({
    field: 'asset',
  })
  for (const index of [-1, 256, 0.5])
    await expect(commitShare({ asset, index, share })).rejects.toMatchObject({
      field: 'share index',
    })
})

function bytes(value: Iterable<number>): Bytes {
  return Uint8Array.from(value)
}
