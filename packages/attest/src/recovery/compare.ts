import type { UnixSeconds } from '@cloister/codec'
import type { Anchor } from '../anchors.ts'
import { isAccepted, type Appraisal } from '../appraisal.ts'
import { createAppraiser } from '../appraise.ts'
import type { IntelCollateral } from '../dcap/collateral-documents.ts'
import { graceEnd } from '../dcap/grace.ts'
import type { TcbStatus } from '../dcap/tcb-status.ts'
import type { SgxEvidence, TdxEvidence } from '../evidence.ts'
import type { Policy } from '../policy.ts'
import type { RejectCode } from '../reject.ts'

/** How a machine stands under one set of documents: a TCB status, or why its evidence is not authentic. */
export type TcbStanding = TcbStatus | RejectCode

/** How one machine stands now and after a TCB recovery. */
export type RecoveryForecast = {
  /** As the caller calls it. */
  readonly name: string
  /** Absent where its evidence is authentic under neither set. */
  readonly machineId?: string
  readonly from: TcbStanding
  readonly to: TcbStanding
  /** Whether the policy accepts it. */
  readonly acceptedNow: boolean
  readonly acceptedThen: boolean
  /** Advisories that it is subject to under the newer set and not under the current one. */
  readonly advisories: readonly string[]
  readonly when: RecoveryTimes
}

/** When a machine's standing changes, as far as documents say. */
export type RecoveryTimes = {
  /** When the level that it falls to was set; absent where it is at none. */
  readonly tcbDate?: string
  /**
   * When the policy's grace period for it ends, counted from the part that is out of date the longest: absent where none
   * is, and where the policy grants no grace.
   */
  readonly graceEnds?: UnixSeconds
  /** When the current set ends: whoever fetches after that may get the newer one, and may before. */
  readonly currentEnds?: UnixSeconds
}

/** What becomes of machines in a TCB recovery that is announced. */
export type Recovery = {
  /** Absent where no evidence is authentic under that set. */
  readonly currentNumber?: number
  readonly newerNumber?: number
  readonly machines: readonly RecoveryForecast[]
}

/**
 * Appraises evidence under the documents in force and under those of a newer TCB evaluation data set (Intel's
 * `update=early`), and says what changes.
 *
 * Pure: `now` decides. Both sets are verified as in any appraisal, so a set that does not verify shows as such.
 * Documents are of one platform family: others' machines stand as TCB_INFO_MISMATCH in both.
 */
export async function compareTcbRecovery(given: {
  readonly machines: readonly {
    readonly name: string
    readonly evidence: SgxEvidence | TdxEvidence
  }[]
  readonly current: IntelCollateral
  readonly newer: IntelCollateral
  readonly anchors: readonly Anchor[]
  readonly policy: Policy
  readonly now: UnixSeconds
}): Promise<Recovery> {
  const { machines, current, newer, anchors, policy, now } = given
  const appraiser = createAppraiser()
  const judge = (evidence: SgxEvidence | TdxEvidence, intel: IntelCollateral) =>
    appraiser.appraise(evidence, { collateral: { intel }, anchors, policy, now })
  const forecasts: RecoveryForecast[] = []
  let currentNumber: number | undefined
  let newerNumber: number | undefined
  for (const { name, evidence } of machines) {
    const before = await judge(evidence, current)
    const after = await judge(evidence, newer)
    currentNumber ??= numberOf(before)
    newerNumber ??= numberOf(after)
    forecasts.push(forecast(name, before, after, policy.graceSeconds))
  }
  return {
    ...(currentNumber !== undefined && { currentNumber }),
    ...(newerNumber !== undefined && { newerNumber }),
    machines: forecasts,
  }
}

function forecast(
  name: string,
  before: Appraisal,
  after: Appraisal,
  graceSeconds: number,
): RecoveryForecast {
  const claims = claimsOf(after) ?? claimsOf(before)
  const known = claimsOf(before)?.advisoryIds ?? []
  return {
    name,
    ...(claims?.machineId !== undefined && { machineId: claims.machineId }),
    from: standing(before),
    to: standing(after),
    acceptedNow: isAccepted(before),
    acceptedThen: isAccepted(after),
    advisories: (claimsOf(after)?.advisoryIds ?? []).filter((id) => !known.includes(id)),
    when: timesOf(before, after, graceSeconds),
  }
}

function timesOf(before: Appraisal, after: Appraisal, graceSeconds: number): RecoveryTimes {
  const claims = claimsOf(after)
  const intel = claims?.tee === 'sgx' || claims?.tee === 'tdx' ? claims : undefined
  const tcbDate = intel?.tcbDate
  const graceEnds = intel && graceSeconds > 0 ? graceEnd(intel, graceSeconds) : undefined
  const currentEnds = before.authentic === false ? undefined : before.until
  return {
    ...(tcbDate !== undefined && { tcbDate }),
    ...(graceEnds !== undefined && { graceEnds }),
    ...(currentEnds !== undefined && { currentEnds }),
  }
}

function standing(appraisal: Appraisal): TcbStanding {
  if (appraisal.authentic === false) return appraisal.reject
  return appraisal.claims.tcbStatus ?? 'COLLATERAL_MISSING'
}

function numberOf(appraisal: Appraisal): number | undefined {
  return claimsOf(appraisal)?.tcbEvaluationDataNumber
}

function claimsOf(appraisal: Appraisal) {
  return appraisal.authentic === false ? undefined : appraisal.claims
}
