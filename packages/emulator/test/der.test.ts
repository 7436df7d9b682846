// Encodings written out by hand from X.690 and RFC 5280.
import { unixSeconds } from '@cloister/codec'
import { expect, test } from 'vitest'
import {
  bitString,
  boolean,
  explicit,
  integer,
  objectIdentifier,
  sequence,
  unsignedInteger,
  utcTime,
} from '../src/der.ts'

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

test.for([
  [0, '020100'],
  [127, '02017f'],
  [128, '02020080'],
  [256, '02020100'],
  [65_535, '020300ffff'],
] as const)('INTEGER %i', ([value, expected]) => {
  expect(hex(integer(value))).toBe(expected)
})

test('an INTEGER has no needless zeros and is never negative', () => {
  expect(hex(unsignedInteger(Uint8Array.of(0, 0, 0x7f)))).toBe('02017f')
  expect(hex(unsignedInteger(Uint8Array.of(0xff)))).toBe('020200ff')
})

test.for([
  ['2.5.4.3', '0603550403'],
  ['1.2.840.113549', '06062a864886f70d'],
  ['1.2.840.113741.1.13.1.2.17', '060b2a864886f84d010d010211'],
] as const)('OBJECT IDENTIFIER %s', ([dotted, expected]) => {
  expect(hex(objectIdentifier(dotted))).toBe(expected)
})

test('BOOLEAN, BIT STRING and tags', () => {
  expect(hex(sequence(boolean(true), boolean(false)))).toBe('30060101ff010100')
  expect(hex(bitString(Uint8Array.of(0x06), 1))).toBe('03020106')
  expect(hex(explicit(3, boolean(true)))).toBe('a3030101ff')
})

test('UTCTime has seconds and Z, and no year from 2050 on', () => {
  // 1999-12-31T23:59:59Z
  expect(
    Buffer.from(utcTime(unixSeconds(946_684_799)))
      .toString('latin1')
      .slice(2),
  ).toBe('991231235959Z')
  expect(() => utcTime(unixSeconds(2_524_608_000))).toThrow('UTCTime') // 2050-01-01
})
