import { randomBytes } from 'node:crypto'

import { type Bytes } from '@cloister/codec'
import * as fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'

import {
  deriveEnvelopeKeyPair,
  envelopeOverheadBytes,
  envelopePlaintextBytesMax,
  generateEnvelopeKeyPair,
  openEnvelope,
  parseEnvelopePrivateKey,
  sealEnvelope,
  serializeEnvelopePrivateKey,
} from '../src/index.ts'
import { referenceOpen, referencePublicKey } from './reference-envelope.ts'

const info = bytes(Buffer.from('cloister/test/1'))
const aad = bytes(Buffer.from('asset 9'))

test('the reference derives the published public key of a published private key', () => {
  // FiloSottile/hpke, testdata/hpke-pq.json, first entry: skRm, and both ends of pkRm.
  const secret = Buffer.from(
    '447cfc23de31102101a1b5aec0897a31f24670946f8e67345df7099b7c26e626',
    'hex',
  )
  const publicKey = referencePublicKey(secret).toString('hex')
  expect(publicKey.slice(0, 64)).toBe(
    'd9ac25bc9b3516188ead3a40cfe439f4143090900cf1875fd60b5ba4e381948b',
  )
  expect(publicKey.slice(-64)).toBe(
    '71904a4b462022f8fdaf6fec20e80222d89e91788afe88208fb423c3ef8cda69',
  )
})

test('the public key is the one that the private key bytes give', async () => {
  const pair = await generateEnvelopeKeyPair({ extractable: true })
  const secret = await serializeEnvelopePrivateKey(pair.privateKey)
  expect(secret.length).toBe(32)
  expect(pair.publicKey.length).toBe(1216)
  expect(Buffer.from(pair.publicKey)).toEqual(referencePublicKey(secret))
})

test('an independent HPKE opens what was sealed, and so does a parsed key', async () => {
  const pair = await generateEnvelopeKeyPair({ extractable: true })
  const secret = await serializeEnvelopePrivateKey(pair.privateKey)
  const parsed = await parseEnvelopePrivateKey(secret)
  for (const size of [0, 1, 33, 4096]) {
    const plain = bytes(randomBytes(size))
    const envelope = await sealEnvelope(pair.publicKey, info, aad, plain)
    expect(envelope.length).toBe(1120 + size + 16)
    expect(bytes(referenceOpen(secret, info, aad, envelope))).toEqual(plain)
    expect(await openEnvelope(parsed, info, aad, envelope)).toEqual(plain)
    expect(await openEnvelope(pair, info, aad, envelope)).toEqual(plain)
    expect(await openEnvelope(pair.privateKey, info, aad, envelope)).toEqual(plain)
  }
})

test('the same seed gives the same pair, another seed another', async () => {
  const seed = bytes(randomBytes(32))
  const [first, again] = [await deriveEnvelopeKeyPair(seed), await deriveEnvelopeKeyPair(seed)]
  expect(again.publicKey).toEqual(first.publicKey)
  expect((await deriveEnvelopeKeyPair(bytes(randomBytes(32)))).publicKey).not.toEqual(
    first.publicKey,
  )
  const envelope = await sealEnvelope(first.publicKey, info, aad, bytes([1, 2]))
  expect(await openEnvelope(again, info, aad, envelope)).toEqual(bytes([1, 2]))
})

test('a private key stays unless it was made to leave', async () => {
  for (const pair of [
    await generateEnvelopeKeyPair(),
    await deriveEnvelopeKeyPair(bytes(randomBytes(32))),
  ])
    await expect(serializeEnvelopePrivateKey(pair.privateKey)).rejects.toMatchObject({
      code: 'not-extractable',
    })
  const secret = bytes(randomBytes(32))
  const parsed = await parseEnvelopePrivateKey(secret, { extractable: true })
  expect(await serializeEnvelopePrivateKey(parsed)).toEqual(secret)
})

test('another key, info, aad or any changed bit opens nothing', async () => {
  const pair = await generateEnvelopeKeyPair()
  const envelope = await sealEnvelope(pair.publicKey, info, aad, bytes(randomBytes(33)))
  const refused = { code: 'envelope-refused' }
  await expect(
    openEnvelope(await generateEnvelopeKeyPair(), info, aad, envelope),
  ).rejects.toMatchObject(refused)
  await expect(openEnvelope(pair, aad, aad, envelope)).rejects.toMatchObject(refused)
  await expect(openEnvelope(pair, info, info, envelope)).rejects.toMatchObject(refused)
  await expect(openEnvelope(pair, info, aad, bytes([...envelope, 0]))).rejects.toMatchObject(
    refused,
  )
  await expect(openEnvelope(pair, info, aad, envelope.slice(0, -1))).rejects.toMatchObject(refused)
  // The top bit of X25519's last byte is ignored by that function, but not by the combiner: every bit counts.
  const bit = fc.oneof(
    fc.constantFrom(0, 1087 * 8, 1088 * 8, 1119 * 8 + 7, 1120 * 8),
    fc.nat({ max: envelope.length * 8 - 1 }),
  )
  await fc.assert(
    fc.asyncProperty(bit, async (position) => {
      const changed = envelope.slice()
      changed[position >> 3]! ^= 1 << (position & 7)
      await expect(openEnvelope(pair, info, aad, changed)).rejects.toMatchObject(refused)
    }),
    { numRuns: 60 },
  )
})

test('two envelopes for one message differ', async () => {
  const { publicKey } = await generateEnvelopeKeyPair()
  const sealOnce = () => sealEnvelope(publicKey, info, aad, bytes([1]))
  expect(await sealOnce()).not.toEqual(await sealOnce())
})

test('malformed keys, envelopes and sizes are named', async () => {
  const pair = await generateEnvelopeKeyPair()
  for (const size of [0, 1215, 1217])
    await expect(sealEnvelope(new Uint8Array(size), info, aad, bytes([1]))).rejects.toMatchObject({
      field: 'envelope public key',
    })
  // Coefficients of an ML-KEM key are below 3329; all ones is none.
  await expect(
    sealEnvelope(new Uint8Array(1216).fill(0xff), info, aad, bytes([1])),
  ).rejects.toMatchObject({ code: 'malformed' })
  // A point of small order: X25519 agrees on zero with it, whatever the other key.
  const weak = pair.publicKey.slice().fill(0, 1184)
  await expect(sealEnvelope(weak, info, aad, bytes([1]))).rejects.toMatchObject({
    field: 'envelope public key',
  })
  for (const size of [0, 31, 33]) {
    await expect(deriveEnvelopeKeyPair(new Uint8Array(size))).rejects.toMatchObject({
      field: 'envelope seed',
    })
    await expect(parseEnvelopePrivateKey(new Uint8Array(size))).rejects.toMatchObject({
      field: 'envelope private key',
    })
  }
  await expect(
    openEnvelope(pair, info, aad, new Uint8Array(envelopeOverheadBytes - 1)),
  ).rejects.toMatchObject({ field: 'envelope' })
  const large = new Uint8Array(envelopePlaintextBytesMax + 1)
  await expect(sealEnvelope(pair.publicKey, info, aad, large)).rejects.toMatchObject({
    code: 'too-large',
  })
  await expect(
    openEnvelope(pair, info, aad, new Uint8Array(large.length + envelopeOverheadBytes)),
  ).rejects.toMatchObject({ code: 'too-large' })
  await expect(
    sealEnvelope(pair.publicKey, new Uint8Array(65_537), aad, bytes([1])),
  ).rejects.toMatchObject({ code: 'too-large' })
})

afterEach(() => {
  vi.restoreAllMocks()
})

test('a runtime without ML-KEM is told so', async () => {
  const pair = await generateEnvelopeKeyPair()
  const refusal = new DOMException('Unrecognized algorithm name', 'NotSupportedError')
  vi.spyOn(crypto.subtle, 'generateKey').mockRejectedValue(refusal)
  vi.spyOn(crypto.subtle, 'importKey').mockRejectedValue(refusal)
  const unsupported = { code: 'unsupported', message: expect.stringContaining('ML-KEM-768') }
  await expect(generateEnvelopeKeyPair()).rejects.toMatchObject(unsupported)
  await expect(sealEnvelope(pair.publicKey, info, aad, bytes([1]))).rejects.toMatchObject(
    unsupported,
  )
  await expect(parseEnvelopePrivateKey(bytes(randomBytes(32)))).rejects.toMatchObject(unsupported)
})

function bytes(value: Iterable<number>): Bytes {
  return Uint8Array.from(value)
}
