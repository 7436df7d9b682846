import {
  appraise,
  appraiseSession,
  cpuEvidenceBytes,
  createAppraiser,
  gpuNonce,
  isAccepted,
  judgeDeviceSet,
  productionAnchors,
  type Appraisal,
  type Appraiser,
  type NvidiaClaims,
  type SessionGiven,
  type Tee,
} from '@cloister/attest'
import { encodeHex, encodeUtf8, type Bytes } from '@cloister/codec'
import type { NvidiaDevice, ReportRequest } from '@cloister/emulator'
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { anyPolicy, hasEvidence } from './evidence.ts'
import { anchors, deviceSeed, given, nvidia } from './nvidia-emulated.ts'
import { readNvidiaSample } from './nvidia-evidence.ts'
import { emulated } from './vectors.ts'

const manufacturer = nvidia()
const make = (chip: 'GH100' | 'LS10', count: number): readonly NvidiaDevice[] =>
  Array.from({ length: count }, (_, index) =>
    manufacturer.createDevice({ chip, deviceSeed: deviceSeed(10 + index) }),
  )
const gpus = make('GH100', 8)
const switches = make('LS10', 4)
const pdis = (devices: readonly NvidiaDevice[]): readonly string[] => devices.map(({ pdi }) => pdi)

const challenge = new Uint8Array(32).fill(5)
const tdx = emulated('up-to-date')
const cpu = { tee: 'tdx', quote: tdx.quote } as const
const nonce = await gpuNonce(cpuEvidenceBytes(cpu), challenge)

const one = manufacturer.collateral(gpus[0]!)
const onSwitch = manufacturer.collateral(switches[0]!)
const allDevices = [...gpus, ...switches]
/** Manifests for all; responses about each device. */
const collateral = {
  rims: [...one.rims, ...onSwitch.rims],
  ocspResponses: [
    ...new Set(
      allDevices.flatMap((device) => manufacturer.collateral(device).ocspResponses.slice(0, 1)),
    ),
    ...one.ocspResponses.slice(1),
    ...onSwitch.ocspResponses.slice(1),
  ],
}

function sessionGiven(count: { gpus: number; switches: number }): SessionGiven {
  const { now: _, policy: cpuPolicy, ...rest } = tdx.given
  return {
    collateral: { ...(rest.collateral === 'none' ? {} : rest.collateral), nvidia: collateral },
    anchors: [...rest.anchors, ...anchors],
    now: tdx.given.now,
    cpuPolicy,
    devicePolicy: anyPolicy({ nvidia: { modes: ['SPT', 'PPCIE'] } }),
    expected: count,
  }
}

test("the nonce is SHA-256 of a domain, the evidence's SHA-256 and the challenge", async () => {
  const sha256 = (...parts: readonly Uint8Array[]): Bytes =>
    new Uint8Array(createHash('sha256').update(Buffer.concat(parts)).digest())
  const expected = sha256(encodeUtf8('cloister/gpu-nonce/1\0'), sha256(cpu.quote), challenge)
  expect(encodeHex(nonce)).toBe(encodeHex(expected))
  await expect(gpuNonce(cpu.quote, challenge.subarray(1))).rejects.toThrow(RangeError)
})

test('a GPU is bound to the session of one CPU, and to no other', async () => {
  const [gpu] = gpus
  const at = tdx.given.now
  const standard = nvidia().collateral(gpu!, { issuedAt: at })
  const by = { ...sessionGiven({ gpus: 1, switches: 0 }) }
  const collateralNow = { ...(by.collateral === 'none' ? {} : by.collateral), nvidia: standard }
  const session = { cpu, devices: [gpu!.evidence({ nonce })], challenge }
  const judge = (changed: Partial<typeof session>) =>
    appraiseSession({ ...session, ...changed }, { ...by, collateral: collateralNow })
  expect(await judge({})).toMatchObject({ accepted: true, reasons: [] })
  expect(await judge({ challenge: new Uint8Array(32) })).toMatchObject({
    accepted: false,
    reasons: [{ code: 'NOT_BOUND' }],
  })
  const elsewhere = gpu!.evidence({ nonce: await gpuNonce(new Uint8Array(1), challenge) })
  expect(await judge({ devices: [elsewhere] })).toMatchObject({
    devices: [{ reasons: [{ code: 'REPORT_DATA' }] }],
    reasons: [{ code: 'NOT_BOUND' }],
  })
  expect(await judge({ devices: [...session.devices, ...session.devices] })).toMatchObject({
    accepted: false,
    reasons: [{ code: 'DEVICE_COUNT' }, { code: 'DUPLICATE_DEVICE' }],
  })
  const forged = { ...session.devices[0]!, certificateChain: gpus[1]!.certificateChain() }
  expect(await judge({ devices: [forged] })).toMatchObject({
    devices: [{ reject: 'REPORT_SIGNATURE' }],
    reasons: [{ code: 'NOT_AUTHENTIC', detail: 'device 1' }, { code: 'DEVICE_COUNT' }],
  })
  const broken = { ...cpu, quote: cpu.quote.with(100, 1) }
  expect((await judge({ cpu: broken })).reasons.map(({ code }) => code)).toEqual([
    'NOT_AUTHENTIC',
    'NOT_BOUND',
  ])
})

test("a session mixes no device of a vendor's with a CPU of a devnet's, nor the other way round", async () => {
  const gpu = gpus[0]!
  const standard = nvidia().collateral(gpu, { issuedAt: tdx.given.now })
  const { collateral: shared, ...rest } = sessionGiven({ gpus: 1, switches: 0 })
  const by = { ...rest, collateral: { ...(shared === 'none' ? {} : shared), nvidia: standard } }
  const session = { cpu, devices: [gpu.evidence({ nonce })], challenge }
  const { appraise: genuine } = createAppraiser()
  // Nobody here can make a vendor's evidence: what is appraised is a devnet's, and then said to be a vendor's.
  const mixedWith = async (vendors: Readonly<Partial<Record<Tee, string>>>) => {
    const appraiser: Appraiser = {
      appraise: async (evidence, judged) => {
        const appraisal = await genuine(evidence, judged)
        const anchor = vendors[evidence.tee]
        if (appraisal.authentic === false || anchor === undefined) return appraisal
        return { ...appraisal, claims: { ...appraisal.claims, anchor } }
      },
    }
    return await appraiseSession(session, by, appraiser)
  }
  const ofCpu = { tdx: 'intel-sgx-root-ca' }
  const ofGpu = { 'nvidia-gpu': 'nvidia-device-root' }
  for (const alike of [{}, { ...ofCpu, ...ofGpu }])
    expect(await mixedWith(alike)).toMatchObject({ accepted: true, reasons: [] })
  for (const mixed of [ofCpu, ofGpu])
    expect(await mixedWith(mixed)).toMatchObject({
      accepted: false,
      reasons: [{ code: 'MIXED_ANCHORS', detail: expect.stringContaining('device 1 by ') }],
    })
})

/** Claims of a whole protected set, wired as it should be unless `change` says otherwise. */
async function protectedSet(
  change: (device: NvidiaDevice, index: number) => Partial<ReportRequest> = () => ({}),
): Promise<readonly NvidiaClaims[]> {
  const { appraise: warm } = createAppraiser()
  const claims = allDevices.map(async (device, index) => {
    const neighbours = pdis(device.chip === 'LS10' ? gpus : switches)
    const request = { nonce, mode: 'PPCIE', neighbours, ...change(device, index) } as const
    return claimsOf(await warm(device.evidence(request), given(collateral)))
  })
  return await Promise.all(claims)
}

function claimsOf(appraisal: Appraisal<NvidiaClaims>): NvidiaClaims {
  if (appraisal.authentic === false) throw new Error(appraisal.where)
  return appraisal.claims
}

const whole = { gpus: 8, switches: 4 }
const codes = (claims: readonly NvidiaClaims[], expected = whole): string =>
  judgeDeviceSet(claims, expected)
    .map(({ code }) => code)
    .join()

test('eight GPUs and four switches, each wired to all others, are a protected set', async () => {
  const claims = await protectedSet()
  expect(codes(claims)).toBe('')
  expect(codes(claims.toReversed())).toBe('')
  for (const device of allDevices.slice(7, 9)) {
    const request = { nonce, mode: 'PPCIE' } as const
    const by = given(collateral, { nvidia: { modes: ['PPCIE'] } })
    expect(isAccepted(await appraise(device.evidence(request), by))).toBe(true)
  }
})

test('a protected set is whole, wired to itself, of one firmware and one mode', async () => {
  const claims = await protectedSet()
  const linksOfAll = ',TOPOLOGY'.repeat(4)
  expect(codes(claims.slice(1))).toBe(`DEVICE_COUNT,DEVICE_COUNT${linksOfAll}`)
  expect(codes(claims.slice(1), { gpus: 7, switches: 4 })).toBe(`DEVICE_COUNT${linksOfAll}`)
  expect(codes(claims.slice(0, 8))).toBe(`DEVICE_COUNT,DEVICE_COUNT${',TOPOLOGY'.repeat(8)}`)
  const twins = claims.with(1, claims[0]!)
  expect(codes(twins)).toBe(`DUPLICATE_DEVICE${linksOfAll}`)

  const foreign = pdis(make('LS10', 5)).slice(1)
  const strayed = await protectedSet((_, index) => (index === 3 ? { neighbours: foreign } : {}))
  expect(codes(strayed)).toBe('TOPOLOGY')
  const loose = await protectedSet((device) =>
    device.chip === 'LS10' ? { neighbours: pdis(gpus).slice(1) } : {},
  )
  expect(codes(loose)).toBe('TOPOLOGY,TOPOLOGY,TOPOLOGY,TOPOLOGY')
  const mixed = await protectedSet((_, index) =>
    index === 2 ? { driverVersion: '600.01', mode: 'SPT' } : {},
  )
  expect(codes(mixed)).toBe('MIXED_FIRMWARE,MIXED_MODE')
})

test('GPUs that are not in protected PCIe need no switches', async () => {
  const claims = await protectedSet(() => ({ mode: 'MPT' }))
  expect(codes(claims.slice(0, 2), { gpus: 2, switches: 0 })).toBe('')
})

const set = ['h100-ppcie-4', 'h100-ppcie-6', 'h100-ppcie-7', 'h100-ppcie-8']
const wires = ['nvswitch-ppcie-2', 'nvswitch-ppcie-3', 'nvswitch-ppcie-4']

test.skipIf(!hasEvidence(1))(
  'four GPUs and three switches of a real set are known to be not the whole one',
  async () => {
    const claims: NvidiaClaims[] = []
    for (const name of [...set, ...wires]) {
      const { evidence, verifyAt } = readNvidiaSample(name)
      const by = {
        collateral: {},
        anchors: productionAnchors(),
        policy: anyPolicy(),
        now: verifyAt,
      }
      claims.push(claimsOf(await appraise(evidence, by)))
    }
    const [gpuCount, switchCount] = [4, 3]
    const reasons = judgeDeviceSet(claims, { gpus: gpuCount, switches: switchCount })
    expect(reasons.map(({ code }) => code)).toEqual([
      'DEVICE_COUNT',
      ...claims.map(() => 'TOPOLOGY'),
    ])
    // Both ends name one another as the certificates do.
    for (const { tee, neighbourPdis } of claims)
      for (const other of claims) if (other.tee !== tee) expect(neighbourPdis).toContain(other.pdi)
    expect(new Set(claims.map(({ reportData }) => reportData)).size).toBe(1)
  },
)
