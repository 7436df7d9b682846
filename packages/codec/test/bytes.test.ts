import {
  concatBytes,
  encodeBase64,
  encodeBase64Url,
  encodeHex,
  encodeUtf8,
  equalBytes,
  parseBase64,
  parseBase64Url,
  parseHex,
  parseUtf8,
} from '@cloister/codec'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

test('hexadecimal, base64 and UTF-8 agree with those of another implementation', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      fc.string({ unit: 'grapheme' }),
      (bytes, text) => {
        const buffer = Buffer.from(bytes)
        expect(encodeHex(bytes)).toBe(buffer.toString('hex'))
        expect(encodeBase64(bytes)).toBe(buffer.toString('base64'))
        expect(parseHex(buffer.toString('hex').toUpperCase())).toEqual(Uint8Array.from(bytes))
        expect(parseBase64(buffer.toString('base64'))).toEqual(Uint8Array.from(bytes))
        expect(encodeBase64Url(bytes)).toBe(buffer.toString('base64url'))
        expect(parseBase64Url(buffer.toString('base64url'))).toEqual(Uint8Array.from(bytes))
        expect(parseUtf8(Buffer.from(text))).toBe(text)
        expect(encodeUtf8(text)).toEqual(Uint8Array.from(Buffer.from(text)))
      },
    ),
  )
})

test('base64 of many bytes is read back', () => {
  const bytes = new Uint8Array(100_000).map((_, index) => index)
  expect(parseBase64(encodeBase64(bytes))).toEqual(bytes)
  expect(parseBase64('AAAA'.repeat(5_000_000))).toHaveLength(15_000_000)
})

test('bytes are joined, and equal only where length and content are', () => {
  expect(concatBytes(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3))).toEqual(
    Uint8Array.of(1, 2, 3),
  )
  expect(concatBytes()).toEqual(new Uint8Array(0))
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true)
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false)
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false)
  expect(equalBytes(new Uint8Array(0), new Uint8Array(0))).toBe(true)
})

test('a prefix 0x is read, an odd or strange digit is named with its place', () => {
  expect(parseHex('0xFf')).toEqual(Uint8Array.of(255))
  expect(() => parseHex('abc', 'digest')).toThrow('Cannot read digest at byte 3: odd number')
  expect(() => parseHex('0g', 'digest')).toThrow('Cannot read digest at byte 1: got "g"')
})

test.for(['AQI', 'AQ=', 'AQ =', 'AQIDBA', '=AAA', 'AQJ=', 'AR==', 'AQI-', 'AQID\n'])(
  '%j is not base64 here',
  (text) => {
    expect(() => parseBase64(text, 'blob')).toThrow('Cannot read blob')
  },
)

test.for(['ff', 'c080', 'eda080', 'f4908080', 'e282'])('the bytes %s are not UTF-8', (hex) => {
  expect(() => parseUtf8(Buffer.from(hex, 'hex'), 'name')).toThrow(
    'Cannot read name at byte 0: not UTF-8',
  )
})

test('a byte order mark is kept: it is part of what was signed', () => {
  expect(parseUtf8(Buffer.from('efbbbf41', 'hex'))).toBe('\uFEFFA')
})

test.for(['A', 'AQIDB', 'AQ==', 'AQI=', 'AQI\n', 'A QI', 'AQ+_', 'AQ/_', 'AR', 'AQJ'])(
  '%j is not base64url here',
  (text) => {
    expect(() => parseBase64Url(text, 'key')).toThrow('Cannot read key')
  },
)

test('a character that is not base64 is named with its place', () => {
  expect(() => parseBase64('AQ!=', 'blob')).toThrow('Cannot read blob at byte 2: got "!"')
  expect(() => parseBase64Url('AQI=', 'key')).toThrow('Cannot read key at byte 3: got "="')
})
