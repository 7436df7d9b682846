import { unixSeconds, type UnixSeconds } from '@cloister/codec'
import type { Reason, ReasonCode } from './appraisal.ts'
import type { Claims } from './claims.ts'
import type { TcbStatus } from './dcap/tcb-status.ts'
import type { Policy } from './policy.ts'

/** What a policy concludes: everything it has against the claims, and when a grace period ends. */
export type Judgement = {
  readonly reasons: readonly Reason[]
  /** The end of the grace period that a status was let through by, if one was. */
  readonly graceUntil: UnixSeconds | undefined
}

/**
 * Everything that `policy` has against `claims`, in the order of {@link reasonCodes}.
 *
 * `tcbDateSeconds` is the date of the platform's TCB level: undefined where there is no collateral.
 */
export function judgeClaims(
  claims: Claims,
  policy: Policy,
  now: UnixSeconds,
  tcbDateSeconds: UnixSeconds | undefined,
): Judgement {
  const graceUntil = graceEnd(claims.tcbStatus, policy, now, tcbDateSeconds)
  return {
    reasons: [
      ...judgeIdentity(claims, policy),
      ...(tcbDateSeconds === undefined ? [] : judgeTcb(claims, policy, graceUntil !== undefined)),
      ...judgeAttributes(claims, policy),
    ],
    graceUntil,
  }
}

function judgeIdentity(claims: Claims, policy: Policy): readonly Reason[] {
  return [
    ...unless(
      claims.tcbStatus !== undefined,
      'CHAIN_ONLY',
      'without collateral nothing is known about revocation and TCB',
      'no collateral',
      'collateral',
    ),
    ...unlessListed('MEASUREMENT', 'what runs', claims.measurement, policy.measurements),
    ...unless(
      policy.reportData === 'any' || lowerHex(policy.reportData) === claims.reportData,
      'REPORT_DATA',
      'what the TEE signed',
      claims.reportData,
      policy.reportData,
    ),
    ...unlessListed('MACHINE', 'which machine', claims.machineId, policy.machineIds),
  ]
}

function judgeTcb(claims: Claims, policy: Policy, inGrace: boolean): readonly Reason[] {
  const status = claims.tcbStatus ?? 'Revoked'
  const statuses: readonly string[] = policy.tcbStatuses
  const { advisories } = policy
  const unexpected = (claims.advisoryIds ?? []).filter(
    (id) => advisories !== 'any' && !advisories.includes(id),
  )
  const evaluation = Math.min(
    claims.tcbEvaluationDataNumber ?? 0,
    claims.qeIdentityEvaluationDataNumber ?? 0,
  )
  return [
    ...unless(
      status !== 'Revoked' && (statuses.includes(status) || inGrace),
      'TCB_STATUS',
      'status of platform, TDX module and quoting enclave together',
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
      advisories === 'any' ? 'any' : advisories.join(', ') || 'none',
    ),
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

function judgeAttributes(claims: Claims, policy: Policy): readonly Reason[] {
  const { tdAttributes } = claims
  const forbidden = (code: ReasonCode, set: boolean, allowed: boolean, detail: string) =>
    unless(!set || allowed, code, detail, 'set', 'not set')
  const hasServiceTd = /[^0]/.test(claims.mrServiceTd ?? '')
  return [
    ...forbidden('DEBUG', claims.debug, policy.allowDebug, 'its host can read its memory'),
    ...forbidden(
      'MIGRATABLE',
      tdAttributes.migratable,
      policy.allowMigratable,
      'it may be moved to another machine',
    ),
    ...unless(
      !hasServiceTd || policy.allowServiceTd,
      'SERVICE_TD',
      'a service TD is bound to it',
      claims.mrServiceTd ?? '',
      'zero',
    ),
    ...unless(
      tdAttributes.septVeDisable || policy.allowSeptVeEnabled,
      'SEPT_VE_ENABLED',
      'its host can inject page faults that its kernel is not told of',
      'SEPT_VE_DISABLE not set',
      'SEPT_VE_DISABLE set',
    ),
    ...forbidden('PKS', tdAttributes.pks, policy.allowPks, 'it uses supervisor protection keys'),
    ...forbidden('KEY_LOCKER', tdAttributes.keyLocker, policy.allowKeyLocker, 'it uses Key Locker'),
    ...forbidden(
      'PERFMON',
      tdAttributes.perfmon,
      policy.allowPerfmon,
      'it uses performance counters',
    ),
    ...unless(
      tdAttributes.reserved === '0',
      'RESERVED_ATTRIBUTES',
      'attribute bits without a name',
      tdAttributes.reserved,
      '0',
    ),
  ]
}

function graceEnd(
  status: TcbStatus | undefined,
  policy: Policy,
  now: UnixSeconds,
  tcbDateSeconds: UnixSeconds | undefined,
): UnixSeconds | undefined {
  const late = status === 'OutOfDate' || status === 'OutOfDateConfigurationNeeded'
  if (!late || tcbDateSeconds === undefined || policy.tcbStatuses.includes(status)) return undefined
  const end = tcbDateSeconds + policy.graceSeconds
  return now < end ? unixSeconds(end) : undefined
}

function unless(
  holds: boolean,
  code: ReasonCode,
  detail: string,
  actual: string,
  expected: string,
): readonly Reason[] {
  return holds ? [] : [{ code, detail, actual, expected }]
}

function unlessListed(
  code: ReasonCode,
  detail: string,
  actual: string,
  accepted: readonly string[] | 'any',
): readonly Reason[] {
  const holds = accepted === 'any' || accepted.some((value) => lowerHex(value) === actual)
  return unless(
    holds,
    code,
    detail,
    actual,
    accepted === 'any' ? 'any' : accepted.join(', ') || 'none',
  )
}

function unlessReached(
  code: ReasonCode,
  detail: string,
  actual: number,
  least: number,
): readonly Reason[] {
  // Spelled so that a least number which is no number refuses.
  return unless(actual >= least, code, detail, String(actual), `at least ${least}`)
}

function lowerHex(value: string): string {
  return (value.startsWith('0x') ? value.slice(2) : value).toLowerCase()
}
