import {
  canonicalJson,
  encodeUtf8,
  MalformedError,
  unixSeconds,
  type Bytes,
  type UnixSeconds,
} from '@cloister/codec'
import { sha256 } from '#crypto'
import type { Anchor } from './anchors.ts'
import type { Claims } from './claims.ts'
import type { Collateral } from './collateral.ts'
import type { Policy } from './policy.ts'
import type { Reason } from './reasons.ts'
import { Refusal, type RejectCode } from './reject.ts'

/** Everything an appraisal depends on besides the evidence itself. */
export type Given = {
  /** The vendors' documents; `'none'` gives no more than `chain-only`. */
  readonly collateral: Collateral | 'none'
  readonly anchors: readonly Anchor[]
  readonly policy: Policy
  readonly now: UnixSeconds
}

/** What one appraisal of evidence concluded. Accepted means: authentic, and no reason against it. */
export type Appraisal<C extends Claims = Claims> = AuthenticAppraisal<C> | RejectedAppraisal

/** Signatures, chains, revocation and bindings hold; with `chain-only`, those that need no collateral. */
export type AuthenticAppraisal<C extends Claims = Claims> = {
  readonly authentic: true | 'chain-only'
  readonly claims: C
  /** When the first thing that this rests on ends. */
  readonly until: UnixSeconds
  /** What the policy has against it, all of it. */
  readonly reasons: readonly Reason[]
}

/** Authentic in full, and nothing speaks against it. */
export type AcceptedAppraisal<C extends Claims = Claims> = AuthenticAppraisal<C> & {
  readonly authentic: true
  readonly reasons: readonly []
}

/** Something does not hold. */
export type RejectedAppraisal = {
  readonly authentic: false
  readonly reject: RejectCode
  /** Which object, and how. */
  readonly where: string
  /** Which field of malformed input, and how many bytes from its start. */
  readonly at?: { readonly field: string; readonly offset: number }
}

/** Whether evidence is authentic in full and nothing speaks against it. */
export function isAccepted<C extends Claims>(
  appraisal: Appraisal<C>,
): appraisal is AcceptedAppraisal<C> {
  return appraisal.authentic === true && appraisal.reasons.length === 0
}

/**
 * What an appraisal gives; a refusal inside it becomes the answer. Anything else thrown is our own mistake.
 *
 * @throws {RangeError} where `now` is not a whole, non-negative number: nothing is valid at such a time, and nothing over.
 */
export async function refusalAsAnswer<C extends Claims>(
  { now }: Pick<Given, 'now'>,
  judge: () => Promise<Appraisal<C>>,
): Promise<Appraisal<C>> {
  unixSeconds(now)
  try {
    return await judge()
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal
    const { reject, where, cause } = refusal
    if (!(cause instanceof MalformedError)) return { authentic: false, reject, where }
    const { field, offset } = cause
    return { authentic: false, reject, where, at: { field, offset } }
  }
}

/** An appraisal as canonical JSON (RFC 8785): equal inputs give equal bytes on every machine. */
export function encodeAppraisal(appraisal: Appraisal): Bytes {
  return encodeUtf8(canonicalJson(appraisal))
}

/** SHA-256 of {@link encodeAppraisal}. */
export function appraisalDigest(appraisal: Appraisal): Promise<Bytes> {
  return sha256(encodeAppraisal(appraisal))
}
