import { encodeBase64Url, encodeHex, type Bytes, type UnixSeconds } from '@cloister/codec'
import { sha256 } from '#crypto'
import { appraisalDigest, type Appraisal } from '../appraisal.ts'
import { policyDigest, type Policy } from '../policy.ts'
import type { SessionReasonCode } from '../session-reasons.ts'
import { judgeVector, type TrustTier, type TrustVector } from './vector.ts'

/** The profile that EARs are made by, as implementations name it. */
export const earProfile = 'tag:github.com,2023:veraison/ear'

/** One appraisal in an EAR. Members that start with `cloister.` are extensions. */
export type EarSubmod = {
  readonly 'ear.status': TrustTier
  readonly 'ear.trustworthiness-vector': TrustVector
  readonly 'ear.appraisal-policy-id': string
  /** The time at which it was judged, whatever the clock said. */
  readonly 'cloister.verified-at': number
  /** SHA-256 of the appraisal as canonical JSON, in hexadecimal. */
  readonly 'cloister.appraisal-digest': string
  /** SHA-256 of the evidence's bytes, in hexadecimal. Absent where nothing could be read. */
  readonly 'cloister.evidence-digest'?: string
  readonly 'cloister.tee'?: string
  readonly 'cloister.measurement'?: string
  readonly 'cloister.machine-id'?: string
  readonly 'cloister.report-data'?: string
  /** Why it is not authentic. */
  readonly 'cloister.reject'?: string
  /** What the policy has against it: codes, each once. */
  readonly 'cloister.reasons'?: readonly string[]
  /** What speaks against it as a part of its session: codes, each once. Absent where it was judged alone. */
  readonly 'cloister.session-reasons'?: readonly string[]
}

/** Claims of an attestation result. Spec: draft-ietf-rats-ear-04, section 3; RFC 9711. */
export type EarClaims = {
  readonly eat_profile: typeof earProfile
  readonly iat: number
  /** When the first thing that an accepted appraisal rests on ends. */
  readonly exp?: number
  /** The organization that is responsible for the verifier's build, and the build. */
  readonly 'ear.verifier-id': { readonly developer: string; readonly build: string }
  readonly eat_nonce?: string
  /** Base64url. */
  readonly 'ear.raw-evidence'?: string
  readonly submods: Readonly<Record<string, EarSubmod>>
}

/** One appraisal that goes into an EAR. */
export type EarInput = {
  readonly appraisal: Appraisal
  /** The bytes that were appraised, for their digest: absent where they could not be read. */
  readonly evidence?: Bytes
  /** The policy that was appraised under. */
  readonly policy: Policy
  /** Names the policy; absent: by its digest. */
  readonly policyId?: string
  /** Where it is a part of a session: what speaks against it there. It is not affirmed where anything does. */
  readonly sessionReasons?: readonly SessionReasonCode[]
}

/** Most submods of one EAR. */
export const earSubmodsMax = 64

/**
 * Makes the claims of an EAR out of appraisals: `cpu`, `gpu-0` and so on, `vtpm`.
 *
 * `iat` and the time of verification are `now`, which has to be the time that the evidence was judged at.
 *
 * @throws {RangeError} where there is no appraisal, more than 64, a nonce of a length that EAT does not allow (8 to 88
 * characters), or a name that is not made of a to z, 0 to 9 and hyphens.
 */
export async function createEar(options: {
  readonly appraisals: Readonly<Record<string, EarInput>>
  readonly verifier: EarClaims['ear.verifier-id']
  readonly now: UnixSeconds
  readonly nonce?: string
  readonly rawEvidence?: Bytes
}): Promise<EarClaims> {
  const { appraisals, verifier, now, nonce, rawEvidence } = options
  const inputs = Object.entries(appraisals)
  if (inputs.length === 0 || inputs.length > earSubmodsMax)
    throw new RangeError(`Cannot make an EAR of ${inputs.length} appraisals: 1 to ${earSubmodsMax}`)
  const unnamed = inputs.find(([name]) => !/^[a-z][a-z0-9-]{0,31}$/.test(name))
  if (unnamed !== undefined)
    throw new RangeError(`Cannot name a submod ${JSON.stringify(unnamed[0].slice(0, 64))}`)
  // Spec: RFC 9711, section 4.1: in JSON a nonce has 8 to 88 characters.
  if (nonce !== undefined && (nonce.length < 8 || nonce.length > 88))
    throw new RangeError(`Cannot use a nonce of ${nonce.length} characters: 8 to 88`)
  const submods: Record<string, EarSubmod> = {}
  for (const [name, input] of inputs) submods[name] = await submodOf(input, now)
  const ends = inputs.flatMap(([, { appraisal }]) =>
    appraisal.authentic === false ? [] : [appraisal.until],
  )
  return {
    eat_profile: earProfile,
    iat: now,
    ...(ends.length > 0 && { exp: Math.min(...ends) }),
    'ear.verifier-id': verifier,
    ...(nonce !== undefined && { eat_nonce: nonce }),
    ...(rawEvidence && { 'ear.raw-evidence': encodeBase64Url(rawEvidence) }),
    submods,
  }
}

async function submodOf(
  { appraisal, evidence, policy, policyId, sessionReasons }: EarInput,
  now: UnixSeconds,
): Promise<EarSubmod> {
  const { status, vector } = judgeVector(appraisal, policy, sessionReasons ?? [])
  return {
    'ear.status': status,
    'ear.trustworthiness-vector': vector,
    'ear.appraisal-policy-id': policyId ?? `sha-256:${await policyDigest(policy)}`,
    'cloister.verified-at': now,
    'cloister.appraisal-digest': encodeHex(await appraisalDigest(appraisal)),
    ...(evidence && { 'cloister.evidence-digest': encodeHex(await sha256(evidence)) }),
    ...(sessionReasons && { 'cloister.session-reasons': [...new Set(sessionReasons)] }),
    ...(appraisal.authentic === false
      ? { 'cloister.reject': appraisal.reject }
      : {
          'cloister.tee': appraisal.claims.tee,
          'cloister.measurement': appraisal.claims.measurement,
          ...(appraisal.claims.machineId !== undefined && {
            'cloister.machine-id': appraisal.claims.machineId,
          }),
          'cloister.report-data': appraisal.claims.reportData,
          'cloister.reasons': [...new Set(appraisal.reasons.map(({ code }) => code))],
        }),
  }
}
