import { isAccepted, type Appraisal, type AuthenticAppraisal } from '../appraisal.ts'
import type { Tee } from '../evidence.ts'
import { tierOf } from '../judge-claims.ts'
import type { Policy } from '../policy.ts'
import type { ReasonCode } from '../reasons.ts'
import type { RejectCode } from '../reject.ts'
import type { SessionReasonCode } from '../session-reasons.ts'

/** What a trustworthiness vector can speak of. Spec: draft-ietf-rats-ar4si, section 2.3. */
export const vectorMembers = [
  'instance-identity',
  'configuration',
  'executables',
  'file-system',
  'hardware',
  'runtime-opaque',
  'storage-opaque',
  'sourced-data',
] as const

/** One of {@link vectorMembers}. */
export type VectorMember = (typeof vectorMembers)[number]

/** A trustworthiness vector: a member that is absent makes no claim. Values are from -128 to 127. */
export type TrustVector = { readonly [M in VectorMember]?: number }

/** Tiers of trust, from nothing known to the worst. Spec: draft-ietf-rats-ar4si, section 2.3.2. */
export const trustTiers = ['none', 'affirming', 'warning', 'contraindicated'] as const

/** One of {@link trustTiers}. */
export type TrustTier = (typeof trustTiers)[number]

/** Values of the vector that are used here. Spec: draft-ietf-rats-ar4si, section 2.3.4. */
const values = {
  noClaim: 0,
  unexpectedEvidence: 1,
  approved: 2,
  approvedBoot: 3,
  unsafe: 32,
  unrecognizedRuntime: 33,
  contraindicated: 96,
  unrecognized: 97,
  cryptoFailed: 99,
} as const

type Says = TrustVector

const nothing: Says = {} // The verifier's own documents failed: nothing is concluded about the machine.
const forged: Says = { 'instance-identity': values.cryptoFailed, hardware: values.cryptoFailed }
const unexpected: Says = { 'instance-identity': values.unexpectedEvidence }
const unknownMachine: Says = { 'instance-identity': values.unrecognized }
const unknownHardware: Says = { hardware: values.unrecognized }
const unsafeHardware: Says = { hardware: values.unsafe }
const badHardware: Says = { hardware: values.contraindicated }
const unsafeConfiguration: Says = { configuration: values.unsafe }
const badConfiguration: Says = { configuration: values.contraindicated }
const unknownExecutables: Says = { executables: values.unrecognizedRuntime }

/** What each refusal says about the machine. */
export const rejectVectors: Readonly<Record<RejectCode, TrustVector>> = {
  PARSE: unexpected,
  UNSUPPORTED_FORMAT: unexpected,
  SYMMETRIC_TOKEN_NOT_SUPPORTED: unexpected,
  PCK_CERT_UNAVAILABLE: nothing,
  COLLATERAL_MISSING: nothing,
  CHAIN_INVALID: forged,
  UNTRUSTED_ROOT: { ...unknownMachine, ...unknownHardware },
  CHAIN_SIGNATURE: forged,
  CERT_EXPIRED_OR_NOT_YET_VALID: forged,
  CERT_MISMATCH: unknownMachine,
  CRL_MISSING: nothing,
  CRL_INVALID_OR_EXPIRED: nothing,
  OCSP_INVALID_OR_EXPIRED: nothing,
  CERT_REVOKED: { 'instance-identity': values.contraindicated, ...badHardware },
  TCB_INFO_SIGNATURE: nothing,
  QE_IDENTITY_SIGNATURE: nothing,
  TCB_INFO_UNSUPPORTED: nothing,
  QE_IDENTITY_UNSUPPORTED: nothing,
  TCB_INFO_NOT_YET_VALID: nothing,
  TCB_INFO_EXPIRED: nothing,
  QE_IDENTITY_NOT_YET_VALID: nothing,
  QE_IDENTITY_EXPIRED: nothing,
  QE_REPORT_SIGNATURE: forged,
  QE_REPORT_DATA: forged,
  QE_IDENTITY_MISMATCH: unknownHardware,
  QUOTE_SIGNATURE: forged,
  REPORT_SIGNATURE: forged,
  REALM_PLATFORM_BINDING: forged,
  AK_BINDING: forged,
  PCR_DIGEST: { executables: values.cryptoFailed },
  TCB_INFO_MISMATCH: nothing,
  TDX_MODULE_MISMATCH: unknownHardware,
  TCB_NOT_SUPPORTED: unknownHardware,
}

/** What each reason of a policy says about the machine. */
export const reasonVectors: Readonly<Record<ReasonCode, TrustVector>> = {
  CHAIN_ONLY: { hardware: values.noClaim },
  MEASUREMENT: unknownExecutables,
  REPORT_DATA: unknownMachine,
  MACHINE: unknownMachine,
  TIER: unknownMachine,
  PRODUCT_LINE: badHardware,
  REVOCATION_UNKNOWN: { hardware: values.noClaim },
  ENDORSEMENT: unknownMachine,
  DEBUG: { ...badConfiguration, 'runtime-opaque': values.contraindicated },
  TCB_STATUS: unsafeHardware,
  SGX_TCB_REVOKED: badHardware,
  ADVISORY: unsafeHardware,
  TCB_EVALUATION_DATA_NUMBER: { hardware: values.noClaim },
  ROOT_CRL_NUMBER: { hardware: values.noClaim },
  PCK_CRL_NUMBER: { hardware: values.noClaim },
  MIGRATABLE: unsafeConfiguration,
  SERVICE_TD: unsafeConfiguration,
  SEPT_VE_ENABLED: unsafeConfiguration,
  PKS: unsafeConfiguration,
  KEY_LOCKER: unsafeConfiguration,
  PERFMON: unsafeConfiguration,
  RESERVED_ATTRIBUTES: badConfiguration,
  PROVISION_KEY: unsafeConfiguration,
  PCK_CERT_UNAVAILABLE: { 'instance-identity': values.noClaim, hardware: values.noClaim },
  MRSIGNER: unknownExecutables,
  ISV_PROD_ID: unknownExecutables,
  ISV_SVN: { executables: values.unsafe },
  CONFIG_ID: unsafeConfiguration,
  MIN_TCB: unsafeHardware,
  TCB_ORDER: unsafeHardware,
  VLEK: unknownMachine,
  VMPL: unsafeConfiguration,
  MIGRATION_AGENT: unsafeConfiguration,
  SMT: unsafeConfiguration,
  ALIAS_CHECK: unsafeHardware,
  RESERVED_POLICY: badConfiguration,
  POLICY_ABI: unsafeConfiguration,
  ID_KEY: unknownExecutables,
  RIM_MISSING: { hardware: values.noClaim },
  RIM_INVALID: { hardware: values.noClaim },
  RIM_EXPIRED: unsafeHardware,
  RIM_MISMATCH: badHardware,
  GPU_MODE: badConfiguration,
  FIRMWARE_ID: unknownHardware,
  DOCUMENT_AGE: unknownMachine,
  LIFECYCLE: badConfiguration,
  INSTANCE_ID: unknownMachine,
  WEAK_HASH: { executables: values.unsafe },
  PCR_MISSING: unknownExecutables,
  AK_ATTRIBUTES: unsafeConfiguration,
  EVENT_LOG: unknownExecutables,
  HARDWARE: unknownHardware,
}

/** What each reason against a session says about a part that it speaks of. */
export const sessionVectors: Readonly<Record<SessionReasonCode, TrustVector>> = {
  NOT_AUTHENTIC: { 'instance-identity': values.noClaim },
  NOT_BOUND: unknownMachine,
  NOT_FRESH: unknownMachine,
  MIXED_ANCHORS: unknownMachine,
  DEVICE_COUNT: unsafeConfiguration,
  DUPLICATE_DEVICE: unknownMachine,
  MIXED_FIRMWARE: unsafeConfiguration,
  MIXED_MODE: unsafeConfiguration,
  TOPOLOGY: badConfiguration,
}

/** Kinds of evidence whose vendor encrypts the memory of what is attested. */
const encryptsMemory: Readonly<Record<Tee, boolean>> = {
  sgx: true,
  tdx: true,
  'sev-snp': true,
  'nvidia-gpu': false,
  'nvidia-nvswitch': false,
  'aws-nitro': false,
  'arm-cca': false,
  'arm-psa': false,
  tpm2: false,
}

/**
 * The vector of an appraisal, and its status.
 *
 * What a policy leaves open is not claimed: executables only where it lists measurements, identity only where it lists
 * machines. `affirming` exactly where the appraisal is accepted and nothing speaks against its place in a session; where
 * nothing worse is said it is `none`.
 */
export function judgeVector(
  appraisal: Appraisal,
  policy: Policy,
  sessionReasons: readonly SessionReasonCode[] = [],
): { readonly status: TrustTier; readonly vector: TrustVector } {
  const vector =
    appraisal.authentic === false
      ? rejectVectors[appraisal.reject]
      : authenticVector(appraisal, policy, sessionReasons)
  const worst = worstTier(vector)
  if (isAccepted(appraisal) && sessionReasons.length === 0) return { status: 'affirming', vector }
  return { status: worst === 'affirming' ? 'none' : worst, vector }
}

/** The tier of one value. Spec: draft-ietf-rats-ar4si, section 2.3.2. */
export function tierOfValue(value: number): TrustTier {
  const size = value < 0 ? -value : value + 1 // -2 to -32 and 2 to 31 are one tier.
  if (size <= (value < 0 ? 1 : 2)) return 'none'
  return size <= 32 ? 'affirming' : size <= 96 ? 'warning' : 'contraindicated'
}

/** The worst tier of a vector. */
export function worstTier(vector: TrustVector): TrustTier {
  const tiers = Object.values(vector).map((value) => trustTiers.indexOf(tierOfValue(value)))
  return trustTiers[Math.max(0, ...tiers)] ?? 'none'
}

function authenticVector(
  { authentic, claims, reasons }: AuthenticAppraisal,
  policy: Policy,
  sessionReasons: readonly SessionReasonCode[],
): TrustVector {
  const recognized = policy.machineIds !== 'any' || tierOf(claims, policy) >= 2
  const vector: { [M in VectorMember]?: number } = {
    ...(recognized && { 'instance-identity': values.approved }),
    configuration: values.approved,
    ...(policy.measurements !== 'any' && { executables: values.approvedBoot }),
    hardware: authentic === true ? values.approved : values.noClaim,
    ...(encryptsMemory[claims.tee] && { 'runtime-opaque': values.approved }),
  }
  const revoked = claims.tcbStatus === 'Revoked' ? [badHardware] : []
  const said = [
    ...reasons.map(({ code }) => reasonVectors[code]),
    ...sessionReasons.map((code) => sessionVectors[code]),
    ...revoked,
  ]
  for (const says of said)
    for (const member of vectorMembers) {
      const value = says[member]
      if (value !== undefined) vector[member] = worse(vector[member], value)
    }
  return vector
}

/** No claim takes an affirming one away, and gives way to a bad one. */
function worse(a: number | undefined, b: number): number {
  if (a === undefined) return b
  if (isBad(a) || isBad(b)) return Math.max(a, b)
  return Math.min(a, b)
}

function isBad(value: number): boolean {
  return trustTiers.indexOf(tierOfValue(value)) >= trustTiers.indexOf('warning')
}
