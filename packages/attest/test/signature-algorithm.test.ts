import { DerReader } from '@cloister/codec'
import { expect, test } from 'vitest'
import { readSignatureAlgorithm } from '../src/x509/signature-algorithm.ts'
import { der } from './certificate-writer.ts'

const oid = (hex: string) => der(6, Buffer.from(hex, 'hex'))
const none = der(5)
const integer = (value: number) => der(2, Buffer.from([value]))
const rsa = (last: number) => oid(`2a864886f70d0101${last.toString(16).padStart(2, '0')}`)
const sha2 = (last: number) =>
  der(0x30, oid(`6086480165030402${last.toString().padStart(2, '0')}`), none)

const [sha256, sha384, sha512] = [sha2(1), sha2(2), sha2(3)]
const sha1 = der(0x30, oid('2b0e03021a'), none)

type Pss = {
  readonly hash?: Buffer
  readonly mask?: Buffer
  readonly salt?: Buffer
  readonly rest?: readonly Buffer[]
}
const mgf1 = (hash: Buffer, function_ = rsa(8)) => der(0x30, function_, hash)

function pss({ hash = sha256, mask = mgf1(hash), salt = integer(32), rest = [] }: Pss = {}) {
  return [rsa(10), der(0x30, der(0xa0, hash), der(0xa1, mask), der(0xa2, salt), ...rest)]
}

function read(...parts: readonly Buffer[]) {
  return readSignatureAlgorithm(new DerReader(Uint8Array.from(der(0x30, ...parts))), 'thing')
}

test.for<[string, readonly Buffer[]]>([
  ['ecdsa SHA-256', [oid('2a8648ce3d040302')]],
  ['ecdsa SHA-384', [oid('2a8648ce3d040303')]],
  ['ecdsa SHA-512', [oid('2a8648ce3d040304')]],
  ['rsa-pkcs1 SHA-256', [rsa(11), none]],
  ['rsa-pkcs1 SHA-384', [rsa(12), none]],
  ['rsa-pkcs1 SHA-512', [rsa(13), none]],
  ['rsa-pkcs1 SHA-256', [rsa(11)]],
  ['rsa-pss SHA-256', pss()],
  ['rsa-pss SHA-384', pss({ hash: sha384, salt: integer(48) })],
  ['rsa-pss SHA-512', pss({ hash: sha512, salt: integer(64) })],
  ['rsa-pss SHA-256', pss({ rest: [der(0xa3, integer(1))] })],
])('%s is read', ([expected, parts]) => {
  const { algorithm, text } = read(...parts)
  expect(`${algorithm.scheme} ${algorithm.hash}`).toBe(expected)
  expect(text).toBe(der(0x30, ...parts).toString('hex'))
})

test.for<[string, readonly Buffer[]]>([
  ['nothing', []],
  ['ECDSA with SHA-1', [oid('2a8648ce3d0401')]],
  ['ECDSA with SHA-224', [oid('2a8648ce3d040301')]],
  ['ECDSA with parameters', [oid('2a8648ce3d040302'), none]],
  ['RSA with MD5', [rsa(4), none]],
  ['RSA with SHA-1', [rsa(5), none]],
  ['RSA with parameters', [rsa(11), integer(1)]],
  ['RSA with NULL that is not empty', [rsa(11), der(5, Buffer.from([0]))]],
  ['RSA with NULL twice', [rsa(11), none, none]],
  ['a key type in place of a signature', [rsa(1), none]],
  ['RSA-PSS without parameters, which would mean SHA-1', [rsa(10)]],
  ['RSA-PSS with empty parameters, which would mean SHA-1', [rsa(10), der(0x30)]],
  ['RSA-PSS with SHA-1', pss({ hash: sha1, salt: integer(20) })],
  ['RSA-PSS with another hash in its mask', pss({ mask: mgf1(sha384) })],
  ['RSA-PSS with another mask function', pss({ mask: mgf1(sha256, rsa(9)) })],
  ['RSA-PSS with the salt of another hash', pss({ salt: integer(48) })],
  ['RSA-PSS without a salt', pss({ salt: integer(0) })],
  ['RSA-PSS with a negative salt', pss({ salt: integer(0xe0) })],
  ['RSA-PSS with trailer 2', pss({ rest: [der(0xa3, integer(2))] })],
  ['RSA-PSS with more than its parameters', pss({ rest: [none] })],
  ['RSA-PSS with something behind it', [...pss(), none]],
])('%s is refused', ([, parts]) => {
  expect(() => read(...parts)).toThrow(
    expect.objectContaining({ name: 'MalformedError', field: 'thing signature algorithm' }),
  )
})
