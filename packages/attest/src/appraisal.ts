import { canonicalJson, encodeUtf8, type Bytes, type UnixSeconds } from '@cloister/codec'
import { sha256 } from '#crypto'
import type { Anchor } from './anchors.ts'
import type { Claims } from './claims.ts'
import type { Collateral } from './collateral.ts'
import type { Policy } from './policy.ts'
import type { RejectCode } from './reject.ts'

/** What a TEE signed. */
export type Evidence = { readonly tee: 'tdx'; readonly quote: Bytes }

/** Everything an appraisal depends on besides the evidence itself. */
export type Given = {
  /** The vendor's documents; `'none'` gives no more than `chain-only`. */
  readonly collateral: Collateral | 'none'
  readonly anchors: readonly Anchor[]
  readonly policy: Policy
  readonly now: UnixSeconds
}

/** What one appraisal of evidence concluded. Accepted means: authentic, and no reason against it. */
export type Appraisal =
  | {
      readonly authentic: true | 'chain-only'
      readonly claims: Claims
      /** When the first thing that this rests on ends. */
      readonly until: UnixSeconds
      /** What the policy has against it, all of it. */
      readonly reasons: readonly Reason[]
    }
  | { readonly authentic: false; readonly reject: RejectCode; readonly where: string }

/** Names of all reasons that a policy can have against authentic evidence: one closed list. */
export const reasonCodes = [
  'CHAIN_ONLY',
  'MEASUREMENT',
  'REPORT_DATA',
  'MACHINE',
  'TCB_STATUS',
  'SGX_TCB_REVOKED',
  'ADVISORY',
  'TCB_EVALUATION_DATA_NUMBER',
  'ROOT_CRL_NUMBER',
  'PCK_CRL_NUMBER',
  'DEBUG',
  'MIGRATABLE',
  'SERVICE_TD',
  'SEPT_VE_ENABLED',
  'PKS',
  'KEY_LOCKER',
  'PERFMON',
  'RESERVED_ATTRIBUTES',
] as const

/** One of {@link reasonCodes}. */
export type ReasonCode = (typeof reasonCodes)[number]

/** One thing that a policy has against authentic evidence. */
export type Reason = {
  readonly code: ReasonCode
  readonly detail: string
  readonly actual: string
  readonly expected: string
}

/** Whether evidence is authentic in full and nothing speaks against it. */
export function isAccepted(appraisal: Appraisal): boolean {
  return appraisal.authentic === true && appraisal.reasons.length === 0
}

/** An appraisal as canonical JSON (RFC 8785): equal inputs give equal bytes on every machine. */
export function encodeAppraisal(appraisal: Appraisal): Bytes {
  return encodeUtf8(canonicalJson(appraisal))
}

/** SHA-256 of {@link encodeAppraisal}. */
export function appraisalDigest(appraisal: Appraisal): Promise<Bytes> {
  return sha256(encodeAppraisal(appraisal))
}
