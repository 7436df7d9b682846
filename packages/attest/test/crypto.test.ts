import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { encodeHex, encodeUtf8, type Bytes } from '@cloister/codec'
import { describe, expect, test } from 'vitest'
import * as node from '../src/crypto-node.ts'
import * as web from '../src/crypto-web.ts'

const implementations: Readonly<Record<string, typeof web>> = { node, web }
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const spki = publicKey.export({ format: 'der', type: 'spki' })
const point = bytes(spki.subarray(-64))
const data = encodeUtf8('what is signed')

function bytes(buffer: Uint8Array): Bytes {
  return Uint8Array.from(buffer)
}

function signed(): Bytes {
  return bytes(sign('sha256', data, { key: privateKey, dsaEncoding: 'ieee-p1363' }))
}

describe.for(Object.keys(implementations))('%s', (name) => {
  const { p256Key, sha256 } = implementations[name]!

  test('hashes "abc" as FIPS 180-4 says, in one part or three', async () => {
    const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    expect(encodeHex(await sha256(encodeUtf8('abc')))).toBe(expected)
    const parts = ['a', 'b', 'c'].map((part) => encodeUtf8(part))
    expect(encodeHex(await sha256(...parts))).toBe(expected)
    expect(encodeHex(await sha256())).toBe(createHash('sha256').digest('hex'))
  })

  test('a signature holds for its key and data, many times over', async () => {
    const key = p256Key(point)
    // Short r and s, with leading zeros, occur once in 128 signatures.
    for (let round = 0; round < 300; round++) expect(await key.verify(data, signed())).toBe(true)
  })

  test('a signature with one flipped bit, or of other data, does not hold', async () => {
    const key = p256Key(point)
    for (let bit = 0; bit < 512; bit += 13) {
      const forged = signed()
      forged[bit >> 3]! ^= 1 << (bit & 7)
      expect(await key.verify(data, forged)).toBe(false)
    }
    expect(await key.verify(encodeUtf8('something else'), signed())).toBe(false)
  })

  test('zero, the group order, and other lengths are no signatures', async () => {
    const key = p256Key(point)
    const order = bytes(
      Buffer.from(
        'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'.repeat(2),
        'hex',
      ),
    )
    const good = signed()
    for (const forged of [
      new Uint8Array(64),
      order,
      new Uint8Array(64).fill(255),
      good.subarray(0, 63),
      new Uint8Array([...good, 0]),
      new Uint8Array(0),
    ])
      expect(await key.verify(data, forged)).toBe(false)
  })

  test('nothing verifies under a point that is not on the curve', async () => {
    const off = point.slice()
    off[63]! ^= 1
    for (const bad of [off, new Uint8Array(64), point.subarray(0, 63)])
      expect(await p256Key(bad).verify(data, signed())).toBe(false)
  })
})
