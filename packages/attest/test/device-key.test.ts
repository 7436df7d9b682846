import { createHash } from 'node:crypto'
import {
  collateralCharacters,
  deviceKeyAnchor,
  deviceKeySha256,
  encodeDeviceKey,
  parseAnchorFile,
  parseDeviceKey,
  type Tee,
} from '@cloister/attest'
import { encodeUtf8, type Json } from '@cloister/codec'
import { expect, test } from 'vitest'
import { keyPair, spkiOf } from './keys.ts'

const kinds = ['P-256', 'P-384', 'P-521', 2048, 3072, 4096] as const
const keys = new Map(kinds.map((kind) => [kind, keyPair(kind)]))
const ec = keys.get('P-256')!.publicKey.export({ format: 'jwk' })
const rsa = keys.get(2048)!.publicKey.export({ format: 'jwk' })
const bytesOf = (text: unknown) => Buffer.from(String(text), 'base64url')
const text = (...bytes: readonly number[]) => Buffer.from(bytes).toString('base64url')
const x = [...bytesOf(ec.x)]
const n = [...bytesOf(rsa.n)]

test.for(kinds)('a key of kind %s is read, written, and named as Node does it', async (kind) => {
  const key = keys.get(kind)!
  const { kty, crv, x: ofX, y, n: ofN, e } = key.publicKey.export({ format: 'jwk' })
  const jwk = JSON.parse(JSON.stringify({ kty, crv, x: ofX, y, n: ofN, e }))
  const read = parseDeviceKey(jwk)
  expect(read).toEqual(key.numbers)
  expect(encodeDeviceKey(read)).toEqual(jwk)
  const digest = createHash('sha256').update(spkiOf(key)).digest('hex')
  expect(await deviceKeySha256(read)).toBe(digest)
})

test('what is not of the public key is ignored, a private member too', () => {
  const { privateKey, numbers } = keys.get('P-256')!
  const jwk = JSON.parse(JSON.stringify(privateKey.export({ format: 'jwk' })))
  expect(jwk.d).toBeTypeOf('string')
  const read = parseDeviceKey({ ...jwk, kid: 'iak', use: 'sig', alg: 7 })
  expect(read).toEqual(numbers)
  expect(encodeDeviceKey(read)).toEqual({ kty: 'EC', crv: 'P-256', x: jwk.x, y: jwk.y })
})

test.for<[string, unknown, string]>([
  ['a text', 'key', 'device key'],
  ['null', null, 'device key'],
  ['a list', [ec], 'device key'],
  ['no type', { ...ec, kty: undefined }, 'device key'],
  ['a type that signs otherwise', { ...ec, kty: 'OKP' }, 'device key'],
  ['a symmetric key', { kty: 'oct', k: 'AA' }, 'device key'],
  ['a curve that is not used', { ...ec, crv: 'secp256k1' }, 'device key'],
  ['another curve than its point is on', { ...ec, crv: 'P-384' }, 'device key'],
  ['a point without y', { ...ec, y: undefined }, 'device key y'],
  ['a number for x', { ...ec, x: 7 }, 'device key x'],
  ['base64 with padding', { ...ec, x: `${ec.x}=` }, 'device key x'],
  ['base64 that is none', { ...ec, x: '*'.repeat(43) }, 'device key x'],
  ['a short x', { ...ec, x: text(...x.slice(1)) }, 'device key'],
  [
    'a short x and a long y',
    { ...ec, x: text(...x.slice(1)), y: text(0, ...bytesOf(ec.y)) },
    'device key',
  ],
  ['RSA without a modulus', { kty: 'RSA', e: 'AQAB' }, 'device key n'],
  ['RSA without an exponent', { ...rsa, e: undefined }, 'device key e'],
  ['RSA of 2040 bits', { ...rsa, n: text(...n.slice(1)) }, 'device key'],
  ['RSA past 4096 bits', { ...rsa, n: text(...Array(513).fill(255)) }, 'device key'],
  ['a modulus with a leading zero', { ...rsa, n: text(0, ...n) }, 'device key'],
  ['the exponent 1', { ...rsa, e: text(1) }, 'device key'],
])('%s is refused by its place', ([, value, field]) => {
  const json: Json = JSON.parse(JSON.stringify(value))
  expect(() => parseDeviceKey(json)).toThrow(
    expect.objectContaining({ name: 'MalformedError', field }),
  )
})

test('keys count among the characters of collateral', () => {
  const { numbers } = keys.get(2048)!
  const characters = Object.values(encodeDeviceKey(numbers)).join('').length
  expect(characters).toBeGreaterThan(256)
  expect(collateralCharacters({ deviceKeys: [numbers, numbers] })).toBe(2 * characters)
})

test('a file with a key pins it for the evidence that is judged, and for none that no device key signs', async () => {
  const file = encodeUtf8(JSON.stringify(ec))
  const pinned = async (tee: Tee | undefined) => (await parseAnchorFile(file, tee)).anchors
  const spkiSha256 = await deviceKeySha256(keys.get('P-256')!.numbers)
  for (const tee of ['arm-cca', 'arm-psa', 'tpm2'] as const)
    expect(await pinned(tee)).toEqual([deviceKeyAnchor(spkiSha256, tee)])
  expect(await pinned('tdx')).toEqual([])
  expect(await pinned(undefined)).toEqual([])
})

test('an anchor says which evidence its key signs', () => {
  const digest = 'ab'.repeat(32)
  for (const tee of ['tdx', undefined])
    expect(() => Reflect.apply(deviceKeyAnchor, undefined, [digest, tee])).toThrow(
      'expected evidence of arm-cca, arm-psa, tpm2',
    )
})
