import {
  appraise,
  appraiseNvidia,
  createAppraiser,
  isAccepted,
  productionAnchors,
  type Given,
  type NvidiaEvidence,
} from '@cloister/attest'
import { concatBytes, encodeHex, unixSeconds } from '@cloister/codec'
import type { NvidiaChip, ReportRequest, RimRequest } from '@cloister/emulator'
import { expect, test } from 'vitest'
import { deviceSeed, given, nonce, now, nvidia, resigned } from './nvidia-emulated.ts'

const manufacturer = nvidia()
const gpu = manufacturer.createDevice({ chip: 'GH100', deviceSeed: deviceSeed(1) })
const full = manufacturer.collateral(gpu)
const day = 86_400
const otherValue = new Uint8Array(48).fill(1)

/** What an appraisal comes down to: a reject code, or the codes of its reasons. */
async function verdict(evidence: NvidiaEvidence, by: Given): Promise<string> {
  const appraisal = await appraise(evidence, by)
  if (appraisal.authentic === false) return appraisal.reject
  return appraisal.reasons.map(({ code }) => code).join() || 'accepted'
}

const report = (request: Partial<ReportRequest> = {}): NvidiaEvidence =>
  gpu.evidence({ nonce, ...request })

test.for(['GH100', 'GB100', 'LS10'] as const)(
  'a genuine %s is accepted',
  async (chip: NvidiaChip) => {
    const device = manufacturer.createDevice({ chip, deviceSeed: deviceSeed(2) })
    const appraisal = await appraise(
      device.evidence({ nonce }),
      given(manufacturer.collateral(device)),
    )
    expect(appraisal).toMatchObject({
      authentic: true,
      reasons: [],
      until: now + day,
      claims: {
        productLine: chip,
        pdi: device.pdi,
        revocation: 'good',
        reportData: encodeHex(nonce),
        rims: chip === 'LS10' ? [{ kind: 'vbios' }] : [{ kind: 'driver' }, { kind: 'vbios' }],
      },
    })
    expect(isAccepted(appraisal)).toBe(true)
  },
)

test.for([
  ['a mode of many GPUs', { mode: 'MPT' }, 'accepted'],
  ['zeros after the signature', { trailingZeros: 3000 }, 'accepted'],
  ['opaque fields without a name', { opaque: [[999, nonce]] }, 'accepted'],
  ['protected PCIe', { mode: 'PPCIE' }, 'GPU_MODE'],
  ['a driver too old for modes', { mode: 'unreported' }, 'GPU_MODE'],
  ['no digest of its firmware', { firmwareId: 'none' }, 'FIRMWARE_ID'],
  ['the digest of other firmware', { firmwareId: new Uint8Array(48) }, 'CERT_MISMATCH'],
  ['another driver measurement', { measurements: new Map([[25, nonce]]) }, 'RIM_MISMATCH'],
  ['another VBIOS measurement', { measurements: new Map([[3, nonce]]) }, 'RIM_MISMATCH'],
  ['a measurement that no manifest names', { measurements: new Map([[50, nonce]]) }, 'accepted'],
  [
    'another video decoder, switched off',
    { measurements: new Map([[35, nonce]]), videoDecoder: false },
    'accepted',
  ],
  [
    'another video decoder, switched on',
    { measurements: new Map([[35, nonce]]), videoDecoder: true },
    'RIM_MISMATCH',
  ],
  ['another driver version', { driverVersion: '600.01' }, 'RIM_MISSING'],
  ['another VBIOS version', { vbiosVersion: '96.00.CF.00.02' }, 'RIM_MISSING'],
] as const)('with %s: %o gives %s', async ([, request, expected]) => {
  expect(await verdict(report(request), given(full))).toBe(expected)
})

test.for([
  ['no manifest of the driver', { kind: 'driver' }, 'drop', 'RIM_MISSING'],
  ['no manifest of the VBIOS', { kind: 'vbios' }, 'drop', 'RIM_MISSING'],
  ['a manifest with forged content', { kind: 'driver', forged: 'content' }, 'swap', 'RIM_INVALID'],
  [
    'a manifest with a forged signature',
    { kind: 'vbios', forged: 'signature' },
    'swap',
    'RIM_INVALID',
  ],
  [
    'a manifest of whose signer no response speaks',
    { kind: 'driver', chain: 'foreign' },
    'swap',
    'REVOCATION_UNKNOWN',
  ],
  [
    'an expired manifest',
    { kind: 'driver', expiredAt: unixSeconds(now - 1) },
    'swap',
    'RIM_EXPIRED',
  ],
  ['a manifest for another chip', { kind: 'driver', chip: 'GB100' }, 'swap', 'RIM_MISSING'],
  [
    'two manifests with one measurement',
    { kind: 'driver', measurements: new Map([[3, [otherValue]]]) },
    'swap',
    'RIM_MISMATCH,RIM_MISMATCH',
  ],
  ['a second manifest that is forged', { kind: 'driver', forged: 'content' }, 'add', 'accepted'],
  [
    'a second manifest that does not match',
    { kind: 'driver', measurements: new Map([[22, [otherValue]]]) },
    'add',
    'accepted',
  ],
  [
    'a second manifest that has expired',
    { kind: 'vbios', expiredAt: unixSeconds(now - 1) },
    'add',
    'accepted',
  ],
] as const)('%s: %o, %s, gives %s', async ([, change, how, expected]) => {
  const request: RimRequest = { chip: 'GH100', ...change }
  const [driver = '', vbios = ''] = full.rims
  const kept = how === 'add' ? [driver, vbios] : [change.kind === 'driver' ? vbios : driver]
  const rims = how === 'drop' ? kept : [manufacturer.rim(request), ...kept]
  expect(await verdict(report(), given({ ...full, rims }))).toBe(expected)
})

test('what a manifest is not: text, another document, or one with two signatures', async () => {
  const [driver = '', vbios = ''] = full.rims
  const twice = driver.replace(/(<ds:Signature .*<\/ds:Signature>)/s, '$1$1')
  for (const bad of ['', '<a/>', driver.slice(0, -1), twice, `<!DOCTYPE a>${driver}`]) {
    const appraisal = await appraiseNvidia(report(), given({ ...full, rims: [bad, vbios] }))
    expect(appraisal).toMatchObject({
      authentic: true,
      claims: { rims: [{ malformed: expect.any(String) }, { kind: 'vbios' }] },
      reasons: [{ code: 'RIM_INVALID' }],
    })
  }
})

test('no manifest under a development root speaks for a machine of the vendor', async () => {
  const { anchors, ...rest } = given(full)
  const [devices] = anchors
  expect(await verdict(report(), { ...rest, anchors: [devices!] })).toContain('RIM_INVALID')
  const both = [...anchors, ...productionAnchors()]
  expect(await verdict(report(), { ...rest, anchors: both })).toBe('accepted')
  expect(await verdict(report(), { ...rest, anchors: productionAnchors() })).toBe('UNTRUSTED_ROOT')
})

test('without collateral a report is chain-only at best', async () => {
  const appraisal = await appraise(report(), { ...given(full), collateral: 'none' })
  expect(appraisal).toMatchObject({ authentic: 'chain-only' })
  expect(await verdict(report(), { ...given(full), collateral: 'none' })).toBe(
    'CHAIN_ONLY,REVOCATION_UNKNOWN,RIM_MISSING,RIM_MISSING',
  )
  expect(await verdict(report(), { ...given(full), collateral: {} })).toBe(
    'REVOCATION_UNKNOWN,RIM_MISSING,RIM_MISSING',
  )
})

test('each thing that a policy lets through has to be spelled', async () => {
  const nothing = { rims: [], ocspResponses: [] }
  const old = report({ mode: 'unreported', firmwareId: 'none' })
  const spelled = {
    allowUnknownRevocation: true,
    nvidia: {
      requireDriverRim: false,
      requireVbiosRim: false,
      allowMissingFirmwareId: true,
      modes: ['unreported'],
    },
  } as const
  expect(await verdict(old, given(nothing, spelled))).toBe('accepted')
  const expired = ['driver', 'vbios'].map((kind) =>
    manufacturer.rim({
      chip: 'GH100',
      kind: kind === 'driver' ? 'driver' : 'vbios',
      expiredAt: unixSeconds(now - 1),
    }),
  )
  const late = { rims: expired, ocspResponses: full.ocspResponses }
  const lenient = { allowUnknownRevocation: true, nvidia: { allowExpiredRims: true } }
  expect(await verdict(report(), given(late, lenient))).toBe('accepted')
})

test('another nonce, machine, measurement or product line is a reason', async () => {
  const policies = [
    [{ reportData: '00'.repeat(32) }, 'REPORT_DATA'],
    [{ reportData: encodeHex(nonce) }, 'accepted'],
    [{ machineIds: ['00'.repeat(32)] }, 'MACHINE'],
    [{ measurements: ['00'.repeat(32)] }, 'MEASUREMENT'],
    [{ deniedProductLines: ['GH100'] }, 'PRODUCT_LINE'],
  ] as const
  for (const [policy, expected] of policies)
    expect(await verdict(report(), given(full, policy))).toBe(expected)
})

test('the machine id is that of the device, not of its firmware', async () => {
  const ids = [report(), report({ vbiosVersion: '96.00.CF.00.02' })].map(async (evidence) => {
    const appraisal = await appraise(evidence, given(full))
    return appraisal.authentic === false ? undefined : appraisal.claims.machineId
  })
  const [before, after] = await Promise.all(ids)
  expect(before).toMatch(/^[0-9a-f]{64}$/)
  expect(after).toBe(before)
})

test('a GPU is no switch, and a chain belongs to its own device', async () => {
  const other = manufacturer.createDevice({ chip: 'GH100', deviceSeed: deviceSeed(9) })
  expect(await verdict({ ...report(), tee: 'nvidia-nvswitch' }, given(full))).toBe('CERT_MISMATCH')
  const chain = other.certificateChain()
  expect(await verdict({ ...report(), certificateChain: chain }, given(full))).toBe(
    'REPORT_SIGNATURE',
  )
  const short = chain.split(/(?<=-----END CERTIFICATE-----\n)/).slice(0, 4)
  expect(await verdict({ ...report(), certificateChain: short.join('') }, given(full))).toBe(
    'CHAIN_INVALID',
  )
})

test('no report with one flipped bit is authentic', async () => {
  const { measurements, ...rest } = report()
  const { appraise: warm } = createAppraiser()
  const by = given(full)
  expect(await warm(report(), by)).toMatchObject({ authentic: true })
  for (let bit = 0; bit < measurements.length * 8; bit += 61) {
    const forged = measurements.slice()
    forged[bit >> 3]! ^= 1 << (bit & 7)
    expect((await warm({ ...rest, measurements: forged }, by)).authentic).toBe(false)
  }
})

test.for([
  [
    'a duplicate opaque field',
    {
      opaque: [
        [999, nonce],
        [999, nonce],
      ],
    },
    'opaque field 999',
  ],
  ['a PDI list that is cut off', { opaque: [[22, nonce.subarray(0, 7)]] }, 'opaque field 22'],
] as const)('%s is malformed, and named', async ([, request, field]) => {
  const appraisal = await appraise(report(request), given(full))
  expect(appraisal).toMatchObject({ reject: 'PARSE', at: { field } })
})

test.for([
  ['SPDM 1.2', 0, 0x12, 'UNSUPPORTED_FORMAT'],
  ['another request', 1, 0xe1, 'PARSE'],
  ['a request without signature', 2, 0, 'PARSE'],
  ['a slot that does not exist', 36, 9, 'PARSE'],
  ['another slot in the response', 40, 1, 'PARSE'],
  ['one block fewer than there are', 41, 63, 'PARSE'],
  ['a longer record than there is', 43, 0x0e, 'PARSE'],
  ['a block twice', 45 + 55, 1, 'PARSE'],
  ['another measurement specification', 46, 2, 'PARSE'],
  ['a block that is shorter than its value', 47, 50, 'PARSE'],
] as const)('%s is refused though it is signed', async ([, offset, value, expected]) => {
  const forged = resigned(gpu, report(), (bytes) => bytes.with(offset, value))
  expect(await verdict(forged, given(full))).toBe(expected)
})

test('bytes after the signature that are not zero are named', async () => {
  const measurements = concatBytes(report().measurements, Uint8Array.of(0, 0, 1))
  const appraisal = await appraise({ ...report(), measurements }, given(full))
  expect(appraisal).toMatchObject({
    reject: 'PARSE',
    at: { field: 'trailing bytes', offset: measurements.length - 1 },
  })
})

test('no more collateral is read than 32 documents of a kind, and 4 Mi characters', async () => {
  const many = (count: number): readonly string[] => Array.from({ length: count }, () => '')
  expect(await verdict(report(), given({ ...full, rims: many(33) }))).toBe('PARSE')
  expect(await verdict(report(), given({ ...full, ocspResponses: many(33) }))).toBe('PARSE')
  expect(await verdict(report(), given({ ...full, rims: ['x'.repeat(2 ** 22)] }))).toBe('PARSE')
  expect(await verdict(report(), given({ ...full, rims: many(32) }))).toContain('RIM_INVALID')
})
