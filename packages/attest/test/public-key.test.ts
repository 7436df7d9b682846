import { encodeHex, MalformedError, type Bytes } from '@cloister/codec'
import { expect, test } from 'vitest'
import { keyName } from '../src/x509/certificate.ts'
import { encodePublicKeyInfo, parsePublicKeyInfo } from '../src/x509/public-key.ts'
import { der } from './certificate-writer.ts'
import { keyPair, spkiOf } from './keys.ts'

const kinds = ['P-256', 'P-384', 'P-521', 2048, 3072, 4096] as const
const oid = (hex: string) => der(6, Buffer.from(hex, 'hex'))
const bits = (...bytes: readonly number[]) => der(3, Buffer.from([0, ...bytes]))
const integer = (...bytes: readonly number[]) => der(2, Buffer.from(bytes))
const ecType = oid('2a8648ce3d0201')
const p256 = oid('2a8648ce3d030107')
const rsaType = oid('2a864886f70d010101')
const none = der(5)
const point = [4, ...new Uint8Array(64).fill(1)]
const modulus = integer(0, ...new Uint8Array(256).fill(255))

const info = (algorithm: readonly Buffer[], key: Buffer, ...rest: readonly Buffer[]): Bytes =>
  Uint8Array.from(der(0x30, der(0x30, ...algorithm), key, ...rest))
const rsaKey = (...numbers: readonly Buffer[]) => bits(...der(0x30, ...numbers))

test.for(kinds)('a key of kind %s is read as Node wrote it, and written as that', (kind) => {
  const key = keyPair(kind)
  const spki = spkiOf(key)
  expect(parsePublicKeyInfo(spki, 'key')).toEqual(key.numbers)
  expect(encodeHex(encodePublicKeyInfo(key.numbers))).toBe(encodeHex(spki))
})

test('RSA parameters are NULL or absent', () => {
  const key = rsaKey(modulus, integer(1, 0, 1))
  const read = parsePublicKeyInfo(info([rsaType, none], key), 'key')
  expect(read).toMatchObject({ kind: 'rsa', exponent: Uint8Array.of(1, 0, 1) })
  expect(parsePublicKeyInfo(info([rsaType], key), 'key')).toEqual(read)
})

test.for<[string, Bytes, string]>([
  ['nothing', new Uint8Array(0), ''],
  ['a curve that is not used', info([ecType, oid('2b8104000a')], bits(...point)), 'not a key on'],
  ['no curve', info([ecType], bits(...point)), ''],
  ['a curve and more', info([ecType, p256, none], bits(...point)), ''],
  ['an Ed25519 key', info([oid('2b6570')], bits(...point.slice(33))), '1.3.101.112'],
  ['a compressed point', info([ecType, p256], bits(2, ...point.slice(33))), 'uncompressed'],
  ['a hybrid point', info([ecType, p256], bits(6, ...point.slice(1))), 'uncompressed'],
  ['a point of another curve', info([ecType, p256], bits(...point, ...point)), 'uncompressed'],
  ['a point short of one byte', info([ecType, p256], bits(...point.slice(1))), 'uncompressed'],
  [
    'bits that are not whole bytes',
    info([ecType, p256], der(3, Buffer.from([4, ...point.slice(1), 0]))),
    '',
  ],
  ['something after the point', info([ecType, p256], bits(...point), none), ''],
  ['something after the key', Uint8Array.of(...info([ecType, p256], bits(...point)), 0), ''],
  ['RSA parameters', info([rsaType, integer(1)], rsaKey(modulus, integer(3))), 'NULL'],
  [
    'RSA of 1024 bits',
    info([rsaType, none], rsaKey(integer(0, ...Array(128).fill(255)), integer(3))),
    '1024 bits',
  ],
  [
    'RSA of 4104 bits',
    info([rsaType, none], rsaKey(integer(0, ...Array(513).fill(255)), integer(3))),
    '4104 bits',
  ],
  [
    'a negative modulus',
    info([rsaType, none], rsaKey(integer(0x80, ...Array(255).fill(255)), integer(3))),
    'negative',
  ],
  [
    'a padded modulus',
    info([rsaType, none], rsaKey(integer(0, 0, ...Array(256).fill(255)), integer(3))),
    '',
  ],
  ['an exponent of five bytes', info([rsaType, none], rsaKey(modulus, integer(1, 0, 0, 0, 1))), ''],
  ['RSA without an exponent', info([rsaType, none], rsaKey(modulus)), ''],
  ['RSA with a third number', info([rsaType, none], rsaKey(modulus, integer(3), integer(3))), ''],
])('%s is no key', ([, spki, message]) => {
  let thrown: unknown
  try {
    parsePublicKeyInfo(spki, 'key')
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(MalformedError)
  expect(thrown).toMatchObject({ field: 'key', message: expect.stringContaining(message) })
})

test('keys that differ in any number have different names', () => {
  const bytes = new Uint8Array(256).fill(255)
  const named = [Uint8Array.of(3), Uint8Array.of(1, 0, 1)].map((exponent) =>
    keyName({ kind: 'rsa', modulus: bytes, exponent }),
  )
  expect(new Set(named).size).toBe(2)
})
