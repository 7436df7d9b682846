// What holds for sealed objects, whichever implementation stands behind #crypto. Both test files run all of it.
import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'

import { type Bytes } from '@cloister/codec'
import fc from 'fast-check'
import { expect, test } from 'vitest'

import { chunkNonce } from '../src/chunk-keys.ts'
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
import { referenceNonce, referenceSeal } from './reference-cobblestone.ts'

type Vector = {
  readonly name: string
  readonly key: string
  readonly context: string
  readonly sealedZlib: string
} & ({ readonly plainSize: number; readonly plainSha512: string } | { readonly refused: string })

type Rollover = Record<
  'key' | 'context' | 'header' | 'aeadKey' | 'baseNonce' | 'plainSha512',
  string
> & {
  readonly plainSize: number
}

const vectors: { readonly objects: readonly Vector[]; readonly counterRollover: Rollover } =
  JSON.parse(readFileSync(new URL('vectors/cobblestone-256.json', import.meta.url), 'utf8'))

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

function testVectors(): void {
  test.for(vectors.objects)('published vector: $name', async (vector) => {
    const sealed = bytes(inflateSync(Buffer.from(vector.sealedZlib, 'hex')))
    const [vectorKey, vectorContext] = [hex(vector.key), hex(vector.context)]
    const whole = outcome(open(vectorKey, vectorContext, sealed))
    const streamed = outcome(collect(openStream(vectorKey, vectorContext, pieces(sealed, 5000))))
    if ('refused' in vector) {
      expect(await whole).toBe(vector.refused)
      expect(await streamed).toBe(vector.refused)
      return
    }
    const expected = { size: vector.plainSize, sha512: vector.plainSha512 }
    expect(await whole).toEqual(expected)
    expect(await streamed).toEqual(expected)
    const plain = await open(vectorKey, vectorContext, sealed)
    expect(await sealWithSalt(vectorKey, vectorContext, sealed.slice(0, 24), plain)).toEqual(sealed)
  })

  test('published vector: the chunk counter passes 255', async () => {
    const vector = vectors.counterRollover
    const plain = new Uint8Array(vector.plainSize)
    for (let number = 0; number * chunk < plain.length; number++) {
      const nonce = referenceNonce(hex(vector.baseNonce), number)
      const zeros = new Uint8Array(Math.min(chunk, plain.length - number * chunk))
      plain.set(
        createCipheriv('aes-256-gcm', hex(vector.aeadKey), nonce).update(zeros),
        number * chunk,
      )
    }
    expect(sha512(plain)).toBe(vector.plainSha512)
    const header = hex(vector.header)
    const sealed = await sealWithSalt(
      hex(vector.key),
      hex(vector.context),
      header.slice(0, 24),
      plain,
    )
    expect(sealed.subarray(0, 56)).toEqual(header)
    for (let at = 56; at < sealed.length; at += sealedChunk)
      expect(
        sealed.subarray(at, Math.min(at + chunk, sealed.length - 16)).every((byte) => byte === 0),
      ).toBe(true)
    expect(sha512(await open(hex(vector.key), hex(vector.context), sealed))).toBe(
      vector.plainSha512,
    )
  })

  test('the nonce carries the whole 38-bit chunk number', () => {
    const base = bytes(randomBytes(12))
    for (const number of [0, 1, 255, 256, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 38 - 1])
      expect(Buffer.from(chunkNonce(base, number))).toEqual(referenceNonce(base, number))
    expect(() => chunkNonce(base, 2 ** 38)).toThrow(expect.objectContaining({ code: 'too-large' }))
  })
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
    const piece = (object: Bytes, number: number) =>
      object.subarray(56 + number * sealedChunk, 56 + (number + 1) * sealedChunk)
    const joined = (...parts: readonly Uint8Array[]) => bytes(Buffer.concat(parts))
    const [header, a, b, c, end] = [
      sealed.subarray(0, 56),
      piece(sealed, 0),
      piece(sealed, 1),
      piece(sealed, 2),
      piece(sealed, 3),
    ]
    const forged = [
      { object: joined(sealed, Uint8Array.of(0)), bad: 3 },
      { object: joined(sealed, end), bad: 3 },
      { object: joined(header, b, a, c, end), bad: 0 },
      { object: joined(header, a, a, c, end), bad: 1 },
      { object: joined(header, a, c, end), bad: 1 },
      { object: joined(header, a, b, end), bad: 2 },
      { object: joined(header, a, piece(other, 1), c, end), bad: 1 },
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
    const never = () => Promise.reject(new Error('must not be read'))
    await expect(
      openRange(key, context, never, 56 + 2 ** 38 * sealedChunk + 16, 0, 1),
    ).rejects.toMatchObject({ code: 'too-large' })
    for (const size of [-1, 0.5, Number.NaN]) expect(() => sealedSize(size)).toThrow(RangeError)
  })

  test("a failing source's own error comes through", async () => {
    const failing = async function* () {
      yield new Uint8Array(20_000)
      throw new Error('disk gone')
    }
    await expect(collect(createSealer(key, context).sealStream(failing()))).rejects.toThrow(
      'disk gone',
    )
  })
}

function testRanges(): void {
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
      fc.asyncProperty(fc.oneof(edges, short, range), async ([start = 0, end = 0]) => {
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

async function* pieces(object: Uint8Array, ...pieceSizes: readonly number[]) {
  await Promise.resolve()
  for (let offset = 0, index = 0; offset < object.length; index++) {
    const size = pieceSizes[index % pieceSizes.length]!
    yield object.subarray(offset, offset + size)
    offset += size
  }
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Bytes> {
  const parts: Uint8Array[] = []
  for await (const part of source) parts.push(part)
  return bytes(Buffer.concat(parts))
}

async function outcome(opening: Promise<Bytes>) {
  try {
    const plain = await opening
    return { size: plain.length, sha512: sha512(plain) }
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause) return cause.code
    throw cause
  }
}

function sha512(value: Uint8Array): string {
  return createHash('sha512').update(value).digest('hex')
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

function hex(text: string): Bytes {
  return bytes(Buffer.from(text, 'hex'))
}

function bytes(value: Iterable<number>): Bytes {
  return Uint8Array.from(value)
}
