import type { UnixSeconds } from '@cloister/codec'
import { judgeIntelTcb, type IntelJudgement } from '../dcap/judge-tcb.ts'
import { judgeCommonClaims } from '../judge-claims.ts'
import type { Policy } from '../policy.ts'
import { unless, whereSet, type Reason } from '../reasons.ts'
import type { TdxClaims } from './claims.ts'

/** What a policy can let through about a TD. */
export type TdxPolicy = {
  /** A TD that may be migrated to another machine. */
  readonly allowMigratable: boolean
  /** A TD that a service TD is bound to. */
  readonly allowServiceTd: boolean
  /** A TD whose host may inject page faults that its kernel is not told of. */
  readonly allowSeptVeEnabled: boolean
  /** A TD that uses supervisor protection keys. */
  readonly allowPks: boolean
  /** A TD that uses Key Locker. */
  readonly allowKeyLocker: boolean
  /** A TD that uses performance counters. */
  readonly allowPerfmon: boolean
}

/** Lets nothing through. */
export const strictTdxPolicy: TdxPolicy = {
  allowMigratable: false,
  allowServiceTd: false,
  allowSeptVeEnabled: false,
  allowPks: false,
  allowKeyLocker: false,
  allowPerfmon: false,
}

/** Everything that `policy` has against a TD. */
export function judgeTdxClaims(
  claims: TdxClaims,
  policy: Policy,
  now: UnixSeconds,
): IntelJudgement {
  const tcb = judgeIntelTcb(claims, policy, now)
  return {
    reasons: [
      ...tcb.chainOnly,
      ...judgeCommonClaims(claims, policy, 'no lists exist'), // Intel's lists are in its collateral.
      ...tcb.reasons,
      ...judgeAttributes(claims, policy.tdx),
    ],
    graceUntil: tcb.graceUntil,
  }
}

function judgeAttributes(claims: TdxClaims, policy: TdxPolicy): readonly Reason[] {
  const { tdAttributes } = claims
  const hasServiceTd = /[^0]/.test(claims.mrServiceTd ?? '')
  return [
    ...whereSet(
      'MIGRATABLE',
      'it may be moved to another machine',
      tdAttributes.migratable,
      policy.allowMigratable,
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
    ...whereSet('PKS', 'it uses supervisor protection keys', tdAttributes.pks, policy.allowPks),
    ...whereSet('KEY_LOCKER', 'it uses Key Locker', tdAttributes.keyLocker, policy.allowKeyLocker),
    ...whereSet(
      'PERFMON',
      'it uses performance counters',
      tdAttributes.perfmon,
      policy.allowPerfmon,
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
