// Random access to sealed objects.
import { randomBytes } from 'node:crypto'

import { type Bytes } from '@cloister/codec'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { openRange, seal } from '../src/index.ts'
import { bytes, equal } from './test-bytes.ts'

const chunk = 16_384
const sealedChunk = 16_400
const key = bytes(randomBytes(32))
const context = bytes(Buffer.from('dataset 7, version 2'))

/** Registers the tests. */
export function testRanges(): void {
  const plain = bytes(randomBytes(40 * chunk + 77))

  test('a range equals the slice, and only its chunks are read', async () => {
    const sealed = await seal(key, context, plain)
    const range = fc
      .tuple(fc.nat({ max: plain.length }), fc.nat({ max: plain.length }))
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const)
    const short = fc
      .tuple(fc.nat({ max: plain.length - 100 }), fc.nat({ max: 100 }))
      .map(([a, n]) => [a, a + n] as const)
    const edges = fc.constantFrom(
      [0, 0],
      [0, 1],
      [chunk - 1, chunk],
      [chunk, chunk + 1],
      [chunk - 1, chunk + 1],
      [plain.length - 1, plain.length],
      [plain.length, plain.length],
      [0, plain.length],
    )
    await fc.assert(
      fc.asyncProperty(fc.oneof(edges, short, range), async ([start, end]) => {
        const touched: { readonly from: number; readonly to: number }[] = []
        const read = (offset: number, length: number) => {
          touched.push({ from: offset, to: offset + length })
          return Promise.resolve(sealed.slice(offset, offset + length))
        }
        expect(
          equal(
            await openRange(key, context, read, sealed.length, start, end),
            plain.slice(start, end),
          ),
        ).toBe(true)
        const first = 56 + Math.floor(start / chunk) * sealedChunk
        const last = Math.min(56 + Math.ceil(end / chunk) * sealedChunk, sealed.length)
        expect(touched[0]).toEqual({ from: 0, to: 56 })
        const bodies = touched.slice(1)
        for (const { from, to } of bodies) expect(from >= first && to <= last).toBe(true)
        expect(bodies.reduce((sum, { from, to }) => sum + to - from, 0)).toBe(
          start === end ? 0 : last - first,
        )
      }),
      { numRuns: 60 },
    )
  })

  test('a range over a bad chunk is refused, one beside it opens', async () => {
    const sealed = await seal(key, context, plain)
    sealed[56 + 5 * sealedChunk + 100]! ^= 4
    const read = reader(sealed)
    await expect(
      openRange(key, context, read, sealed.length, 5 * chunk - 1, 5 * chunk + 1),
    ).rejects.toMatchObject({
      code: 'tampered',
      message: expect.stringContaining('chunk 5 '),
    })
    expect(await openRange(key, context, read, sealed.length, 6 * chunk, 6 * chunk + 3)).toEqual(
      plain.slice(6 * chunk, 6 * chunk + 3),
    )
  })

  test('ranges outside, short reads, false sizes and wrong keys are refused', async () => {
    const sealed = await seal(key, context, plain)
    const read = reader(sealed)
    for (const [start, end] of [
      [-1, 3],
      [5, 4],
      [0, plain.length + 1],
      [0.5, 1],
      [0, Number.NaN],
    ] as const)
      await expect(openRange(key, context, read, sealed.length, start, end)).rejects.toMatchObject({
        code: 'out-of-range',
      })
    const stingy = (offset: number, length: number) =>
      read(offset, offset < 56 ? length : length - 1)
    await expect(
      openRange(key, context, stingy, sealed.length, chunk, chunk + 1),
    ).rejects.toMatchObject({ code: 'truncated' })
    await expect(openRange(key, context, read, 40, 0, 0)).rejects.toMatchObject({
      code: 'truncated',
    })
    const claimed = sealed.length - 7
    await expect(
      openRange(key, context, read, claimed, 40 * chunk, 40 * chunk + 1),
    ).rejects.toMatchObject({ code: 'tampered' })
    await expect(openRange(key, bytes([1]), read, sealed.length, 0, 1)).rejects.toMatchObject({
      code: 'wrong-key',
    })
  })
}

function reader(object: Bytes) {
  return (offset: number, length: number) => Promise.resolve(object.slice(offset, offset + length))
}
