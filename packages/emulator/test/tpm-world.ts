// What tests of emulated TPMs share.
import {
  appraise,
  insecureDevnetAnchor,
  strictPolicy,
  type Anchor,
  type Appraisal,
  type Collateral,
  type Policy,
  type PolicyOverrides,
  type TpmClaims,
  type TpmEvidence,
} from '@cloister/attest'
import { encodeUtf8, unixSeconds, type Bytes, type UnixSeconds } from '@cloister/codec'
import {
  createTpmManufacturer,
  sampleBoot,
  type EmulatedTpm,
  type TpmManufacturer,
  type TpmOptions,
} from '../src/index.ts'

/** 2026-09-21T14:13:20Z. */
export const now = unixSeconds(1_790_000_000)

/** What quotes are asked to sign. */
export const nonce: Bytes = encodeUtf8('a nonce of the verifier')

export function testTpmManufacturer(fill = 0x7b): TpmManufacturer {
  return createTpmManufacturer({ seed: new Uint8Array(32).fill(fill) })
}

/** The manufacturer that evidence is judged under, unless a test names another: made once, for it costs more than a judgement. */
const usualManufacturer = testTpmManufacturer()

/** A TPM of a machine that has started. */
export function startedTpm(
  manufacturer: TpmManufacturer,
  options: Partial<TpmOptions> & { readonly kernel?: string; readonly secureBoot?: boolean } = {},
): EmulatedTpm {
  const { kernel = 'kernel 1', secureBoot = true, ...rest } = options
  const tpm = manufacturer.createTpm({ tpmSeed: new Uint8Array(16).fill(1), ...rest })
  tpm.measure(sampleBoot({ secureBoot, kernel }))
  return tpm
}

/** A policy that is strict about everything but who runs what where. */
export function anyPolicy(overrides: Partial<PolicyOverrides> = {}): Policy {
  return strictPolicy({
    measurements: 'any',
    reportData: 'any',
    machineIds: 'any',
    ...overrides,
  })
}

/** Appraises under the anchor of a manufacturer, or under others. */
export function judge(
  evidence: TpmEvidence,
  given: {
    readonly manufacturer?: TpmManufacturer
    readonly anchors?: readonly Anchor[]
    readonly policy?: Policy
    readonly collateral?: Collateral | 'none'
    readonly at?: UnixSeconds
  } = {},
): Promise<Appraisal<TpmClaims>> {
  const { manufacturer = usualManufacturer, policy = anyPolicy(), collateral = {} } = given
  const at = given.at ?? now
  const anchors = given.anchors ?? [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)]
  return appraise(evidence, { collateral, anchors, policy, now: at })
}

/** What an appraisal concluded, without its claims. */
export function concluded(appraisal: Appraisal) {
  if (appraisal.authentic === false) return { authentic: false, reject: appraisal.reject }
  const { authentic, reasons } = appraisal
  return { authentic, reasons: reasons.map(({ code }) => code) }
}

/** The claims of an authentic quote. */
export function claimsOf(appraisal: Appraisal<TpmClaims>): TpmClaims {
  if (appraisal.authentic === false) throw new Error(`${appraisal.reject} (${appraisal.where})`)
  return appraisal.claims
}

/** The same bytes with one bit turned. */
export function flipped(bytes: Bytes, bit: number): Bytes {
  const forged = bytes.slice()
  forged[bit >> 3]! ^= 1 << (bit & 7)
  return forged
}
