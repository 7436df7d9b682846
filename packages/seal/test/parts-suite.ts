import { createCipheriv, createHash } from 'node:crypto'

import { concatBytes, encodeUtf8, type Bytes } from '@cloister/codec'
import { beforeAll, describe, expect, test } from 'vitest'

import { openStream } from '../src/open-object.ts'
import {
  encodePartsList,
  listParts,
  parsePartsList,
  PartsReader,
  partsRoot,
  sealInParts,
  sealParts,
  type PartsList,
  type ReadPart,
} from '../src/index.ts'
import { equal } from './test-bytes.ts'

type Sealed = { readonly list: PartsList; readonly parts: readonly Bytes[] }

const mebibyte = 1 << 20
const key = bytesOf(32, 1)
const context = encodeUtf8('a context')
const salt = bytesOf(24, 2)

/** Bytes that look random and are always the same. */
function bytesOf(size: number, seed: number): Bytes {
  const cipher = createCipheriv('aes-128-ctr', new Uint8Array(16).fill(seed), new Uint8Array(16))
  return new Uint8Array(cipher.update(new Uint8Array(size)))
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** What sealing in parts promises, for either implementation of the cipher. */
export function testParts(): void {
  const sealing = { key, context, salt }

  const readerOf = (sealed: Sealed, partsKept = 2) => {
    const asked: number[] = []
    const read: ReadPart = ({ index }) => {
      asked.push(index)
      return Promise.resolve(sealed.parts[index] ?? new Uint8Array())
    }
    return { reader: new PartsReader(key, context, sealed.list, read, { partsKept }), asked }
  }

  test.for([0, 1, 16_383, 16_384, 600_000])('%i bytes are one part', async (size) => {
    const plain = bytesOf(size, 3)
    const { list, parts } = await sealInParts(sealing, plain)
    expect(list).toEqual({ bytes: parts[0]!.length, parts: [sha256(parts[0]!)] })
    expect(list.bytes).toBe(56 + size + 16 * (Math.floor(size / 16_384) + 1))
    const { reader } = readerOf({ list, parts })
    expect(equal(await reader.read(0, size), plain)).toBe(true)
    expect(reader.size).toBe(size)
  })

  describe('an object of three full parts and a last chunk that is empty', () => {
    const plain = bytesOf(48 * mebibyte, 4)
    let sealed: Sealed

    beforeAll(async () => {
      sealed = await sealInParts(sealing, plain)
    })

    test('is cut after every 1,024 chunks, the header before the first', () => {
      const sizes = sealed.parts.map(({ length }) => length)
      expect(sizes).toEqual([16_793_656, 16_793_600, 16_793_600, 16])
      expect(sealed.list.parts).toEqual(sealed.parts.map(sha256))
    })

    test('is the object that sealing as one gives', async () => {
      let at = 0
      for await (const piece of openStream(key, context, one(concatBytes(...sealed.parts)))) {
        expect(equal(piece, plain.subarray(at, at + piece.length))).toBe(true)
        at += piece.length
      }
      expect(at).toBe(plain.length)
      expect(await listParts(one(concatBytes(...sealed.parts)))).toEqual(sealed.list)
    })

    test('has the same parts where sealing went on at one of them', async () => {
      const again: string[] = []
      for await (const part of sealParts(sealing, one(plain.subarray(32 * mebibyte)), 2))
        again.push(`${part.index} ${part.digest}`)
      expect(again).toEqual([`2 ${sealed.list.parts[2]}`, `3 ${sealed.list.parts[3]}`])
    })

    test('gives any range, and reading forward asks for each part once', async () => {
      const { reader, asked } = readerOf(sealed)
      for (let at = 0; at < plain.length; at += 5 * mebibyte) {
        const length = Math.min(5 * mebibyte, plain.length - at)
        const range = await reader.read(at, length)
        expect(equal(range, plain.subarray(at, at + length))).toBe(true)
      }
      expect(asked).toEqual([0, 1, 2, 3])
      await expect(reader.read(plain.length, 1)).rejects.toMatchObject({ code: 'out-of-range' })
    })

    test('keeps as many opened parts as it may, and reads others again', async () => {
      const { reader, asked } = readerOf(sealed, 1)
      await reader.read(17 * mebibyte, 10)
      await reader.read(5, 10)
      expect(asked.filter((index) => index === 0).length).toBe(2)
    })

    test('overwrites what it opened once it is closed, and opens no more', async () => {
      const { reader } = readerOf(sealed)
      const stream = reader.stream()
      const { value } = await stream.next()
      const piece = value instanceof Uint8Array ? value : new Uint8Array(1)
      expect(equal(piece, plain.subarray(0, piece.length))).toBe(true)
      reader.close()
      expect(piece.every((byte) => byte === 0)).toBe(true)
      await expect(reader.read(0, 1)).rejects.toMatchObject({ code: 'closed' })
    })

    const lies: readonly (readonly [string, (parts: readonly Bytes[]) => Bytes[], RegExp])[] = [
      ['swaps two parts', ([a, b, c, d]) => [a!, c!, b!, d!], /part 1 of 4.* part 2 in its place/],
      [
        'gives an old part for another',
        ([a, b, , d]) => [a!, b!, b!, d!],
        /part 2 of 4.* part 1 in its place/,
      ],
      [
        'cuts a part',
        ([a, b, c, d]) => [a!, b!.subarray(0, -1), c!, d!],
        /part 1 of 4.* gave 16793599 bytes/,
      ],
      ['leaves out the end', ([a, b, c]) => [a!, b!, c!], /part 3 of 4.* gave 0 bytes/],
      [
        'appends a byte',
        ([a, b, c, d]) => [a!, b!, c!, concatBytes(d!, Uint8Array.of(0))],
        /part 3 of 4.* gave 17 bytes/,
      ],
      [
        'changes one bit',
        ([a, b, c, d]) => {
          const changed = c!.slice()
          changed[777_777]! ^= 4
          return [a!, b!, changed, d!]
        },
        /part 2 of 4, at sealed byte 33587256.* bytes were changed/,
      ],
    ]

    test.for(lies)('a store that %s is noticed, and the part named', async ([, lie, message]) => {
      const { reader } = readerOf({ list: sealed.list, parts: lie(sealed.parts) })
      const read = async (): Promise<void> => {
        for await (const piece of reader.stream()) expect(piece.length).toBeGreaterThan(0)
      }
      const error: unknown = await read().catch((cause: unknown) => cause)
      expect(error).toMatchObject({ code: 'part-refused', retryable: true })
      expect(String(error)).toMatch(message)
    })

    test('does not open under another key or context', async () => {
      const { list, parts } = sealed
      const read: ReadPart = ({ index }) => Promise.resolve(parts[index]!)
      for (const reader of [
        new PartsReader(bytesOf(32, 9), context, list, read),
        new PartsReader(key, encodeUtf8('another'), list, read),
      ])
        await expect(reader.ready()).rejects.toMatchObject({ code: 'wrong-key' })
    })

    test('has a list that reads back, and its root', async () => {
      const text = encodePartsList(sealed.list)
      expect(new TextDecoder().decode(text)).toBe(
        `{"bytes":${sealed.list.bytes},"format":"cloister-parts/1","partBytes":16793600,"parts":["${sealed.list.parts.join('","')}"]}`,
      )
      expect(parsePartsList(text)).toEqual(sealed.list)
      expect(await partsRoot(sealed.list)).toBe(sha256(text))
    })

    const listLies: readonly (readonly [string, (text: string) => string])[] = [
      ['another format', (text) => text.replace('parts/1', 'parts/2')],
      ['another size of parts', (text) => text.replace('16793600', '16793601')],
      ['a space', (text) => text.replace(',', ', ')],
      ['a member more', (text) => text.replace('{', '{"a":1,')],
      ['a digest in capitals', (text) => text.replace(/[a-f]/g, (digit) => digit.toUpperCase())],
      ['a part less', (text) => text.replace(/,"[0-9a-f]{64}"/, '')],
      ['a size that lies', (text) => text.replace(/"bytes":\d+/, '"bytes":1125899906842624')],
      ['a size that no object has', (text) => text.replace(/"bytes":\d+/, '"bytes":57')],
      ['a negative size', (text) => text.replace(/"bytes":/, '"bytes":-')],
      ['a cut end', (text) => text.slice(0, -1)],
      ['lists in lists', () => '['.repeat(100_000)],
    ]

    test.for(listLies)('a list with %s is refused', ([, lie]) => {
      const text = new TextDecoder().decode(encodePartsList(sealed.list))
      expect(() => parsePartsList(encodeUtf8(lie(text)))).toThrow(/Cannot (read|open|seal)/)
    })
  })
}

async function* one(bytes: Bytes): AsyncGenerator<Bytes> {
  await Promise.resolve()
  for (let at = 0; at < bytes.length; at += 300_001) yield bytes.subarray(at, at + 300_001)
}
