import { constants, createHash, sign, type KeyObject } from 'node:crypto'
import { encodeHex, encodeUtf8, type Bytes } from '@cloister/codec'
import { describe, expect, test } from 'vitest'
import * as node from '../src/crypto-node.ts'
import * as web from '../src/crypto-web.ts'
import type { CurveName, HashName, KeyNumbers, SignatureAlgorithm } from '../src/crypto-web.ts'
import { keyPair, type TestKey } from './keys.ts'

const doors = { node, web } as const
const names = ['node', 'web'] as const
const data = encodeUtf8('what is signed')
const hashes = ['SHA-256', 'SHA-384', 'SHA-512'] as const

const curves: Readonly<Record<CurveName, TestKey>> = {
  'P-256': keyPair('P-256'),
  'P-384': keyPair('P-384'),
  'P-521': keyPair('P-521'),
}
const rsa = keyPair(2048)

type Case = {
  readonly title: string
  readonly key: TestKey
  readonly algorithm: SignatureAlgorithm
}
const cases: readonly Case[] = [
  ...Object.entries(curves).flatMap(([curve, key]) =>
    hashes.map((hash) => ({ title: `${curve} with ${hash}`, key, algorithm: ecdsa(hash) })),
  ),
  ...(['SHA-1', ...hashes] as const).map((hash) => ({
    title: `RSA-PKCS1 with ${hash}`,
    key: rsa,
    algorithm: { scheme: 'rsa-pkcs1', hash } as const,
  })),
  ...hashes.map((hash) => ({
    title: `RSA-PSS with ${hash}`,
    key: rsa,
    algorithm: { scheme: 'rsa-pss', hash } as const,
  })),
]

function ecdsa(hash: HashName): SignatureAlgorithm {
  return { scheme: 'ecdsa', hash }
}

/** Signs with Node, which neither door does. */
function signed({ privateKey }: TestKey, algorithm: SignatureAlgorithm, salt?: number): Bytes {
  return Uint8Array.from(sign(algorithm.hash, data, signingKey(privateKey, algorithm, salt)))
}

function signingKey(key: KeyObject, { scheme }: SignatureAlgorithm, salt?: number) {
  if (scheme === 'ecdsa') return { key, dsaEncoding: 'ieee-p1363' } as const
  if (scheme === 'rsa-pkcs1') return { key, padding: constants.RSA_PKCS1_PADDING }
  const saltLength = salt ?? constants.RSA_PSS_SALTLEN_DIGEST
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }
}

/** What both doors say, which has to be the same. */
async function verdict(
  numbers: KeyNumbers,
  algorithm: SignatureAlgorithm,
  signature: Bytes,
  over: Bytes = data,
): Promise<boolean> {
  const [first, second] = await Promise.all(
    names.map((name) => doors[name].publicKey(numbers).verify(algorithm, over, signature)),
  )
  expect(first).toBe(second)
  return first!
}

describe.for(names)('%s', (name) => {
  const { digest, sha256 } = doors[name]

  test('hashes "abc" as FIPS 180-4 says, in one part or three', async () => {
    const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    expect(encodeHex(await sha256(encodeUtf8('abc')))).toBe(expected)
    const parts = ['a', 'b', 'c'].map((part) => encodeUtf8(part))
    expect(encodeHex(await sha256(...parts))).toBe(expected)
    expect(encodeHex(await sha256())).toBe(createHash('sha256').digest('hex'))
    for (const hash of ['SHA-1', ...hashes] as const)
      expect(encodeHex(await digest(hash, ...parts))).toBe(
        createHash(hash).update('abc').digest('hex'),
      )
  })

  test('a key verifies many times over, short r and s too', async () => {
    const { numbers } = curves['P-256']
    const key = doors[name].publicKey(numbers)
    // Leading zeros in r or s occur once in 128 signatures.
    for (let round = 0; round < 300; round++)
      expect(
        await key.verify(ecdsa('SHA-256'), data, signed(curves['P-256'], ecdsa('SHA-256'))),
      ).toBe(true)
  })

  test('one RSA key verifies under every scheme in turn', async () => {
    const key = doors[name].publicKey(rsa.numbers)
    for (const { algorithm } of cases.filter((each) => each.key === rsa))
      expect(await key.verify(algorithm, data, signed(rsa, algorithm))).toBe(true)
  })
})

test.for(cases)('$title holds for its key and data alone', async ({ key, algorithm }) => {
  const good = signed(key, algorithm)
  expect(await verdict(key.numbers, algorithm, good)).toBe(true)
  expect(await verdict(key.numbers, algorithm, good, encodeUtf8('something else'))).toBe(false)
  for (let bit = 0; bit < good.length * 8; bit += 97) {
    const forged = good.slice()
    forged[bit >> 3]! ^= 1 << (bit & 7)
    expect(await verdict(key.numbers, algorithm, forged), `bit ${bit}`).toBe(false)
  }
})

test.for(cases)('$title: zero, all ones and other lengths are no signatures', async (each) => {
  const { key, algorithm } = each
  const good = signed(key, algorithm)
  for (const forged of [
    new Uint8Array(good.length),
    new Uint8Array(good.length).fill(255),
    good.subarray(0, good.length - 1),
    good.subarray(1),
    Uint8Array.of(...good, 0),
    Uint8Array.of(0, ...good),
    new Uint8Array(0),
  ])
    expect(await verdict(key.numbers, algorithm, forged)).toBe(false)
})

test.for(cases)('$title verifies under no other scheme or hash', async ({ key, algorithm }) => {
  const good = signed(key, algorithm)
  for (const scheme of ['ecdsa', 'rsa-pkcs1', 'rsa-pss'] as const)
    for (const hash of ['SHA-1', ...hashes] as const)
      expect(await verdict(key.numbers, { scheme, hash }, good)).toBe(
        scheme === algorithm.scheme && hash === algorithm.hash,
      )
})

test("the group's order is neither r nor s", async () => {
  const order = 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'
  const forged = Uint8Array.from(Buffer.from(order.repeat(2), 'hex'))
  expect(await verdict(curves['P-256'].numbers, ecdsa('SHA-256'), forged)).toBe(false)
})

test('an RSA-PSS salt is as long as its hash', async () => {
  const algorithm = { scheme: 'rsa-pss', hash: 'SHA-256' } as const
  for (const salt of [0, 20, 31, 33, 64])
    expect(await verdict(rsa.numbers, algorithm, signed(rsa, algorithm, salt))).toBe(false)
  expect(await verdict(rsa.numbers, algorithm, signed(rsa, algorithm, 32))).toBe(true)
})

test.for(Object.entries(curves))('nothing verifies off the curve %s', async ([, key]) => {
  if (key.numbers.kind !== 'ec') throw new Error('These are points')
  const { point, curve } = key.numbers
  const off = point.slice()
  off[off.length - 1]! ^= 1
  const good = signed(key, ecdsa('SHA-256'))
  for (const bad of [
    off,
    new Uint8Array(point.length),
    new Uint8Array(point.length).fill(255),
    point.subarray(0, point.length - 1),
    Uint8Array.of(4, ...point),
  ])
    expect(await verdict({ kind: 'ec', curve, point: bad }, ecdsa('SHA-256'), good)).toBe(false)
})

test('RSA keys below 2048 or above 4096 bits, or with a leading zero, verify nothing', async () => {
  const algorithm = { scheme: 'rsa-pkcs1', hash: 'SHA-256' } as const
  for (const bits of [1024, 2040, 4104]) {
    const key = keyPair(bits)
    expect(await verdict(key.numbers, algorithm, signed(key, algorithm)), `${bits}`).toBe(false)
  }
  if (rsa.numbers.kind !== 'rsa') throw new Error('This is a modulus')
  const { modulus, exponent } = rsa.numbers
  const good = signed(rsa, algorithm)
  const padded = { kind: 'rsa', modulus: Uint8Array.of(0, ...modulus), exponent } as const
  expect(await verdict(padded, algorithm, Uint8Array.of(0, ...good))).toBe(false)
  expect(await verdict(padded, algorithm, good)).toBe(false)
})

test.for([[[]], [[0]], [[1]], [[2]], [[0, 1, 0, 1]], [[0, 0, 0, 0, 3]], [[1, 0, 0, 0, 1]]])(
  'an RSA key with the exponent %j verifies nothing',
  async ([exponent]) => {
    if (rsa.numbers.kind !== 'rsa') throw new Error('This is a modulus')
    const algorithm = { scheme: 'rsa-pkcs1', hash: 'SHA-256' } as const
    const numbers = { ...rsa.numbers, exponent: Uint8Array.from(exponent!) }
    expect(await verdict(numbers, algorithm, signed(rsa, algorithm))).toBe(false)
    // What somebody without any key would hand in where the exponent is 1: the padded digest itself.
    const info = Buffer.from('3031300d060960864801650304020105000420', 'hex')
    const tail = Buffer.concat([info, createHash('sha256').update(data).digest()])
    const forged = Uint8Array.from([0, 1, ...Array(256 - 3 - tail.length).fill(255), 0, ...tail])
    expect(await verdict(numbers, algorithm, forged)).toBe(false)
  },
)
