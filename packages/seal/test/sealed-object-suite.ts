// What holds for sealed objects, whichever implementation stands behind #crypto. Both test files run all of it.
import { createHash, randomBytes } from 'node:crypto'

import { type Bytes } from '@cloister/codec'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import {
  createSealer,
  digestSealed,
  open,
  openRange,
  openStream,
  plainSize,
  seal,
  sealedSize,
} from '../src/index.ts'
import { sealWithSalt } from '../src/seal-object.ts'
import { referenceSeal } from './reference-cobblestone.ts'
import { testRanges } from './sealed-range-suite.ts'
import { testVectors } from './sealed-vectors-suite.ts'
import { bytes, collect, equal, outcome, pieces } from './test-bytes.ts'

const chunk = 16_384
const sealedChunk = 16_400
const key = bytes(randomBytes(32))
const context = bytes(Buffer.from('dataset 7, version 2'))
const sizes = [
  0,
  1,
  16,
  16_383,
  16_384,
  16_385,
  32_767,
  32_768,
  32_769,
  32 * chunk - 1,
  32 * chunk,
  33 * chunk + 5,
]

/** Registers the tests. */
export function testSealedObjects(): void {
  testVectors()
  testRoundTrips()
  testRefusals()
  testRanges()
}

function testRoundTrips(): void {
  test.for(sizes)('%i bytes seal as the reference seals them, and open', async (size) => {
    const plain = bytes(randomBytes(size))
    const salt = bytes(randomBytes(24))
    const expected = referenceSeal(key, context, salt, plain)
    expect(equal(await sealWithSalt(key, context, salt, plain), expected)).toBe(true)
    expect(expected.length).toBe(sealedSize(size))
    expect(plainSize(expected.length)).toBe(size)
    expect(equal(await open(key, context, expected), plain)).toBe(true)
    for (const piece of [997, sealedChunk, 1 << 20])
      expect(equal(await collect(openStream(key, context, pieces(expected, piece))), plain)).toBe(
        true,
      )
    const streamed = await collect(createSealer(key, context).sealStream(pieces(plain, 1009)))
    expect(equal(streamed, referenceSeal(key, context, streamed.slice(0, 24), plain))).toBe(true)
  })

  test('any bytes in any pieces come back', async () => {
    const cuts = fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 8 })
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: 60_000 }),
        cuts,
        fc.uint8Array({ maxLength: 64 }),
        async (size, sizesOfPieces, ctx) => {
          const plain = bytes(randomBytes(size))
          const sealed = await collect(
            createSealer(key, bytes(ctx)).sealStream(pieces(plain, ...sizesOfPieces)),
          )
          expect(
            equal(
              await collect(openStream(key, bytes(ctx), pieces(sealed, ...sizesOfPieces))),
              plain,
            ),
          ).toBe(true)
        },
      ),
      { numRuns: 40 },
    )
  })

  test('every object gets its own salt', async () => {
    const sealer = createSealer(key, context)
    const sealed = await Promise.all([
      sealer.seal(bytes([1])),
      sealer.seal(bytes([1])),
      seal(key, context, bytes([1])),
    ])
    expect(
      new Set(sealed.map((object) => Buffer.from(object.subarray(0, 24)).toString('hex'))).size,
    ).toBe(3)
  })

  test('a sealer keeps its key when the caller wipes it', async () => {
    const mine = key.slice()
    const sealer = createSealer(mine, context)
    mine.fill(0)
    expect(await open(key, context, await sealer.seal(bytes([7])))).toEqual(bytes([7]))
  })

  test('the digest is SHA-256 of all sealed bytes, in memory and as a stream', async () => {
    const sealed = await seal(key, context, bytes(randomBytes(50_000)))
    const expected = bytes(createHash('sha256').update(sealed).digest())
    expect(await digestSealed(sealed)).toEqual(expected)
    expect(await digestSealed(pieces(sealed, 1013))).toEqual(expected)
  })
}

function testRefusals(): void {
  // One position of every kind: salt, commitment, first and last byte of bodies and tags.
  const at = [
    0,
    23,
    24,
    55,
    56,
    56 + chunk - 1,
    56 + chunk,
    56 + sealedChunk - 1,
    56 + sealedChunk,
    56 + 2 * sealedChunk - 17,
  ]
  test.for([...at, 56 + 2 * sealedChunk, 56 + 2 * sealedChunk + 4, 56 + 2 * sealedChunk + 20])(
    'a changed byte %i is refused, its chunk named, and nothing of it released',
    async (position) => {
      const plain = bytes(randomBytes(2 * chunk + 5))
      const sealed = await seal(key, context, plain)
      sealed[position]! ^= 1
      const number = Math.max(0, Math.floor((position - 56) / sealedChunk))
      const expected = {
        code: position < 56 ? 'wrong-key' : 'tampered',
        message: expect.stringContaining(`chunk ${number} `),
      }
      await expect(open(key, context, sealed)).rejects.toMatchObject(expected)
      const released: Bytes[] = []
      const reading = (async () => {
        for await (const piece of openStream(key, context, pieces(sealed, 4096)))
          released.push(piece)
      })()
      await expect(reading).rejects.toMatchObject(expected)
      expect(released.reduce((size, piece) => size + piece.length, 0)).toBeLessThanOrEqual(
        number * chunk,
      )
    },
  )

  test('every shorter object is refused as a whole and as a stream', async () => {
    const sealed = await seal(key, context, bytes(randomBytes(chunk + 3)))
    const lengths = fc.oneof(
      fc.constantFrom(
        0,
        1,
        55,
        56,
        57,
        71,
        72,
        56 + sealedChunk - 1,
        56 + sealedChunk,
        56 + sealedChunk + 15,
        56 + sealedChunk + 16,
      ),
      fc.nat({ max: sealed.length - 1 }),
    )
    await fc.assert(
      fc.asyncProperty(lengths, async (length) => {
        const cut = sealed.slice(0, length)
        const body = length - 56
        const code = body < 0 || body % sealedChunk < 16 ? 'truncated' : 'tampered'
        expect(await outcome(open(key, context, cut))).toBe(code)
        expect(await outcome(collect(openStream(key, context, pieces(cut, 3000))))).toBe(code)
      }),
      { numRuns: 60 },
    )
  })

  test('appended, swapped, repeated and dropped chunks are refused', async () => {
    const sealed = await seal(key, context, bytes(randomBytes(3 * chunk + 9)))
    const other = await seal(key, context, bytes(randomBytes(3 * chunk + 9)))
    const [header, a, b, c, end] = [
      sealed.subarray(0, 56),
      sealedPart(sealed, 0),
      sealedPart(sealed, 1),
      sealedPart(sealed, 2),
      sealedPart(sealed, 3),
    ]
    const forged = [
      { object: joined(sealed, Uint8Array.of(0)), bad: 3 },
      { object: joined(sealed, end), bad: 3 },
      { object: joined(header, b, a, c, end), bad: 0 },
      { object: joined(header, a, a, c, end), bad: 1 },
      { object: joined(header, a, c, end), bad: 1 },
      { object: joined(header, a, b, end), bad: 2 },
      { object: joined(header, a, sealedPart(other, 1), c, end), bad: 1 },
    ]
    for (const { object, bad } of forged) {
      const expected = { code: 'tampered', message: expect.stringContaining(`chunk ${bad} `) }
      await expect(open(key, context, object)).rejects.toMatchObject(expected)
      await expect(collect(openStream(key, context, pieces(object, 9000)))).rejects.toMatchObject(
        expected,
      )
    }
  })

  test('another key or context opens nothing', async () => {
    const sealed = await seal(key, context, bytes([1, 2, 3]))
    const otherKey = key.slice()
    otherKey[31]! ^= 0x80
    expect(await outcome(open(otherKey, context, sealed))).toBe('wrong-key')
    expect(await outcome(open(key, bytes(Buffer.from('dataset 7, version 3')), sealed))).toBe(
      'wrong-key',
    )
    expect(await outcome(open(key, new Uint8Array(), sealed))).toBe('wrong-key')
  })

  test('a key of another size and an oversized context are named', async () => {
    for (const size of [0, 16, 31, 33])
      expect(() => createSealer(new Uint8Array(size), context)).toThrow(
        expect.objectContaining({ code: 'malformed', field: 'key' }),
      )
    expect(() => createSealer(key, new Uint8Array(65_537))).toThrow(
      expect.objectContaining({ field: 'context' }),
    )
    await expect(open(new Uint8Array(31), context, new Uint8Array(72))).rejects.toMatchObject({
      field: 'key',
    })
    expect(
      await open(key, new Uint8Array(65_536), await seal(key, new Uint8Array(65_536), bytes([5]))),
    ).toEqual(bytes([5]))
  })

  test('sizes beyond 2^38 chunks are refused before anything is read or spent', async () => {
    const most = 2 ** 38 * chunk - 1
    expect(sealedSize(most)).toBe(56 + 2 ** 38 * sealedChunk - 1)
    expect(() => sealedSize(most + 1)).toThrow(expect.objectContaining({ code: 'too-large' }))
    await expect(
      openRange(key, context, never, 56 + 2 ** 38 * sealedChunk + 16, 0, 1),
    ).rejects.toMatchObject({ code: 'too-large' })
    for (const size of [-1, 0.5, Number.NaN]) expect(() => sealedSize(size)).toThrow(RangeError)
  })

  test("a failing source's own error comes through", async () => {
    await expect(collect(createSealer(key, context).sealStream(failing()))).rejects.toThrow(
      'disk gone',
    )
  })
}

function sealedPart(object: Bytes, number: number): Bytes {
  return object.subarray(56 + number * sealedChunk, 56 + (number + 1) * sealedChunk)
}

function joined(...parts: readonly Uint8Array[]): Bytes {
  return bytes(Buffer.concat(parts))
}

function never(): Promise<Bytes> {
  return Promise.reject(new Error('must not be read'))
}

async function* failing() {
  await Promise.resolve()
  yield new Uint8Array(20_000)
  throw new Error('disk gone')
}
