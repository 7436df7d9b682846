import { isDevnetAnchor } from './anchors.ts'
import type { Appraisal, AuthenticAppraisal } from './appraisal.ts'
import type { Claims } from './claims.ts'
import type { NvidiaClaims } from './nvidia/claims.ts'
import { deviceSetCodes, judgeDeviceSet, type DeviceCounts } from './nvidia/device-set.ts'
import type { HardwareClaims } from './tpm/hardware.ts'

/** Names of all that can speak against a session, beside what its appraisals say: one closed list. */
export const sessionReasonCodes = [
  'NOT_AUTHENTIC',
  'NOT_BOUND',
  'NOT_FRESH',
  'MIXED_ANCHORS',
  ...deviceSetCodes,
] as const

/** One of {@link sessionReasonCodes}. */
export type SessionReasonCode = (typeof sessionReasonCodes)[number]

/** A part of a session. Devices are counted from 1. */
export type SessionPart = 'cpu' | 'vtpm' | `device ${number}`

/** What speaks against a session, beside what its appraisals say. */
export type SessionReason = {
  readonly code: SessionReasonCode
  readonly detail: string
  /** The parts that are not to be relied on because of it. */
  readonly parts: readonly SessionPart[]
}

/** The appraisals of one session. */
export type SessionMembers = {
  readonly cpu: Appraisal
  /** Of GPUs and switches, in the order in which they were given. */
  readonly devices: readonly Appraisal[]
  readonly vtpm?: Appraisal
}

/** What the parts of one session have to answer: see {@link judgeSession}. */
type SessionExpected = {
  readonly nonce: string | undefined
  readonly challenge: string
  readonly expected: DeviceCounts
}

/**
 * Everything that speaks against appraisals as a session. Whether each is accepted by itself is not looked at.
 *
 * `nonce` is what all but the CPU have to have signed, in hexadecimal; undefined where there is none, because the CPU's
 * evidence can't be read: then nothing is bound to it. `challenge` is what the verifier sent, in hexadecimal.
 */
export function judgeSession(
  members: SessionMembers,
  { nonce, challenge, expected }: SessionExpected,
): readonly SessionReason[] {
  const { cpu, devices, vtpm } = members
  const named = devices.map((device, index) => [`device ${index + 1}` as const, device] as const)
  const others: readonly Named[] = [...named, ...(vtpm ? [['vtpm', vtpm] as const] : [])]
  const claims = devices.flatMap((device) =>
    device.authentic !== false && isNvidia(device.claims) ? [device.claims] : [],
  )
  const set = named.map(([name]) => name)
  return [
    ...judgeAuthentic(cpu, others),
    ...(others.length > 0 ? [] : judgeFreshness(cpu, challenge)),
    ...others.flatMap(([name, member]) =>
      member.authentic === false ? [] : judgeBinding(cpu, name, member, nonce),
    ),
    ...judgeDeviceSet(claims, expected).map((reason) => ({
      ...reason,
      // A set that is not there is missed by the CPU.
      parts: set.length > 0 ? set : (['cpu'] as const),
    })),
  ]
}

type Named = readonly [SessionPart, Appraisal]

/** What is bound to a CPU that nothing is known about is bound to nothing. */
function judgeAuthentic(cpu: Appraisal, others: readonly Named[]): readonly SessionReason[] {
  const all = ['cpu' as const, ...others.map(([name]) => name)]
  return [['cpu', cpu] as const, ...others].flatMap(([name, { authentic }]) =>
    authentic === true
      ? []
      : [
          {
            code: 'NOT_AUTHENTIC',
            detail: name === 'cpu' ? 'CPU' : name,
            parts: name === 'cpu' ? all : [name],
          } as const,
        ],
  )
}

/**
 * A CPU alone has to have signed the challenge itself, wherever in its report data it stands: beside it nothing answers,
 * and its evidence may be a recording. Devices and a vTPM have signed the challenge where they are bound.
 */
function judgeFreshness(cpu: Appraisal, challenge: string): readonly SessionReason[] {
  if (cpu.authentic === false || signed(cpu.claims).some((text) => text.includes(challenge)))
    return []
  const detail = `no part signed the challenge: the CPU's report data is ${said(cpu.claims.reportData)}`
  return [{ code: 'NOT_FRESH', detail, parts: ['cpu'] }]
}

/** What the asker chose, in hexadecimal. A Nitro enclave signs user data and a nonce. */
function signed(claims: Claims): readonly string[] {
  return claims.tee === 'aws-nitro' && claims.nonce !== undefined
    ? [claims.reportData, claims.nonce]
    : [claims.reportData]
}

function judgeBinding(
  cpu: Appraisal,
  name: SessionPart,
  { claims }: AuthenticAppraisal,
  nonce: string | undefined,
): readonly SessionReason[] {
  const reason = (code: SessionReasonCode, detail: string): SessionReason[] => [
    { code, detail, parts: [name] },
  ]
  return [
    ...(claims.reportData === nonce ? [] : reason('NOT_BOUND', `${name} signed another nonce`)),
    ...(name === 'vtpm' || isNvidia(claims) ? [] : reason('NOT_BOUND', `${name} is no device`)),
    ...(cpu.authentic === false ? [] : judgeBeside(cpu.claims, name, claims, reason)),
  ]
}

function judgeBeside(
  cpu: Claims,
  name: SessionPart,
  claims: Claims,
  reason: (code: SessionReasonCode, detail: string) => SessionReason[],
): readonly SessionReason[] {
  const elsewhere = name === 'vtpm' ? whyElsewhere(cpu, claims) : undefined
  return [
    ...(elsewhere === undefined ? [] : reason('NOT_BOUND', elsewhere)),
    // A devnet's CPU says nothing about whose TEE a vendor's device answered, and the other way round.
    ...(isDevnetAnchor(claims.anchor) === isDevnetAnchor(cpu.anchor)
      ? []
      : reason(
          'MIXED_ANCHORS',
          `the CPU is vouched for by ${cpu.anchor}, ${name} by ${claims.anchor}`,
        )),
  ]
}

/**
 * What shows that a vTPM is not the one of this CPU's VM.
 *
 * The hardware report below it signs the digest of what names its key. The CPU's evidence has to sign the same, from the
 * same software on the same machine: it is that report, or another quote of it. Report data alone would not do, since
 * any TEE signs whatever it is given.
 */
function whyElsewhere(cpu: Claims, claims: Claims): string | undefined {
  const hardware = claims.tee === 'tpm2' ? claims.hardware : undefined
  if (hardware === undefined) return 'no hardware report that can be judged says where the vTPM is'
  const names = ['tee', 'reportData', 'measurement', 'machineId'] as const
  const other = names.find((field) => hardware[field] !== cpu[field])
  if (other !== undefined)
    return `the vTPM is on another machine: its hardware report has ${other} ${said(hardware[other])}, the CPU ${said(cpu[other])}`
  return isSameGuest(hardware, cpu) ? undefined : 'the vTPM is beside another guest of this machine'
}

/** An SNP guest has a name that is new at each start. Spec: SEV-SNP ABI, REPORT_ID. */
function isSameGuest(hardware: HardwareClaims, cpu: Claims): boolean {
  return hardware.tee !== 'sev-snp' || (cpu.tee === 'sev-snp' && hardware.reportId === cpu.reportId)
}

function said(value: string | undefined): string {
  return value ?? 'none'
}

function isNvidia(claims: Claims): claims is NvidiaClaims {
  return claims.tee === 'nvidia-gpu' || claims.tee === 'nvidia-nvswitch'
}
