import { provenanceNonce, type ProvenanceEvidence } from '@cloister/attest'
import { encodeUtf8, parseHex, type Bytes } from '@cloister/codec'
import { createPsaDevice, createTpmManufacturer } from '@cloister/emulator'
import {
  assetId,
  deploymentOf,
  encodeProvenanceRecord,
  limits,
  parseProvenanceRecord,
  provenanceDataDigest,
  provenanceDigest,
  provenanceOwner,
  provenanceTypedData,
  type ProvenanceRecord,
  type UnsignedProvenance,
} from '@cloister/protocol'
import { createHash } from 'node:crypto'
import { concatHex, hashTypedData, keccak256, stringToHex, type Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { beforeAll, describe, expect, test } from 'vitest'

import { domain, word } from './examples.ts'

const owner = privateKeyToAccount(word(0x01))
const data = encodeUtf8('heart rate 61\n')
const sha256Of = (...parts: readonly Uint8Array[]): Hex =>
  `0x${createHash('sha256').update(Buffer.concat(parts)).digest('hex')}`

const device = createPsaDevice(new Uint8Array(32).fill(3), { deviceSeed: new Uint8Array(16) })
const tpm = createTpmManufacturer({ seed: new Uint8Array(32).fill(4) }).createTpm({
  tpmSeed: new Uint8Array(16),
})

const name = { deployment: deploymentOf(domain), root: word(0x21), salt: word(0x22) }
const asset = assetId({ ...name, owner: owner.address })

let psa: ProvenanceRecord
let tpm2: ProvenanceRecord

beforeAll(async () => {
  const dataDigest = provenanceDataDigest(data)
  const nonce = await provenanceNonce(parseHex(dataDigest))
  const deviceKeys = [device.deviceKey]
  const signed = async (evidence: ProvenanceEvidence): Promise<ProvenanceRecord> => {
    const unsigned: UnsignedProvenance = {
      format: 'cloister-provenance/1',
      ...{ ...name, asset, dataDigest, evidence },
      collateral: evidence.tee === 'arm-psa' ? { deviceKeys } : {},
    }
    const signature = await owner.signTypedData(provenanceTypedData(domain, unsigned))
    return { ...unsigned, signature }
  }
  psa = await signed({ tee: 'arm-psa', token: device.token({ nonce }) })
  tpm2 = await signed(tpm.evidence({ nonce }))
})

const textOf = (record: ProvenanceRecord): string =>
  new TextDecoder().decode(encodeProvenanceRecord(record))

describe('a record', () => {
  test('read and written is the same record, with evidence of either kind', () => {
    for (const record of [psa, tpm2]) {
      const bytes = encodeProvenanceRecord(record)
      expect(parseProvenanceRecord(bytes)).toEqual(record)
      expect(encodeProvenanceRecord(parseProvenanceRecord(bytes))).toEqual(bytes)
    }
  })

  test('has the digest that EIP-712 written by hand has, and that wallets sign', () => {
    const json = JSON.parse(textOf(psa))
    // Canonical JSON by hand: keys in their order, no white space.
    const evidence = sha256Of(
      encodeUtf8(
        `{"collateral":${JSON.stringify(json.collateral)},"evidence":${JSON.stringify(json.evidence)}}`,
      ),
    )
    const type = 'Provenance(bytes32 asset,bytes32 dataDigest,bytes32 evidenceDigest)'
    const struct = keccak256(
      concatHex([keccak256(stringToHex(type)), asset, sha256Of(data), evidence]),
    )
    const byHand = keccak256(concatHex(['0x1901', deploymentOf(domain), struct]))
    expect(provenanceDigest(psa)).toBe(byHand)
    expect(hashTypedData(provenanceTypedData(domain, psa))).toBe(byHand)
  })

  test('shows its owner without a chain, who alone can have signed it', async () => {
    expect(await provenanceOwner(psa)).toBe(owner.address)
    const other = privateKeyToAccount(word(0x02))
    const signature = await other.signTypedData(provenanceTypedData(domain, psa))
    expect(await provenanceOwner({ ...psa, signature })).toBeUndefined()
  })

  test.for<[string, Partial<ProvenanceRecord>]>([
    ['deployment', { deployment: word(1) }],
    ['asset', { asset: word(1) }],
    ['root', { root: word(1) }],
    ['salt', { salt: word(1) }],
    ['data digest', { dataDigest: word(1) }],
    ['evidence', { evidence: { tee: 'arm-psa', token: new Uint8Array(3) } }],
    ['collateral', { collateral: {} }],
  ])('with another %s is nobody’s', async ([, change]) => {
    expect(await provenanceOwner({ ...psa, ...change })).toBeUndefined()
  })

  test('with any byte flipped is malformed or nobody’s', async () => {
    for (const record of [psa, tpm2]) {
      const bytes = encodeProvenanceRecord(record)
      const signature = textOf(record).indexOf('"signature"')
      // Every third byte of the signature and a sample of the rest: each of them costs a recovery.
      const step = Math.ceil(bytes.length / 100)
      for (let at = 0; at < bytes.length; at += at > signature ? 3 : step)
        expect([at, await ownerAfter(flipped(bytes, at))]).toEqual([at, undefined])
    }
  })
})

async function ownerAfter(bytes: Bytes): Promise<unknown> {
  try {
    return await provenanceOwner(parseProvenanceRecord(bytes))
  } catch (error) {
    expect(error).toHaveProperty('code', 'malformed')
    return undefined
  }
}

function flipped(bytes: Bytes, at: number): Bytes {
  const copy = bytes.slice()
  copy[at]! ^= 1
  return copy
}

describe('refused, with the place', () => {
  const refusedAt = (
    change: (text: string) => string,
    record: () => ProvenanceRecord = () => psa,
  ) => expect(() => parseProvenanceRecord(encodeUtf8(change(textOf(record())))))

  test.for<[string, (text: string) => string, string]>([
    ['another format', (text) => text.replace('provenance/1', 'provenance/2'), 'record.format'],
    ['a member missing', (text) => text.replace(/"root":"\w+",/, ''), 'record.root'],
    ['an unknown member', (text) => text.replace('{', '{"aside":1,'), 'record.aside'],
    ['another TEE', (text) => text.replace('arm-psa', 'tdx'), 'record.evidence.tee'],
    ['no base64url', (text) => text.replace('"token":"', '"token":"?'), 'record.evidence.token'],
    [
      'a token past 64 KiB',
      (text) => text.replace('"token":"', `"token":"${'A'.repeat(90_000)}`),
      'record.evidence.token',
    ],
    ['a wrong device key', (text) => text.replace('P-256', 'P-255'), 'record.collateral'],
    [
      'a short signature',
      (text) => text.replace(/"signature":"0x../, '"signature":"0x'),
      'record.signature',
    ],
    ['a space', (text) => text.replace(':', ': '), 'canonical'],
    ['a line end', (text) => `${text}\n`, 'canonical'],
    [
      'a member of a key that is not its',
      (text) => text.replace('"crv"', '"aside":1,"crv"'),
      'canonical',
    ],
    ['too many bytes', (text) => text.padEnd(limits.provenanceBytesMax + 1), 'at most 4194304'],
    ['lists in lists', () => '['.repeat(100), 'record'],
  ])('%s', ([, change, place]) => {
    refusedAt(change).toThrow(place)
  })

  test.for<[string, (text: string) => string, string]>([
    ['an unknown bank', (text) => text.replace('"sha256":{', '"md5":{'), 'evidence.pcrs.md5'],
    ['a PCR past 31', (text) => text.replace('"23":', '"32":'), 'evidence.pcrs.sha256.32'],
    [
      'a PCR of many bytes',
      (text) => text.replace('"23":"', `"23":"${'A'.repeat(90)}`),
      'evidence.pcrs.sha256.23',
    ],
    [
      'an event log past 256 KiB',
      (text) => text.replace('"eventLog":"', `"eventLog":"${'A'.repeat(350_000)}`),
      'evidence.eventLog',
    ],
  ])('%s of a TPM', ([, change, place]) => {
    refusedAt(change, () => tpm2).toThrow(place)
  })

  test('no record past 4 MiB is written', () => {
    const certificateChain = 'A'.repeat(limits.provenanceBytesMax)
    const evidence = { ...tpm.evidence({ nonce: new Uint8Array(32) }), certificateChain }
    expect(() => encodeProvenanceRecord({ ...tpm2, evidence })).toThrow('at most 4194304')
  })
})

test('a device signs for SHA-256 of the data, or of a tag, a salt and the data', () => {
  const salt = new Uint8Array(32).fill(7)
  expect(provenanceDataDigest(data)).toBe(sha256Of(data))
  const tag = encodeUtf8('cloister/salted-data/1\0')
  expect(provenanceDataDigest(data, salt)).toBe(sha256Of(tag, salt, data))
  expect(() => provenanceDataDigest(data, salt.subarray(1))).toThrow('got 31 bytes, expected 32')
})
