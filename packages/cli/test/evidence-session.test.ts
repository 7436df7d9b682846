import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Collateral, Evidence } from '@cloister/attest'
import { encodeHex, parseHex, unixSeconds, type Bytes } from '@cloister/codec'
import {
  bindToTd,
  createManufacturer,
  createNvidiaManufacturer,
  createTpmManufacturer,
  sampleBoot,
  type NvidiaDevice,
} from '@cloister/emulator'
import { writeEvidence } from '@cloister/io'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { here, lastJson } from './cli.ts'

const now = unixSeconds(1_790_000_000)
const seed = new Uint8Array(32).fill(3)
const challenge = new Uint8Array(32).fill(5)
const intel = createManufacturer({ seed, now })
const nvidia = createNvidiaManufacturer({ seed, now })
const platform = intel.createPlatform({ machineSeed: new Uint8Array(16).fill(9) })
const registers = { mrtd: filled(1), rtmrs: [filled(2), filled(3), filled(4), filled(5)] as const }
const [gpu, secondGpu, wire] = (['GH100', 'GH100', 'LS10'] as const).map((chip, index) =>
  nvidia.createDevice({ chip, deviceSeed: new Uint8Array(16).fill(index + 1) }),
)

let folder: string
let cpu: string
let trust: readonly string[]
let nonce: Bytes

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cloister-cli-session-'))
  const roots = [intel.rootDer, gpu!.identityChain.at(-1)!.der, nvidia.rimChain().at(-1)!.der]
  trust = [
    ...roots.flatMap((der, index) => ['--anchors', fileAt(`root-${index}.der`, der)]),
    ...['--at', String(now)],
  ]
  const quote = platform.quote({ ...registers, reportData: padded(challenge) })
  cpu = evidenceAt('cpu', { tee: 'tdx', quote }, { intel: intel.collateral() })
  nonce = await nonceFor(cpu)
})
afterAll(() => rmSync(folder, { recursive: true }))

function filled(byte: number): Bytes {
  return new Uint8Array(48).fill(byte)
}

function padded(bytes: Bytes): Bytes {
  const reportData = new Uint8Array(64)
  reportData.set(bytes)
  return reportData
}

function fileAt(name: string, content: Bytes | string): string {
  const path = join(folder, name)
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

function evidenceAt(name: string, evidence: Evidence, collateral: Collateral): string {
  const path = join(folder, name)
  writeEvidence(path, evidence, collateral)
  return path
}

async function nonceFor(path: string, sent = challenge): Promise<Bytes> {
  const said = await here(['evidence', 'nonce', path, '--challenge', encodeHex(sent), '--json'])
  return parseHex(String(lastJson(said)['nonce']), 'nonce')
}

function deviceAt(name: string, device: NvidiaDevice, signed = nonce): string {
  const collateral = { nvidia: nvidia.collateral(device) }
  return evidenceAt(name, device.evidence({ nonce: signed }), collateral)
}

function tpmOf(fill: number) {
  const manufacturer = createTpmManufacturer({ seed })
  const tpm = manufacturer.createTpm({ tpmSeed: new Uint8Array(16).fill(fill) })
  tpm.measure(sampleBoot({ secureBoot: true, kernel: 'kernel' }))
  return tpm
}

/** Judges a session; gives its exit code and what speaks against it. */
async function judge(path: string, ...args: readonly string[]) {
  const sent = args.includes('--challenge') ? [] : ['--challenge', encodeHex(challenge)]
  const ended = await here(['evidence', 'session', path, ...trust, ...sent, ...args, '--json'])
  if (ended.code === 2) throw new Error(ended.stderr)
  const { accepted, reasons, parts } = lastJson(ended)
  if (!Array.isArray(reasons) || !Array.isArray(parts)) throw new Error(ended.stderr)
  return {
    code: ended.code,
    accepted,
    against: reasons.map((reason) => `${reason.code} ${reason.parts.join('+')}`),
    parts: parts.map((part) =>
      [part.name, part.reject, ...part.reasons.map(({ code }: { code: string }) => code)]
        .filter(Boolean)
        .join(' '),
    ),
  }
}

test('a CPU and its GPU are one session, in JSON and in words', async () => {
  const device = deviceAt('gpu', gpu!)
  expect(await judge(cpu, '--device', device)).toEqual({
    code: 0,
    accepted: true,
    against: [],
    parts: ['cpu', 'device 1'],
  })
  const sent = ['--challenge', encodeHex(challenge)]
  const plain = await here(['evidence', 'session', cpu, ...trust, ...sent, '--device', device])
  expect(plain.stdout).toMatch(/^cpu \(tdx, .*\): Accepted/)
  expect(plain.stdout).toMatch(/The session is accepted/)
  expect(plain.stderr.match(/no --policy/g)).toHaveLength(1)
})

test('a folder that collect wrote for several devices stands for all of them', async () => {
  const set = join(folder, 'set')
  mkdirSync(set)
  deviceAt('set/0', gpu!)
  deviceAt('set/1', secondGpu!)
  expect(await judge(cpu, '--device', set)).toMatchObject({
    code: 0,
    parts: ['cpu', 'device 1', 'device 2'],
  })
  expect(await judge(cpu, '--device', set, '--expect', '3,0')).toMatchObject({
    code: 6,
    against: ['DEVICE_COUNT device 1+device 2'],
  })
  expect(await judge(cpu, '--expect', '2,0')).toMatchObject({
    code: 6,
    against: ['DEVICE_COUNT cpu'],
  })
  deviceAt('set/3', gpu!)
  await expect(judge(cpu, '--device', set)).rejects.toThrow('folder 2 is missing')
})

test('a device that is named twice, and a switch without its set, are refused', async () => {
  const device = deviceAt('twin', gpu!)
  const two = ['device 1', 'device 2'].join('+')
  expect(await judge(cpu, '--device', device, '--device', device)).toMatchObject({
    code: 6,
    against: [`DUPLICATE_DEVICE ${two}`],
    parts: ['cpu', 'device 1', 'device 2'],
  })
  const onWire = deviceAt('wire', wire!)
  const { code, against } = await judge(cpu, '--device', onWire, '--device', onWire)
  expect(code).toBe(6)
  expect(against).toEqual(
    expect.arrayContaining([`DUPLICATE_DEVICE ${two}`, `DEVICE_COUNT ${two}`]),
  )
})

test("another CPU's device, another challenge and forged evidence are refused", async () => {
  const device = deviceAt('bound', gpu!)
  const unbound = { code: 6, against: ['NOT_BOUND device 1'], parts: expect.anything() }
  const otherQuote = platform.quote({
    ...registers,
    mrtd: filled(8),
    reportData: padded(challenge),
  })
  const otherCpu = evidenceAt(
    'other-cpu',
    { tee: 'tdx', quote: otherQuote },
    { intel: intel.collateral() },
  )
  expect(await judge(otherCpu, '--device', device)).toMatchObject({
    ...unbound,
    parts: ['cpu', 'device 1 REPORT_DATA'],
  })
  // Not the device alone: a recording of the CPU does not hold the challenge either.
  const another = ['--challenge', '07'.repeat(32)]
  expect(await judge(cpu, '--device', device, ...another)).toMatchObject({
    ...unbound,
    parts: ['cpu REPORT_DATA', 'device 1 REPORT_DATA'],
  })
  const evidence = gpu!.evidence({ nonce })
  const measurements = evidence.measurements.slice()
  measurements[100]! ^= 1
  const forged = evidenceAt(
    'forged',
    { ...evidence, measurements },
    { nvidia: nvidia.collateral(gpu!) },
  )
  expect(await judge(cpu, '--device', forged)).toMatchObject({
    code: 6,
    against: ['NOT_AUTHENTIC device 1', 'DEVICE_COUNT device 1'],
  })
})

test('a CPU alone that has not signed the challenge is no session, whatever is wanted of it', async () => {
  expect(await judge(cpu)).toMatchObject({ code: 0, against: [] })
  const open = { measurements: 'any', reportData: 'any', machineIds: 'any' }
  const policy = ['--policy', fileAt('open.json', JSON.stringify(open))]
  const another = ['--challenge', '11'.repeat(32)]
  const recorded = ['--report-data', encodeHex(padded(challenge))]
  for (const wanted of [policy, recorded])
    expect(await judge(cpu, ...wanted, ...another)).toEqual({
      code: 6,
      accepted: false,
      against: ['NOT_FRESH cpu'],
      parts: ['cpu'],
    })
  const said = await here(['evidence', 'session', cpu, ...trust, ...policy, ...another])
  expect(said.stderr).toMatch(/nothing has signed the challenge.*--report-data/)
  // A GPU signs what anybody asks: the session holds, and the CPU's evidence may be old.
  const asked = deviceAt('asked', gpu!, await nonceFor(cpu, new Uint8Array(32).fill(0x11)))
  const beside = [...policy, ...another, '--device', asked]
  const session = await here(['evidence', 'session', cpu, ...trust, ...beside])
  expect([session.code, session.stderr]).toEqual([0, expect.stringMatching(/does not hold the/)])
})

test('what cannot be read is refused, and what has no place there is wrong usage', async () => {
  const device = deviceAt('fine', gpu!)
  const garbage = fileAt('garbage.bin', new Uint8Array(100).fill(0xee))
  expect(await judge(garbage, '--device', device)).toMatchObject({
    code: 6,
    against: ['NOT_AUTHENTIC cpu+device 1', 'NOT_BOUND device 1'],
    parts: ['cpu PARSE', 'device 1 REPORT_DATA'],
  })
  expect(await judge(cpu, '--device', garbage)).toMatchObject({
    code: 6,
    parts: ['cpu', 'device 1 PARSE'],
  })
  await expect(judge(device)).rejects.toThrow('nvidia-gpu evidence for a CPU')
  await expect(judge(cpu, '--device', cpu)).rejects.toThrow('expected that of a GPU')
  await expect(judge(cpu, '--vtpm', device)).rejects.toThrow('expected that of a TPM')
  await expect(judge(cpu, '--challenge', '00')).rejects.toThrow('expected 32')
})

const tpmPolicy = {
  measurements: 'any',
  reportData: 'any',
  machineIds: 'any',
  tpm: { hardwareMeasurements: 'any' },
}

/** A VM with a vTPM: its CPU's evidence is the quote that names the vTPM's key. */
async function vmAt(name: string, fill: number, on = platform) {
  const tpm = tpmOf(fill)
  const binding = bindToTd(tpm.key, { platform: on, registers })
  const quote = binding.hardwareQuote!
  const path = evidenceAt(`${name}-cpu`, { tee: 'tdx', quote }, { intel: intel.collateral() })
  const signed = await nonceFor(path)
  const vtpm = (said: string, asked = signed): string => {
    const { certificateChain: _, ...quoted } = tpm.evidence({ nonce: asked })
    return evidenceAt(`${name}-${said}`, { ...quoted, ...binding }, {})
  }
  return { path, vtpm }
}

test('a vTPM is of the CPU whose evidence names its key, and no other', async () => {
  const policy = ['--policy', fileAt('tpm-policy.json', JSON.stringify(tpmPolicy))]
  const vm = await vmAt('vm', 1)
  expect(await judge(vm.path, '--vtpm', vm.vtpm('vtpm'), ...policy)).toEqual({
    code: 0,
    accepted: true,
    against: [],
    parts: ['cpu', 'vtpm'],
  })
  const recorded = vm.vtpm('recorded', new Uint8Array(32))
  expect(await judge(vm.path, '--vtpm', recorded, ...policy)).toMatchObject({
    code: 6,
    against: ['NOT_BOUND vtpm'],
    parts: ['cpu', 'vtpm REPORT_DATA'],
  })
  // The vTPM of another VM signs this session's nonce, and is as good by itself.
  const other = await vmAt('foreign', 2)
  const unrelated = other.vtpm('unrelated', await nonceFor(vm.path))
  expect(await judge(vm.path, '--vtpm', unrelated, ...policy)).toMatchObject({
    code: 6,
    against: ['NOT_BOUND vtpm'],
    parts: ['cpu', 'vtpm'],
  })
  expect(await judge(cpu, '--vtpm', vm.vtpm('beside', nonce), ...policy)).toMatchObject({
    code: 6,
    against: ['NOT_BOUND vtpm'],
    parts: ['cpu', 'vtpm'],
  })
})

test("a TD that repeats another machine's report data has not got its vTPM", async () => {
  const policy = ['--policy', fileAt('tpm-policy-2.json', JSON.stringify(tpmPolicy))]
  const tpm = tpmOf(1)
  const elsewhere = intel.createPlatform({ machineSeed: new Uint8Array(16).fill(10) })
  const binding = bindToTd(tpm.key, { platform: elsewhere, registers })
  const reportData = binding.hardwareQuote!.slice(48 + 520, 48 + 584)
  const { certificateChain: _, ...quoted } = tpm.evidence({ nonce: new Uint8Array(0) })
  for (const [name, on, mrtd] of [
    ['another machine', platform, filled(1)],
    ['other software', elsewhere, filled(7)],
  ] as const) {
    const quote = on.quote({ ...registers, mrtd, reportData })
    const repeating = evidenceAt(name, { tee: 'tdx', quote }, { intel: intel.collateral() })
    const signed = tpm.evidence({ nonce: await nonceFor(repeating) })
    const { quote: tpmQuote, signature } = signed
    const evidence = { ...quoted, quote: tpmQuote, signature, ...binding }
    const vtpm = evidenceAt(`${name} vtpm`, evidence, {})
    expect(await judge(repeating, '--vtpm', vtpm, ...policy)).toMatchObject({
      code: 6,
      against: ['NOT_BOUND vtpm'],
      parts: ['cpu', 'vtpm'],
    })
  }
})

/** A new signer's private key in a file. */
function signerAt(name: string): string {
  const { privateKey } = generateKeyPairSync('ed25519')
  return fileAt(name, JSON.stringify(privateKey.export({ format: 'jwk' })))
}

test('an attestation result of several parts affirms only what belongs together', async () => {
  const key = ['--key', signerAt('signer.jwk')]
  const good = deviceAt('ear-good', gpu!)
  const stray = deviceAt('ear-stray', secondGpu!, new Uint8Array(32).fill(1))
  const base = ['evidence', 'ear', cpu, ...trust, ...key, '--json']
  const alone = await here([...base, '--gpu', good])
  expect(alone.code).toBe(2)
  expect(alone.stderr).toContain('--gpu without --challenge')
  const sent = [...base, '--challenge', encodeHex(challenge)]
  const whole = await here([...sent, '--gpu', good, '--developer', 'Example Ltd'])
  expect(whole.code).toBe(0)
  expect(lastJson(whole)['claims']).toMatchObject({
    'ear.verifier-id': { developer: 'Example Ltd' },
    submods: {
      cpu: { 'ear.status': 'affirming', 'cloister.session-reasons': [] },
      'gpu-0': { 'ear.status': 'affirming', 'cloister.session-reasons': [] },
    },
  })
  const mixed = await here([...sent, '--gpu', good, '--gpu', stray])
  expect(mixed.code).toBe(6)
  expect(lastJson(mixed)['claims']).toMatchObject({
    'ear.verifier-id': { developer: 'cloister' },
    submods: {
      cpu: { 'ear.status': 'affirming' },
      'gpu-0': { 'ear.status': 'affirming' },
      'gpu-1': { 'ear.status': 'contraindicated', 'cloister.session-reasons': ['NOT_BOUND'] },
    },
  })
  const twice = lastJson(await here([...sent, '--gpu', good, '--gpu', good]))
  const status = {
    'ear.status': 'contraindicated',
    'cloister.reasons': [],
    'cloister.session-reasons': ['DUPLICATE_DEVICE'],
  }
  expect(twice).toMatchObject({
    accepted: false,
    claims: { submods: { 'gpu-0': status, 'gpu-1': status } },
  })
})
