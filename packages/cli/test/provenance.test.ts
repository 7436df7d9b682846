import {
  encodeDeviceKey,
  insecureDevnetAnchor,
  provenanceNonce,
  type Collateral,
  type ProvenanceEvidence,
} from '@cloister/attest'
import { encodeUtf8, parseHex } from '@cloister/codec'
import { createPsaDevice, createTpmManufacturer } from '@cloister/emulator'
import { writeEvidence } from '@cloister/io'
import {
  assetId,
  deploymentDomain,
  deploymentOf,
  encodeDeployment,
  limits,
  provenanceDataDigest,
  type Deployment,
} from '@cloister/protocol'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Address, Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { cli, here, lastJson, type Ended } from './cli.ts'

const word = (byte: number): Hex => `0x${byte.toString(16).padStart(2, '0').repeat(32)}`
const address = (byte: number): Address => `0x${byte.toString(16).padStart(2, '0').repeat(20)}`
const owner = privateKeyToAccount(word(1))

const contracts = {
  ...{ token: address(1), ledger: address(2), staking: address(3), committee: address(4) },
  ...{ appRegistry: address(5), assetRegistry: address(6), nodeRegistry: address(7) },
  ...{ grantBook: address(8), market: address(9), settlement: address(10) },
  releaseKeys: address(11),
  keeperDuty: address(12),
}
const deployment: Deployment = {
  format: 'cloister-deployment/1',
  home: { chainId: 31337, rpcUrl: 'http://127.0.0.1:1', contracts },
  ...{ spokes: [], measurements: [], apps: [], verifiers: [], nodes: [], depth: 2 },
  genesisCommittee: { epoch: 0n, members: [address(0x31)] },
  anchors: [insecureDevnetAnchor('41'.repeat(32))],
  policy: {
    ...{ tcbFloor: 0, tierMin: 0, tcbEvaluationDataNumber: 1 },
    ...{ rootCrlNumber: 0n, pckCrlNumber: 0n },
  },
}
const id = deploymentOf(deploymentDomain(deployment))
const [root, salt] = [word(0x21), word(0x22)]
const asset = assetId({ deployment: id, owner: owner.address, root, salt })
const state = {
  ...{ format: 'cloister-owner-state/1', deployment: id, owner: owner.address.toLowerCase() },
  ...{ root, salt, secretDataKey: word(0x51) },
  secretShares: [1, 2, 3].map((x) => `0x${'61'.repeat(32)}0${x}`),
  policy: {
    ...{ owner: owner.address.toLowerCase(), asset, measurements: [word(0x41)] },
    ...{ tcbFloor: 0, tierMin: 0, operators: [1, 2, 3].map(address), expiry: '9' },
    ...{ releaseKey: `0x${'00'.repeat(20)}`, tees: 62 },
  },
  ...{ policySignature: `0x${'00'.repeat(65)}`, stores: [], acknowledgements: [null, null, null] },
}

const device = createPsaDevice(new Uint8Array(32).fill(3), { deviceSeed: new Uint8Array(16) })
const tpm = createTpmManufacturer({ seed: new Uint8Array(32).fill(4) }).createTpm({
  tpmSeed: new Uint8Array(16),
})
const data = encodeUtf8('heart rate 61\n')
const dataSalt = new Uint8Array(32).fill(5)
const at = '2026-09-20T00:00:00Z'

let folder: string
const file = (name: string): string => join(folder, name)
const write = (name: string, content: string | Uint8Array): string => {
  writeFileSync(file(name), content, { mode: 0o600 })
  return file(name)
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-cli-provenance-'))
  write('deployment.json', encodeDeployment(deployment))
  write('owner.key', word(1))
  write('stranger.key', word(2))
  write('state.json', JSON.stringify(state))
  write('data.txt', data)
  write('other.txt', 'heart rate 62\n')
  write('salt.bin', dataSalt)
  write('device.jwk.json', JSON.stringify(encodeDeviceKey(device.deviceKey)))
  write(
    'tpm-root.pem',
    (await tpmOver(data)).certificateChain?.split(/(?=-----BEGIN)/).at(-1) ?? '',
  )
  const deviceKeys = [device.deviceKey]
  store('psa', await psaOver(data), { deviceKeys })
  store('psa-other', await psaOver(encodeUtf8('heart rate 62\n')), { deviceKeys })
  store('psa-salted', await psaOver(data, dataSalt), { deviceKeys })
  store('tpm', await tpmOver(data), {})
  expect((await attach('psa', 'psa.record')).code).toBe(0)
})
afterAll(() => rmSync(folder, { recursive: true }))

const nonceOf = (made: Uint8Array, madeSalt?: Uint8Array) =>
  provenanceNonce(parseHex(provenanceDataDigest(made, madeSalt)))
const psaOver = async (made: Uint8Array, madeSalt?: Uint8Array) =>
  ({ tee: 'arm-psa', token: device.token({ nonce: await nonceOf(made, madeSalt) }) }) as const
const tpmOver = async (made: Uint8Array) => tpm.evidence({ nonce: await nonceOf(made) })
const store = (name: string, evidence: ProvenanceEvidence, collateral: Collateral): void =>
  writeEvidence(file(name), evidence, collateral)

type Options = Readonly<Record<string, string>>
const flags = (options: Options): readonly string[] =>
  Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])

const attachArgs = (evidence: string, out: string, options: Options = {}) => [
  ...['asset', 'attach-provenance', file('data.txt'), '--json'],
  ...flags({
    ...{ evidence: file(evidence), state: file('state.json'), out: file(out), at },
    ...{ deployment: file('deployment.json'), 'key-file': file('owner.key') },
    ...{ anchors: file('device.jwk.json'), ...options },
  }),
]
const attach = (evidence: string, out: string, options?: Options): Promise<Ended> =>
  here(attachArgs(evidence, out, options))

const checkArgs = (record: string, options: Options = {}) => [
  ...['asset', 'check-provenance', record, '--json'],
  ...flags({ at, anchors: file('device.jwk.json'), ...options }),
]
const check = (record: string, options?: Options): Promise<Ended> =>
  here(checkArgs(record, options))
const statesOf = (ended: Ended): unknown => {
  const { facts } = lastJson(ended)
  if (!Array.isArray(facts)) return ended
  return Object.fromEntries(facts.map(({ name, state: each }) => [name, each]))
}
const everything = (): Options => ({
  ...{ deployment: file('deployment.json'), asset, owner: owner.address },
  data: file('data.txt'),
})
const proved = {
  ...{ deployment: 'proved', asset: 'proved', owner: 'proved', evidence: 'proved', data: 'proved' },
}

describe('a record that its owner made', () => {
  test('proves all that is asked, by the program as it is installed', async () => {
    const ended = await cli(checkArgs(file('psa.record'), everything()))
    expect(ended.code).toBe(0)
    expect(ended.stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(lastJson(ended)).toMatchObject({ proved: true, asset, root, owner: owner.address })
    expect(statesOf(ended)).toEqual(proved)
  })

  test('of a TPM proves it too, under its maker’s root', async () => {
    const anchors = file('tpm-root.pem')
    expect(await attach('tpm', 'tpm.record', { anchors })).toMatchObject({ code: 0 })
    expect(statesOf(await check(file('tpm.record'), { ...everything(), anchors }))).toEqual(proved)
    expect((await check(file('tpm.record'))).code).toBe(6)
  })

  test('says in words what was not asked, and exits 0 for the rest', async () => {
    const args = checkArgs(file('psa.record')).filter((each) => each !== '--json')
    const { code, stdout } = await here(args)
    expect(code).toBe(0)
    expect(stdout).toMatch(/not asked {2}data [\s\S]*Not asked: deployment, asset, data\.$/)
  })

  test.for<[string, () => Options, string]>([
    ['other data', () => ({ data: file('other.txt') }), 'data'],
    ['another owner', () => ({ owner: address(9) }), 'owner'],
    ['another asset', () => ({ asset: word(9) }), 'asset'],
    ['a key that is not pinned', () => ({ anchors: 'production' }), 'evidence'],
  ])('held against %s exits 6', async ([, change, name]) => {
    const ended = await check(file('psa.record'), { ...everything(), ...change() })
    expect(ended.code).toBe(6)
    expect(statesOf(ended)).toEqual({ ...proved, [name]: 'not-proved' })
  })

  test('with a flipped byte never exits 0', async () => {
    const bytes = readFileSync(file('psa.record'))
    for (let index = 0; index < bytes.length; index += 17) {
      const forged = Buffer.from(bytes)
      forged[index]! ^= 1
      const { code } = await check(write('forged.record', forged))
      expect([index, [2, 6].includes(code ?? 0)]).toEqual([index, true])
    }
  })

  test('about salted data is checked with the salt', async () => {
    const salted = { 'data-salt': file('salt.bin') }
    expect(await attach('psa-salted', 'salted.record', salted)).toMatchObject({ code: 0 })
    const all = everything()
    expect(statesOf(await check(file('salted.record'), { ...all, ...salted }))).toEqual(proved)
    expect((await check(file('salted.record'), all)).code).toBe(6)
  })
})

describe('attaching', () => {
  test.for<[string, string, () => Options, number, string]>([
    ['evidence over other data', 'psa-other', () => ({}), 6, 'REPORT_DATA'],
    ['a key that nobody pinned', 'psa', () => ({ anchors: 'production' }), 6, 'ENDORSEMENT'],
    ['another account', 'psa', () => ({ 'key-file': file('stranger.key') }), 6, 'its owner is'],
    ['no evidence', 'nowhere', () => ({}), 2, 'no such file or folder'],
    ['no collateral', 'psa', () => ({ collateral: 'none' }), 2, '--collateral none'],
  ])('with %s writes nothing', async ([, evidence, change, code, said]) => {
    const ended = await attach(evidence, 'refused.record', change())
    expect(ended.code).toBe(code)
    expect(ended.stderr).toContain(said)
    expect(() => readFileSync(file('refused.record'))).toThrow('ENOENT')
  })

  test('takes a policy that says nothing of report data', async () => {
    const policy = write(
      'policy.json',
      JSON.stringify({ measurements: ['00'.repeat(32)], machineIds: 'any' }),
    )
    const ended = await attach('psa', 'refused.record', { policy })
    expect(ended).toMatchObject({ code: 6, stderr: expect.stringMatching(/MEASUREMENT/) })
  })

  test('never writes over a record', async () => {
    expect(await attach('psa', 'psa.record')).toMatchObject({ code: 2 })
  })
})

test('a record past 4 MiB, and what is no record, exit 2', async () => {
  const large = write('large.record', 'A'.repeat(limits.provenanceBytesMax + 1))
  expect(await check(large)).toMatchObject({ code: 2, stderr: expect.stringMatching(/4194304/) })
  expect(await check(file('state.json'))).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/provenance record/),
  })
})
