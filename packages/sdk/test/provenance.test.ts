import {
  deviceKeyAnchor,
  insecureDevnetAnchor,
  provenanceNonce,
  strictPolicy,
  type Anchor,
  type PolicyOverrides,
} from '@cloister/attest'
import { encodeUtf8, parseHex, unixSeconds, type Bytes } from '@cloister/codec'
import { createPsaDevice, createTpmManufacturer } from '@cloister/emulator'
import {
  assetId,
  cloisterDomain,
  deploymentOf,
  provenanceDataDigest,
  type ProvenanceRecord,
} from '@cloister/protocol'
import {
  attachProvenance,
  checkProvenance,
  encodeProvenanceRecord,
  parseProvenanceRecord,
  provenanceFactNames,
  type AttachProvenanceOptions,
  type DeviceData,
  type ProvenanceExpected,
  type ProvenanceFact,
} from '@cloister/sdk'
import type { Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { beforeAll, describe, expect, test } from 'vitest'

const word = (byte: number): Hex => `0x${byte.toString(16).padStart(2, '0').repeat(32)}`
const owner = privateKeyToAccount(word(1))
const stranger = privateKeyToAccount(word(2))
const domain = cloisterDomain(31337, '0x1111111111111111111111111111111111111111')
const deployment = deploymentOf(domain)
const [root, salt] = [word(0x21), word(0x22)]
const assetOf = (address: Hex) => assetId({ deployment, owner: address, root, salt })
const asset = assetOf(owner.address)

const device = createPsaDevice(new Uint8Array(32).fill(3), { deviceSeed: new Uint8Array(16) })
const manufacturer = createTpmManufacturer({ seed: new Uint8Array(32).fill(4) })
const tpm = manufacturer.createTpm({ tpmSeed: new Uint8Array(16) })
const anchors: readonly Anchor[] = [
  deviceKeyAnchor(device.keySpkiSha256, 'arm-psa'),
  insecureDevnetAnchor(manufacturer.anchorSpkiSha256),
]
const now = unixSeconds(1_790_000_000)
const anyDevice = { measurements: 'any', reportData: 'any', machineIds: 'any' } as const
const given = (trusted = anchors, overrides: Partial<PolicyOverrides> = {}) => ({
  ...{ anchors: trusted, now },
  policy: strictPolicy({ ...anyDevice, ...overrides }),
})

const data: DeviceData = { bytes: encodeUtf8('heart rate 61\n') }
const otherData: DeviceData = { bytes: encodeUtf8('heart rate 62\n') }
const nonceOf = ({ bytes, salt: dataSalt }: DeviceData): Promise<Bytes> =>
  provenanceNonce(parseHex(provenanceDataDigest(bytes, dataSalt)))
const psaOver = async (made: DeviceData) =>
  ({ tee: 'arm-psa', token: device.token({ nonce: await nonceOf(made) }) }) as const

const optionsFor = async (made: DeviceData): Promise<AttachProvenanceOptions> => ({
  account: owner,
  domain,
  asset: { owner: owner.address, root, salt, asset },
  data: made,
  evidence: await psaOver(made),
  collateral: { deviceKeys: [device.deviceKey] },
  given: given(),
})

const strict: ProvenanceExpected = {
  ...{ deployment, asset, owner: owner.address, data },
  given: given(),
}
const states = (facts: readonly ProvenanceFact[]) =>
  Object.fromEntries(facts.map(({ name, state }) => [name, state]))
const proved = Object.fromEntries(provenanceFactNames.map((name) => [name, 'proved']))

let record: ProvenanceRecord
beforeAll(async () => {
  record = await attachProvenance(await optionsFor(data))
})

describe('a record', () => {
  test('proves every fact, as it stands in its file, also without the network', async () => {
    const read = parseProvenanceRecord(encodeProvenanceRecord(record))
    expect(states(await checkProvenance(read, strict))).toEqual(proved)
  })

  test('of a TPM does too', async () => {
    tpm.measure([])
    const evidence = tpm.evidence({ nonce: await nonceOf(data) })
    const options = { ...(await optionsFor(data)), evidence, collateral: {} }
    const made = await attachProvenance(options)
    expect(states(await checkProvenance(made, strict))).toEqual(proved)
  })

  test('says which facts nobody asked for', async () => {
    const asked = { deployment: 'any', asset: 'any', owner: 'any', data: 'unseen' } as const
    expect(states(await checkProvenance(record, { ...asked, given: given() }))).toEqual({
      ...{ deployment: 'not-asked', asset: 'not-asked', owner: 'proved' },
      ...{ evidence: 'proved', data: 'not-asked' },
    })
  })

  test.for<[string, string, Partial<ProvenanceExpected>]>([
    ['another deployment', 'deployment', { deployment: word(9) }],
    ['another asset', 'asset', { asset: word(9) }],
    ['another owner', 'owner', { owner: stranger.address }],
    ['a device that nobody pinned', 'evidence', { given: given([]) }],
    [
      'a measurement that it has not',
      'evidence',
      { given: given(anchors, { measurements: ['00'.repeat(32)] }) },
    ],
    ['other data', 'data', { data: otherData }],
    ['a salt that it was not made with', 'data', { data: { ...data, salt: new Uint8Array(32) } }],
    ['a salt of another length', 'data', { data: { ...data, salt: new Uint8Array(31) } }],
  ])('held against %s does not prove its %s, and all else', async ([, name, change]) => {
    const facts = await checkProvenance(record, { ...strict, ...change })
    expect(states(facts)).toEqual({ ...proved, [name]: 'not-proved' })
  })

  test('of other data’s evidence that its owner signed all the same proves no evidence', async () => {
    // What a careless or lying owner can sign without attachProvenance.
    const lying = { ...given(), policy: strictPolicy(anyDevice) }
    const honest = await attachProvenance(await optionsFor(otherData))
    const forged = { ...honest, dataDigest: record.dataDigest }
    const facts = await checkProvenance(forged, { ...strict, given: lying })
    expect(states(facts)).toEqual({ ...proved, owner: 'not-proved', evidence: 'not-proved' })
    expect(facts.find(({ name }) => name === 'evidence')?.detail).toContain('REPORT_DATA')
  })

  test('with a supplied key is proved only to who allows that', async () => {
    const allowed = given([], { allowSuppliedKeys: true })
    const facts = await checkProvenance(record, { ...strict, given: allowed })
    expect(states(facts)).toEqual(proved)
    expect(facts.find(({ name }) => name === 'evidence')?.detail).toContain('supplied key')
  })

  test('that holds no key is proved to who brings it', async () => {
    const bare = { ...record, collateral: {} }
    const without = await checkProvenance(bare, strict)
    const brought = await checkProvenance(bare, {
      ...strict,
      collateral: { deviceKeys: [device.deviceKey] },
    })
    const evidenceOf = (facts: readonly ProvenanceFact[]) => states(facts)['evidence']
    expect([evidenceOf(without), evidenceOf(brought)]).toEqual(['not-proved', 'proved'])
  })

  test('shows salted data to who has the salt, and to nobody else', async () => {
    const salted = { ...data, salt: new Uint8Array(32).fill(5) }
    const made = await attachProvenance(await optionsFor(salted))
    expect(states(await checkProvenance(made, { ...strict, data: salted }))).toEqual(proved)
    expect(states(await checkProvenance(made, strict))).toMatchObject({ data: 'not-proved' })
  })
})

describe('attaching is refused', () => {
  const refused = async (change: Partial<AttachProvenanceOptions>) =>
    expect(attachProvenance({ ...(await optionsFor(data)), ...change })).rejects

  test('for data that the device did not sign for', async () => {
    await (
      await refused({ data: otherData })
    ).toMatchObject({
      code: 'provenance-refused',
      message: expect.stringMatching(/REPORT_DATA.*give the very data that the device made/),
    })
  })

  test('for evidence of a key that nobody pinned', async () => {
    await (
      await refused({ given: given([]) })
    ).toMatchObject({ code: 'provenance-refused', message: expect.stringMatching(/ENDORSEMENT/) })
  })

  test('for a token with a flipped byte', async () => {
    const { token } = await psaOver(data)
    const forged = token.slice()
    forged[forged.length - 1]! ^= 1
    await (
      await refused({ evidence: { tee: 'arm-psa', token: forged } })
    ).toMatchObject({ code: 'provenance-refused', message: expect.stringMatching(/Not authentic/) })
  })

  test('for an asset of somebody else’s', async () => {
    await (await refused({ account: stranger })).toMatchObject({ code: 'wrong-owner' })
  })

  test('for an asset of another deployment', async () => {
    const elsewhere = cloisterDomain(1, domain.verifyingContract)
    await (
      await refused({ domain: elsewhere })
    ).toMatchObject({ code: 'provenance-refused', message: expect.stringMatching(/deployment/) })
  })

  test('where the person refuses in the wallet', async () => {
    const signTypedData = () => Promise.reject(new Error('User rejected the request'))
    await (
      await refused({ account: { address: owner.address, signTypedData } })
    ).toMatchObject({ code: 'no-account' })
  })
})

test('somebody else can attach the same evidence to an asset of their own: it shows no first', async () => {
  const theirs = { owner: stranger.address, root, salt, asset: assetOf(stranger.address) }
  const options = { ...(await optionsFor(data)), account: stranger, asset: theirs }
  const replayed = await attachProvenance({ ...options, evidence: record.evidence })
  const expected = { ...strict, asset: theirs.asset, owner: stranger.address }
  expect(states(await checkProvenance(replayed, expected))).toEqual(proved)
})
