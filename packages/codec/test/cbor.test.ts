import {
  CborTag,
  encodeCbor,
  isCborArray,
  isCborMap,
  MalformedError,
  parseCbor,
  parseCborPrefix,
  type Cbor,
} from '@cloister/codec'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

const limits = { bytesMax: 100_000, depthMax: 8, itemsMax: 200 }
const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'))
const parse = (hex: string, more = {}) => parseCbor(bytes(hex), 'token', { ...limits, ...more })

// RFC 8949 appendix A, but for what is not read: see the refused ones below.
const shortest: readonly (readonly [string, Cbor])[] = [
  ['00', 0],
  ['01', 1],
  ['0a', 10],
  ['17', 23],
  ['1818', 24],
  ['1819', 25],
  ['1864', 100],
  ['1903e8', 1000],
  ['1a000f4240', 1000000],
  ['1b000000e8d4a51000', 1000000000000],
  ['1bffffffffffffffff', 18446744073709551615n],
  ['c249010000000000000000', new CborTag(2, bytes('010000000000000000'))],
  ['3bffffffffffffffff', -18446744073709551616n],
  ['c349010000000000000000', new CborTag(3, bytes('010000000000000000'))],
  ['20', -1],
  ['29', -10],
  ['3863', -100],
  ['3903e7', -1000],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['f7', undefined],
  ['c074323031332d30332d32315432303a30343a30305a', new CborTag(0, '2013-03-21T20:04:00Z')],
  ['c11a514b67b0', new CborTag(1, 1363896240)],
  ['d74401020304', new CborTag(23, bytes('01020304'))],
  ['d818456449455446', new CborTag(24, bytes('6449455446'))],
  ['d82076687474703a2f2f7777772e6578616d706c652e636f6d', new CborTag(32, 'http://www.example.com')],
  ['40', bytes('')],
  ['4401020304', bytes('01020304')],
  ['60', ''],
  ['6161', 'a'],
  ['6449455446', 'IETF'],
  ['62225c', '"\\'],
  ['62c3bc', '\u00fc'],
  ['63e6b0b4', '\u6c34'],
  ['64f0908591', '\ud800\udd51'],
  ['80', []],
  ['83010203', [1, 2, 3]],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  [
    '98190102030405060708090a0b0c0d0e0f101112131415161718181819',
    Array.from({ length: 25 }, (_, index) => index + 1),
  ],
  ['a0', new Map()],
  [
    'a201020304',
    new Map([
      [1, 2],
      [3, 4],
    ]),
  ],
  [
    'a26161016162820203',
    new Map<string, Cbor>([
      ['a', 1],
      ['b', [2, 3]],
    ]),
  ],
  ['826161a161626163', ['a', new Map([['b', 'c']])]],
  [
    'a56161614161626142616361436164614461656145',
    new Map(['a', 'b', 'c', 'd', 'e'].map((name) => [name, name.toUpperCase()])),
  ],
  // Not of the RFC: on both sides of where an integer needs more bytes, or is no number.
  ['18ff', 2 ** 8 - 1],
  ['190100', 2 ** 8],
  ['19ffff', 2 ** 16 - 1],
  ['1a00010000', 2 ** 16],
  ['1affffffff', 2 ** 32 - 1],
  ['1b0000000100000000', 2 ** 32],
  ['1b001fffffffffffff', 2 ** 53 - 1],
  ['1b0020000000000000', 2n ** 53n],
  ['3b001ffffffffffffe', -(2 ** 53 - 1)],
  ['3b001fffffffffffff', -(2n ** 53n)],
]

test.for(shortest)('%s is read, and written again', ([hex, value]) => {
  expect(parse(hex, { canonical: true })).toStrictEqual(value)
  expect(encodeCbor(value)).toEqual(bytes(hex))
})

test.for([
  ['5f42010243030405ff', bytes('0102030405')],
  ['7f657374726561646d696e67ff', 'streaming'],
  ['9fff', []],
  ['9f018202039f0405ffff', [1, [2, 3], [4, 5]]],
  ['9f01820203820405ff', [1, [2, 3], [4, 5]]],
  ['83018202039f0405ff', [1, [2, 3], [4, 5]]],
  ['83019f0203ff820405', [1, [2, 3], [4, 5]]],
  [
    'bf61610161629f0203ffff',
    new Map<string, Cbor>([
      ['a', 1],
      ['b', [2, 3]],
    ]),
  ],
  ['826161bf61626163ff', ['a', new Map([['b', 'c']])]],
  [
    'bf6346756ef563416d7421ff',
    new Map<string, Cbor>([
      ['Fun', true],
      ['Amt', -2],
    ]),
  ],
  ['5fff', bytes('')],
  ['7f60ff', ''],
] as const)('%s, of indefinite length, is read only where that is asked for', ([hex, value]) => {
  expect(parse(hex, { indefinite: true })).toStrictEqual(value)
  expect(() => parse(hex)).toThrow(/an indefinite length, which is not read here$/)
  expect(() => parse(hex, { indefinite: true, canonical: true })).toThrow(MalformedError)
})

test.for([
  '1817',
  '1900ff',
  '1a0000ffff',
  '1b00000000ffffffff',
  '3817',
  '580100',
  '9800',
  'd801f6',
])('%s is longer than it has to be, and read only where the form is free', (hex) => {
  parse(hex)
  expect(() => parse(hex, { canonical: true })).toThrow(/^Cannot read token at byte 0: .* shortest/)
})

test('the order of keys is free, but for canonical input: 10, 100, -1, "z", "aa"', () => {
  expect(() => parse('a2200000f6', { canonical: true })).toThrow(
    'at byte 3: the key 0 out of order',
  )
  expect(parse('a2200000f6')).toEqual(
    new Map([
      [-1, 0],
      [0, null],
    ]),
  )
  const map = new Map<string | number, Cbor>(['aa', 'z', -1, 100, 10].map((key) => [key, 0]))
  expect(encodeCbor(map)).toEqual(bytes('a50a001864002000617a0062616100'))
})

test.for([
  ['nothing', '', 0, 'needs 1 bytes, 0 are left'],
  ['a number that ends', '1a0000', 1, 'needs 4 bytes, 2 are left'],
  ['an array that ends', '8200', 0, '2 entries, only 1 bytes are left'],
  ['a map that ends', 'a2000000', 0, '2 entries, only 3 bytes are left'],
  ['a tag of nothing', 'c1', 1, 'needs 1 bytes, 0 are left'],
  ['a byte past the end', '0000', 1, '1 bytes are left over'],
  ['a string past the end', '81430102', 1, 'needs 3 bytes, 2 are left'],
  ['reserved information 28', '811c', 1, 'reserved additional information 28'],
  ['reserved information 29', '5d', 0, 'reserved additional information 29'],
  ['reserved information 30', 'fe', 0, 'reserved additional information 30'],
  ['an indefinite integer', '1f', 0, 'an indefinite length on what has none'],
  ['an indefinite tag', 'df00', 0, 'an indefinite length on what has none'],
  ['a break alone', 'ff', 0, 'a break where an item has to be'],
  ['a break in an array with a count', '8200ff', 2, 'a break where an item has to be'],
  ['a break for a value', 'bf00ff', 2, 'a break where an item has to be'],
  ['a break for a tagged item', '9fc1ff', 2, 'a break where an item has to be'],
  ['text in bytes', '5f4100610000ff', 3, 'a piece of a string'],
  ['an indefinite piece', '5f5f4100ffff', 1, 'a piece of a string'],
  ['a character across pieces', '7f61c361bcff', 1, 'text that is not UTF-8'],
  ['text that is not UTF-8', '820062c328', 2, 'text that is not UTF-8'],
  ['a surrogate in UTF-8', '63eda080', 0, 'text that is not UTF-8'],
  ['a half', 'f93c00', 0, 'got a floating-point number'],
  ['a single', '81fa47c35000', 1, 'got a floating-point number'],
  ['a double', 'fb3ff199999999999a', 0, 'got a floating-point number'],
  ['simple(16)', 'f0', 0, 'got another simple value'],
  ['simple(255)', 'f8ff', 0, 'got another simple value'],
  ['true in two bytes', 'f815', 0, 'got another simple value'],
  ['a key of bytes', 'a1410000', 1, 'a key that is neither'],
  ['a key that is true', 'a1f500', 1, 'a key that is neither'],
  ['a key that is an array', 'a18000', 1, 'a key that is neither'],
  ['a text key twice', 'a2616100616100', 4, 'the key "a" a second time'],
  ['a key twice, in two forms', 'a20100180100', 3, 'the key 1 a second time'],
  [
    'a large key twice',
    'a21bffffffffffffffff001bffffffffffffffff00',
    11,
    'the key 18446744073709551615 a second time',
  ],
] as const)('%s is refused', ([, hex, offset, detail]) => {
  const start = `Cannot read token at byte ${offset}: ${detail}`
  expect(() => parse(hex, { indefinite: true })).toThrow(start)
})

test('what follows an item is left to the caller of the prefix', () => {
  const padded = bytes('8201020000')
  expect(parseCborPrefix(padded, 'token', limits)).toEqual({ value: [1, 2], size: 3 })
  expect(() => parseCborPrefix(padded, 'token', { ...limits, bytesMax: 4 })).toThrow(
    'Cannot read token at byte 0: 5 bytes, at most 4 are read',
  )
})

test('byte strings are views', () => {
  const input = bytes('4401020304')
  const value = parseCbor(input, 'token', limits)
  input[1] = 9
  expect(value).toEqual(bytes('09020304'))
})

test('depth and items are counted, over arrays, maps, tags and pieces', () => {
  expect(parse('81a100c100', { depthMax: 3, itemsMax: 5 })).toEqual([
    new Map([[0, new CborTag(1, 0)]]),
  ])
  expect(() => parse('81a100c100', { depthMax: 2 })).toThrow('at byte 3: nested deeper than 2')
  expect(() => parse('81a100c100', { itemsMax: 4 })).toThrow('at byte 4: more than 4 items')
  expect(() => parse('830000f5', { itemsMax: 3 })).toThrow('at byte 0: more than 3 items')
  expect(() => parse('5f40404040ff', { itemsMax: 3, indefinite: true })).toThrow(
    'at byte 3: more than 3 items',
  )
  expect(() => parse('00', { depthMax: 257 })).toThrow('Assertion failed')
})

test.for([
  ['arrays', '81', 'nested deeper than 8'],
  ['indefinite arrays', '9f', 'nested deeper than 8'],
  ['tags', 'c1', 'nested deeper than 8'],
  ['maps', 'a100', 'nested deeper than 8'],
  ['maps within a key', 'a1', 'a key that is neither'],
] as const)('%s 10 000 deep are refused', ([, opening, detail]) => {
  expect(() => parse(opening.repeat(10_000), { indefinite: true })).toThrow(detail)
})

test.for([
  ['array', '9bffffffffffffffff', '18446744073709551615 entries'],
  ['array of 2^32 - 1', '9affffffff00', '4294967295 entries'],
  ['map', 'bbffffffffffffffff', '18446744073709551615 entries'],
  ['map of 2^53 - 1', 'bb001fffffffffffff', '9007199254740991 entries'],
  ['byte string', '5bffffffffffffffff', 'needs 18446744073709551615 bytes'],
  ['byte string of 2^31', '5a8000000000', 'needs 2147483648 bytes'],
  ['text', '7b7fffffffffffffff', 'needs 9223372036854775807 bytes'],
] as const)('the huge length of a %s is refused before memory is spent', ([, hex, detail]) => {
  expect(() => parse(hex)).toThrow(`Cannot read token at byte 0: ${detail}`)
})

test('as many pieces as the limits allow are joined', () => {
  const most = { itemsMax: 1_000_000, bytesMax: 1_000_000, indefinite: true }
  const joined = parse(`5f${'4107'.repeat(300_000)}ff`, most)
  expect(joined).toEqual(new Uint8Array(300_000).fill(7))
  const many = Array.from({ length: 300_000 }, () => 0)
  const written = encodeCbor(many)
  expect(written).toHaveLength(300_005)
  expect(encodeCbor(parseCbor(written, 'token', { ...limits, ...most }))).toEqual(written)
})

const key = fc.oneof(
  fc.maxSafeInteger(),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) }),
  fc.string({ unit: 'grapheme' }),
)
const { item } = fc.letrec<{ item: Cbor }>((tie) => ({
  item: fc.oneof(
    { depthSize: 'small', maxDepth: 7 },
    key.map((value): Cbor => (Object.is(value, -0) ? 0 : value)),
    fc.uint8Array().map((value): Cbor => Uint8Array.from(value)),
    fc.constantFrom<Cbor>(true, false, null, undefined),
    fc.array(tie('item'), { maxLength: 5 }),
    fc
      .uniqueArray(fc.tuple(key, tie('item')), { maxLength: 5, selector: ([name]) => name })
      .map((entries): Cbor => new Map(entries)),
    fc.tuple(fc.nat(), tie('item')).map(([tag, value]): Cbor => new CborTag(tag, value)),
  ),
}))
const generous = { bytesMax: 1e7, depthMax: 20, itemsMax: 1e6 }

test('what is written is read back, and is canonical', () => {
  fc.assert(
    fc.property(item, (value) => {
      const read = parseCbor(encodeCbor(value), 'token', { ...generous, canonical: true })
      expect(read).toEqual(value)
    }),
  )
})

test('no bytes do anything but parse or be malformed, and canonical ones are written the same', () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.tuple(item, fc.nat(), fc.nat(255)).map(([value, place, byte]) => {
      const forged = encodeCbor(value)
      forged[place % forged.length] = byte
      return forged
    }),
  )
  fc.assert(
    fc.property(anything, fc.boolean(), (raw, canonical) => {
      const input = Uint8Array.from(raw)
      let prefix
      try {
        prefix = parseCborPrefix(input, 'token', { ...generous, canonical, indefinite: true })
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error
        expect(error.offset).toBeLessThanOrEqual(input.length)
        return
      }
      const written = encodeCbor(prefix.value)
      if (canonical) expect(written).toEqual(input.subarray(0, prefix.size))
      else expect(parseCbor(written, 'token', generous)).toEqual(prefix.value)
    }),
    { numRuns: 2000 },
  )
})

test.for([
  ['a fraction', 0.5],
  ['an unsafe number', 2 ** 53],
  ['2^64', 2n ** 64n],
  ['less than -2^64', -(2n ** 64n) - 1n],
  ['half a surrogate pair', 'a\ud800'],
  ['a negative tag', new CborTag(-1, 0)],
  [
    'one key as number and bigint',
    new Map<number | bigint, Cbor>([
      [1, 0],
      [1n, 0],
    ]),
  ],
] as const)('%s cannot be written', ([, value]) => {
  expect(() => encodeCbor(value)).toThrow(RangeError)
})

test('a bigint that would fit a number is written as short as one', () => {
  expect([encodeCbor(-500n), encodeCbor(-0)]).toEqual([bytes('3901f3'), bytes('00')])
})

test('arrays and maps are told apart from all else', () => {
  const values: readonly Cbor[] = [[], new Map(), bytes('00'), new CborTag(1, []), null, 'a']
  expect(values.map(isCborArray)).toEqual([true, false, false, false, false, false])
  expect(values.map(isCborMap)).toEqual([false, true, false, false, false, false])
})
