import {
  gpuNonce,
  isAccepted,
  judgeSession,
  strictPolicy,
  type Anchor,
  type Appraisal,
  type Appraiser,
  type NvidiaClaims,
  type NvidiaCollateral,
  type NvidiaEvidence,
} from '@cloister/attest'
import { encodeHex, parseHex, type Bytes, type UnixSeconds } from '@cloister/codec'

import {
  hexBetween,
  listField,
  membersOf,
  objectField,
  oneOf,
  textField,
  type Field,
} from './fields.ts'
import { limits } from './limits.ts'
import type { Problem } from './problems.ts'

/** What an app computes on beside the CPU, as its manifest says. */
export type Accelerator = 'none' | 'nvidia'

/** Evidence of the devices beside a node's CPU, and NVIDIA's documents. Nothing of it is believed. */
export type ShownDevices = {
  readonly evidence: readonly NvidiaEvidence[]
  readonly collateral: NvidiaCollateral
}

const device = objectField({
  tee: oneOf('nvidia-gpu', 'nvidia-nvswitch'),
  measurements: hexBetween(1, limits.deviceEvidenceBytesMax),
  certificateChain: textField(limits.issuerChainBytesMax, 1),
})

const deviceField: Field<NvidiaEvidence> = {
  parse(value, path) {
    const { measurements, ...rest } = device.parse(value, path)
    return { ...rest, measurements: parseHex(measurements, `${path}.measurements`) }
  },
  encode: ({ tee, measurements, certificateChain }) => ({
    tee,
    measurements: `0x${encodeHex(measurements)}`,
    certificateChain,
  }),
}

/** How evidence of GPUs and switches stands in JSON. */
export const deviceEvidenceField: Field<readonly NvidiaEvidence[]> = listField(
  deviceField,
  limits.devicesMax,
  1,
)

/** How NVIDIA's documents about them stand in JSON. */
export const deviceCollateralField: Field<NvidiaCollateral> = objectField({
  rims: listField(textField(limits.rimBytesMax), limits.rimsMax),
  ocspResponses: listField(textField(limits.ocspResponseCharactersMax), limits.ocspResponsesMax),
})

/** How {@link ShownDevices} stand in JSON. */
export const shownDevicesField: Field<ShownDevices> = objectField({
  evidence: deviceEvidenceField,
  collateral: deviceCollateralField,
})

/** How an object stands in JSON that has a member `devices` where devices are shown, and none where they are not. */
export function withDevices<T extends object>(
  field: Field<T>,
): Field<T & { readonly devices?: ShownDevices }> {
  return {
    parse(value, path) {
      const { devices, rest } = takeDevices(membersOf(value, path))
      const parsed = field.parse(rest, path)
      if (devices === undefined) return parsed
      const place = path === '' ? 'devices' : `${path}.devices`
      return { ...parsed, devices: shownDevicesField.parse(devices, place) }
    },
    encode(value) {
      const encoded = field.encode(value)
      if (value.devices === undefined) return encoded
      const devices = shownDevicesField.encode(value.devices)
      return Object.fromEntries([...membersOf(encoded, ''), ['devices', devices]])
    },
  }
}

function takeDevices(members: ReturnType<typeof membersOf>) {
  const rest = [...members].filter(([name]) => name !== 'devices')
  return { devices: members.get('devices'), rest: Object.fromEntries(rest) }
}

/** What devices are judged beside: a CPU whose evidence was appraised over `reportData`. */
export type BesideCpu = {
  readonly cpu: Appraisal
  /** The bytes of the CPU's evidence. */
  readonly cpuEvidence: Bytes
  /** From `reportData`, never from the evidence. */
  readonly reportData: Bytes
  readonly accelerator: Accelerator
  readonly anchors: readonly Anchor[]
  readonly now: UnixSeconds
}

/**
 * What devices of a node sign: the digest of the binding (the first 32 bytes of the CPU's report data) is the challenge of
 * their session. So they answer this binding, its fresh key, and this one piece of the CPU's evidence.
 */
export function deviceNonce(cpuEvidence: Bytes, reportData: Bytes): Promise<Bytes> {
  return gpuNonce(cpuEvidence, reportData.slice(0, 32))
}

/**
 * Everything that speaks against the devices beside a CPU: nothing where an app uses none and none are shown. An app that uses a
 * GPU needs one at least, and every device that is shown has to be accepted, by attest's strict policy, in one session with the CPU.
 *
 * Spec: docs/protocol.md section 9.
 */
export async function deviceProblems(
  appraise: Appraiser['appraise'],
  devices: ShownDevices | undefined,
  { cpu, cpuEvidence, reportData, accelerator, anchors, now }: BesideCpu,
): Promise<readonly Problem[]> {
  if (accelerator === 'none')
    return devices === undefined ? [] : [problem('the app uses no accelerator, and one is shown')]
  const count = (tee: NvidiaEvidence['tee']): number =>
    devices?.evidence.filter((each) => each.tee === tee).length ?? 0
  const expected = { gpus: count('nvidia-gpu'), switches: count('nvidia-nvswitch') }
  if (devices === undefined || expected.gpus === 0)
    return [problem('the app needs an NVIDIA GPU, and none is shown')]
  const nonce = encodeHex(await deviceNonce(cpuEvidence, reportData))
  const policy = strictPolicy({ measurements: 'any', machineIds: 'any', reportData: nonce })
  const given = { collateral: { nvidia: devices.collateral }, anchors, policy, now }
  const appraisals: Appraisal<NvidiaClaims>[] = []
  for (const each of devices.evidence) appraisals.push(await appraise(each, given))
  const challenge = encodeHex(reportData.slice(0, 32))
  const session = judgeSession({ cpu, devices: appraisals }, { nonce, challenge, expected })
  return [
    ...appraisals.flatMap((appraisal, index) => problemsOf(appraisal, `devices[${index}]`)),
    ...session.map(({ code, detail }) => problem(`${code}: ${detail}`)),
  ]
}

function problemsOf(appraisal: Appraisal<NvidiaClaims>, field: string): readonly Problem[] {
  if (appraisal.authentic === false)
    return [{ field, detail: `${field}: ${appraisal.reject}: ${appraisal.where}` }]
  if (isAccepted(appraisal)) return []
  return appraisal.reasons.map(({ code, detail, actual, expected }) => ({
    field,
    detail: `${field}: ${code}: ${detail}, got ${actual.slice(0, 200)}, expected ${expected.slice(0, 400)}`,
  }))
}

function problem(detail: string): Problem {
  return { field: 'devices', detail: `devices: ${detail}` }
}
