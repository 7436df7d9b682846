import type { UnixSeconds } from '@cloister/codec'
import type { Policy } from '../policy.ts'
import { listed, unless, unlessReached, type Reason } from '../reasons.ts'
import type { IntelTcbClaims } from './claims.ts'
import { graceEnd, isLate, type GraceClaims } from './grace.ts'

/** What a policy concludes about an Intel machine, and when a grace period ends. */
export type IntelJudgement = {
  readonly reasons: readonly Reason[]
  /** The end of the grace period that a status was let through by, if one was. */
  readonly graceUntil: UnixSeconds | undefined
}

/** Everything that `policy` has against a machine's TCB, of which nothing is known where there is no collateral. */
export function judgeIntelTcb(
  claims: GraceClaims & { readonly anchor: string },
  policy: Policy,
  now: UnixSeconds,
): IntelJudgement & { readonly chainOnly: readonly Reason[] } {
  const graceUntil = currentGrace(claims, policy, now)
  const known = claims.tcbStatus !== undefined
  return {
    chainOnly: [
      ...unless(
        known,
        'CHAIN_ONLY',
        'without collateral nothing is known about revocation and TCB',
        'no collateral',
        'collateral',
      ),
      ...unless(
        claims.anchor !== 'none',
        'PCK_CERT_UNAVAILABLE',
        'whether a genuine machine signed this: its PCK certificate is not at hand',
        'none',
        'a PCK certificate',
      ),
    ],
    reasons: known
      ? [...judgeStatus(claims, policy, graceUntil !== undefined), ...judgeAge(claims, policy)]
      : [],
    graceUntil,
  }
}

function judgeStatus(claims: IntelTcbClaims, policy: Policy, inGrace: boolean): readonly Reason[] {
  const status = claims.tcbStatus ?? 'Revoked'
  const statuses: readonly string[] = policy.tcbStatuses
  const { advisories } = policy
  const unexpected = (claims.advisoryIds ?? []).filter(
    (id) => advisories !== 'any' && !advisories.includes(id),
  )
  return [
    ...unless(
      status !== 'Revoked' && (statuses.includes(status) || inGrace),
      'TCB_STATUS',
      'status of platform, modules and quoting enclave together',
      status,
      statuses.filter((allowed) => allowed !== 'Revoked').join(', '),
    ),
    ...unless(
      claims.sgxTcbStatus !== 'Revoked',
      'SGX_TCB_REVOKED',
      'the SGX part of the platform is revoked',
      'Revoked',
      'any other status',
    ),
    // Within the grace period the advisories are what there is time to act upon.
    ...unless(
      unexpected.length === 0 || inGrace,
      'ADVISORY',
      'advisories that the machine is subject to',
      unexpected.join(', '),
      listed(advisories),
    ),
  ]
}

function judgeAge(claims: IntelTcbClaims, policy: Policy): readonly Reason[] {
  const evaluation = Math.min(
    claims.tcbEvaluationDataNumber ?? 0,
    claims.qeIdentityEvaluationDataNumber ?? 0,
  )
  return [
    ...unlessReached(
      'TCB_EVALUATION_DATA_NUMBER',
      'age of TCB info and QE identity',
      evaluation,
      policy.minTcbEvaluationDataNumber,
    ),
    ...unlessReached(
      'ROOT_CRL_NUMBER',
      "age of the root's revocation list",
      claims.rootCrlNumber ?? -1,
      policy.minRootCrlNumber,
    ),
    ...unlessReached(
      'PCK_CRL_NUMBER',
      'age of the PCK revocation list',
      claims.pckCrlNumber ?? -1,
      policy.minPckCrlNumber,
    ),
  ]
}

/** The end of the grace period that lets a status through, where there is one and it is not over. */
function currentGrace(
  claims: GraceClaims,
  { tcbStatuses, graceSeconds }: Policy,
  now: UnixSeconds,
): UnixSeconds | undefined {
  const { tcbStatus } = claims
  if (tcbStatus === undefined || tcbStatus === 'Revoked' || tcbStatuses.includes(tcbStatus))
    return undefined
  const end = isLate(tcbStatus) ? graceEnd(claims, graceSeconds) : undefined
  return end !== undefined && now < end ? end : undefined
}
