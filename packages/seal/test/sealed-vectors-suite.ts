// Published vectors of the sealed-object format.
import { createCipheriv, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { inflateSync } from 'node:zlib'

import { expect, test } from 'vitest'

import { chunkNonce } from '../src/chunk-keys.ts'
import { open, openStream } from '../src/index.ts'
import { sealWithSalt } from '../src/seal-object.ts'
import { referenceNonce } from './reference-cobblestone.ts'
import { bytes, collect, hex, outcome, pieces, sha512 } from './test-bytes.ts'

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

/** Registers the tests. */
export function testVectors(): void {
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
