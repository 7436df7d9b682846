import {
  appraise,
  strictPolicy,
  type Anchor,
  type Appraisal,
  type ClaimsByTee,
  type Collateral,
  type Evidence,
  type RejectCode,
  type RejectedAppraisal,
} from '@cloister/attest'
import { OperationError, type UnixSeconds } from '@cloister/codec'
import type { AmdProductLine, AmdService } from './amd.ts'
import type { DocumentClient, FetchedDocument } from './document-client.ts'
import type { IntelService, IntelUpdate } from './intel.ts'
import type { NvidiaService } from './nvidia.ts'

/** What a fetch depends on besides the evidence. */
export type FetchGiven = {
  /** Before anything else is asked for, the evidence has to hold under these. */
  readonly anchors: readonly Anchor[]
  readonly now: UnixSeconds
  /** Documents that are at hand: those that hold now are not fetched. */
  readonly known?: Collateral
  /**
   * Which of Intel's documents. Absent: those at hand where they hold, else `standard`. Named, they are asked for, but
   * for a number that those at hand have: no document says that it is the newest, or the one in force.
   */
  readonly update?: IntelUpdate
  /** Of an SNP report of version 2, which does not say it. */
  readonly productLine?: AmdProductLine
  /** All requests together. Default: 120 s. */
  readonly timeoutMs?: number
}

/** What fetching is done with. */
export type Fetching = {
  readonly client: DocumentClient
  readonly intel: IntelService
  readonly amd: AmdService
  readonly nvidia: NvidiaService
}

/** Documents of a bundle, where they came from, and what could not be had. */
export type FetchedPart = {
  readonly value: Collateral
  readonly documents: readonly FetchedDocument[]
  readonly warnings: readonly string[]
}

/** Nothing has to be fetched. */
export const nothingNeeded: FetchedPart = { value: {}, documents: [], warnings: [] }

/** What a policy wants does not matter here: only whether signatures hold. */
const policy = strictPolicy({
  measurements: 'any',
  reportData: 'any',
  machineIds: 'any',
})

/** Judges evidence by what is there so far. */
export async function judge<E extends Evidence>(
  evidence: E,
  { anchors, now }: FetchGiven,
  collateral: Collateral | 'none',
): Promise<Appraisal<ClaimsByTee[E['tee']]>> {
  return await appraise(evidence, { collateral, anchors, policy, now })
}

/**
 * What is fetched, or why its service does not give it: for documents that evidence is authentic without, as it then
 * says itself.
 */
export async function orFailure<T>(fetching: Promise<T>): Promise<T | OperationError> {
  try {
    return await fetching
  } catch (cause) {
    if (cause instanceof OperationError) return cause
    throw cause
  }
}

/** Whether a refusal blames a document and not the evidence: such a document is not kept. */
export function blamesDocument(appraisal: RejectedAppraisal): boolean {
  return documentFaults.has(appraisal.reject)
}

/** See {@link blamesDocument}. */
const documentFaults: ReadonlySet<RejectCode> = new Set<RejectCode>([
  'PCK_CERT_UNAVAILABLE',
  'COLLATERAL_MISSING',
  'CHAIN_INVALID',
  'UNTRUSTED_ROOT',
  'CHAIN_SIGNATURE',
  'CERT_EXPIRED_OR_NOT_YET_VALID',
  'CERT_MISMATCH',
  'CRL_MISSING',
  'CRL_INVALID_OR_EXPIRED',
  'OCSP_INVALID_OR_EXPIRED',
  'TCB_INFO_SIGNATURE',
  'QE_IDENTITY_SIGNATURE',
  'TCB_INFO_UNSUPPORTED',
  'QE_IDENTITY_UNSUPPORTED',
  'TCB_INFO_NOT_YET_VALID',
  'TCB_INFO_EXPIRED',
  'QE_IDENTITY_NOT_YET_VALID',
  'QE_IDENTITY_EXPIRED',
  'TCB_INFO_MISMATCH',
])
