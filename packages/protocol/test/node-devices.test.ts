import { appraise, insecureDevnetAnchor, type NvidiaCollateral } from '@cloister/attest'
import { canonicalJson, unixSeconds } from '@cloister/codec'
import { createNvidiaManufacturer } from '@cloister/emulator'
import { zeroAddress } from 'viem'
import { expect, test } from 'vitest'

import {
  allTees,
  appraiseNode,
  deviceNonce,
  evidenceBytes,
  shownDevicesField,
  type Accelerator,
  type ShownDevices,
  type ShownEvidence,
} from '../src/index.ts'
import { issuedAt, machines, now } from './machines.ts'

const maker = () => createNvidiaManufacturer({ seed: new Uint8Array(32).fill(3), now: issuedAt })
const nvidia = maker()
const gpuNumbered = (number: number) =>
  nvidia.createDevice({ chip: 'GH100', deviceSeed: new Uint8Array(16).fill(number) })
const gpu = gpuNumbered(1)
const anchors = [
  ...machines.map(({ anchor }) => anchor),
  insecureDevnetAnchor(nvidia.anchorSpkiSha256),
  insecureDevnetAnchor(nvidia.rimAnchorSpkiSha256),
]
const reportData = new Uint8Array(64).fill(9, 0, 32)
const otherData = new Uint8Array(64).fill(8, 0, 32)
const receiptKey = `0x${'ab'.repeat(20)}` as const

type Machine = (typeof machines)[number]
const cpuOf = ({ evidence, collateral }: Machine, data = reportData): ShownEvidence => ({
  evidence: evidence(data),
  collateral: collateral(),
})

async function devicesOf(
  cpu: ShownEvidence,
  data = reportData,
  collateral: NvidiaCollateral = nvidia.collateral(gpu),
  gpus = [gpu],
): Promise<ShownDevices> {
  const nonce = await deviceNonce(evidenceBytes(cpu.evidence), data)
  return { evidence: gpus.map((each) => each.evidence({ nonce })), collateral }
}

async function problemsOf(shown: ShownEvidence, accelerator: Accelerator = 'nvidia') {
  const rule = { measurements: [], releaseKey: zeroAddress, tcbFloor: 0, tees: allTees }
  const demand = {
    ...{ approvals: [], reportData, receiptKey, anchors, now },
    floor: { tcbEvaluationDataNumber: 0, rootCrlNumber: 0n, pckCrlNumber: 0n },
    machineId: 'any' as const,
  }
  const { devices: _, ...alone } = shown
  const cpu = await appraiseNode(appraise, alone, { ...demand, rules: [rule], accelerator: 'none' })
  const rules = [{ ...rule, measurements: cpu.shown === undefined ? [] : [cpu.shown.measurement] }]
  const judged = await appraiseNode(appraise, shown, { ...demand, rules, accelerator })
  expect(judged.accepted).toBe(judged.problems.length === 0)
  return judged.problems.map(({ detail }) => detail).join('; ')
}

test.for(machines)('a GPU beside a CPU of $name is accepted', async (machine) => {
  const cpu = cpuOf(machine)
  expect(await problemsOf({ ...cpu, devices: await devicesOf(cpu) })).toBe('')
})

const [tdx, snp] = machines
if (tdx === undefined || snp === undefined) throw new Error('no machines')
const cpu = cpuOf(tdx)

test('an app that uses a GPU needs one, and one that uses none may show none', async () => {
  const devices = await devicesOf(cpu)
  expect(await problemsOf(cpu)).toContain('needs an NVIDIA GPU')
  expect(await problemsOf({ ...cpu, devices: { ...devices, evidence: [] } })).toContain('none')
  expect(await problemsOf({ ...cpu, devices }, 'none')).toContain('uses no accelerator')
  expect(await problemsOf(cpu, 'none')).toBe('')
})

test('a switch alone is no GPU', async () => {
  const nvswitch = nvidia.createDevice({ chip: 'LS10', deviceSeed: new Uint8Array(16).fill(5) })
  const collateral = nvidia.collateral(nvswitch)
  const devices = await devicesOf(cpu, reportData, collateral, [nvswitch])
  expect(await problemsOf({ ...cpu, devices })).toContain('needs an NVIDIA GPU')
})

test.for([
  ['another attempt', async () => devicesOf(cpu, otherData)],
  ['another CPU, relayed', async () => devicesOf(cpuOf(snp))],
  ['an earlier quote of this CPU', async () => devicesOf(cpuOf(tdx, otherData))],
] as const)('a GPU that answered %s is refused', async ([, answered]) => {
  expect(await problemsOf({ ...cpu, devices: await answered() })).toContain('NOT_BOUND')
})

test('one GPU that answers twice is refused', async () => {
  const devices = await devicesOf(cpu, reportData, nvidia.collateral(gpu), [gpu, gpu])
  expect(await problemsOf({ ...cpu, devices })).toContain('DUPLICATE_DEVICE')
})

test('every GPU that is shown has to be accepted', async () => {
  // The documents speak of the first alone.
  const devices = await devicesOf(cpu, reportData, nvidia.collateral(gpu), [gpu, gpuNumbered(2)])
  expect(await problemsOf({ ...cpu, devices })).toMatch(/^devices\[1\]: REVOCATION/)
})

const good = nvidia.collateral(gpu)
const revoking = maker()
revoking.setStatus(gpu.identityChain[0]!.serial, 'revoked')
const rim = (kind: 'driver' | 'vbios', expired = false) =>
  nvidia.rim({ chip: 'GH100', kind, ...(expired && { expiredAt: issuedAt }) })
test.for([
  ['no manifests', { ...good, rims: [] }, 'RIM_MISSING'],
  ['a manifest that was changed', { ...good, rims: good.rims.map(spoil) }, 'RIM_INVALID'],
  ['an old manifest', { ...good, rims: [rim('driver', true), rim('vbios')] }, 'RIM_EXPIRED'],
  ['no OCSP responses', { ...good, ocspResponses: [] }, 'REVOCATION'],
  ['a revoked device', revoking.collateral(gpu), 'CERT_REVOKED'],
  [
    'OCSP responses that have ended',
    nvidia.collateral(gpu, { issuedAt: unixBefore(3 * 86_400) }),
    'OCSP_INVALID_OR_EXPIRED',
  ],
] as const)('a GPU with %s is refused', async ([, collateral, code]) => {
  const devices = await devicesOf(cpu, reportData, collateral)
  expect(await problemsOf({ ...cpu, devices })).toContain(code)
})

test('devices under other roots are refused', async () => {
  const other = createNvidiaManufacturer({ seed: new Uint8Array(32).fill(8), now: issuedAt })
  const stranger = other.createDevice({ chip: 'GH100', deviceSeed: new Uint8Array(16).fill(1) })
  const devices = await devicesOf(cpu, reportData, other.collateral(stranger), [stranger])
  expect(await problemsOf({ ...cpu, devices })).toContain('UNTRUSTED_ROOT')
})

test('devices are read back as they were written, and bounded', async () => {
  const devices = await devicesOf(cpu)
  const written = shownDevicesField.encode(devices)
  expect(shownDevicesField.parse(written, 'devices')).toEqual(devices)
  // They travel to keepers in a body of 1 MiB beside everything else.
  expect(canonicalJson(written).length).toBeLessThan(200_000)
  const [one] = devices.evidence
  const many = { ...devices, evidence: Array.from({ length: 17 }, () => one!) }
  expect(() => shownDevicesField.parse(shownDevicesField.encode(many), 'devices')).toThrow('17')
})

function spoil(text: string): string {
  return text.replace(
    /(<[^>]*Signature[^>]*Value[^>]*>)(.)/,
    (_, tag: string, first: string) => `${tag}${first === 'A' ? 'B' : 'A'}`,
  )
}

function unixBefore(seconds: number) {
  return unixSeconds(issuedAt - seconds)
}
