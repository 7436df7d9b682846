import { encodeUtf8 } from '@cloister/codec'
import { zeroAddress } from 'viem'

import { sameHex } from './ids.ts'
import { limits } from './limits.ts'
import type { Grant, KeeperPolicy } from './messages.ts'
import { allOutputFormats, isOutputFormatSet } from './output-formats.ts'
import type { Problem } from './problems.ts'
import { tcbRankMax } from './tcb.ts'
import { allTees, isTeeSet } from './tees.ts'

/** The version of grants that is read here. Another one is refused, not guessed at. */
export const grantVersion = 2

/** Deltas are counted in units of 1e-12, and are below 1. */
export const deltaPicosEnd: bigint = 1_000_000_000_000n

/** What is wrong with one field: what stands there, what has to, and who may change it. */
export type GrantProblem = {
  readonly field: keyof Grant
  readonly found: string
  readonly wanted: string
  readonly advice: string
}

/**
 * What is structurally wrong with a grant; nothing when it is well formed.
 *
 * An empty list never means "do not check": `assets` and `apps` are never empty, `measurements` is empty exactly when a release
 * key stands for it, `operators` and `requesters` exactly when their `any` flag is set. Spec: docs/protocol.md section 4.
 */
export function checkGrant(grant: Grant): readonly Problem[] {
  return grantFormProblems(grant).map((problem) => ({
    field: problem.field,
    detail: sayProblem(problem),
  }))
}

/** A problem as a sentence without its field. */
export function sayProblem({ found, wanted, advice }: Omit<GrantProblem, 'field'>): string {
  return `${found}, wanted ${wanted}; ${advice}`
}

/** As {@link checkGrant}, in parts. In the order in which the contract looks, so that both name the same field. */
export function grantFormProblems(grant: Grant): readonly GrantProblem[] {
  const problems: GrantProblem[] = []
  const advice = 'sign the grant again with another value'
  const rule = (field: keyof Grant, holds: boolean, found: string, wanted: string): void => {
    if (!holds) problems.push({ field, found, wanted, advice })
  }
  rule('version', grant.version === grantVersion, `version ${grant.version}`, `${grantVersion}`)
  for (const field of ['assets', 'apps'] as const)
    rule(field, inRange(grant[field], 1), `${grant[field].length} entries`, '1 to 16')
  const byKey = !sameHex(grant.releaseKey, zeroAddress)
  rule(
    'measurements',
    inRange(grant.measurements, 0) && (grant.measurements.length === 0) === byKey,
    `${grant.measurements.length} entries ${byKey ? 'and' : 'without'} a release key`,
    '1 to 16 entries, or none and a release key',
  )
  rule('tcbFloor', grant.tcbFloor <= tcbRankMax, `rank ${grant.tcbFloor}`, `0 to ${tcbRankMax}`)
  rule('tees', isTeeSet(grant.tees), `the set ${grant.tees}`, `a set of 2 to ${allTees}, even`)
  for (const [field, any] of [
    ['operators', 'anyNode'],
    ['requesters', 'anyRequester'],
  ] as const)
    rule(
      field,
      inRange(grant[field], 0) && (grant[field].length === 0) === grant[any],
      `${grant[field].length} entries and ${any} ${grant[any]}`,
      `1 to 16 entries, or none and ${any} true`,
    )
  const bytes = encodeUtf8(grant.purpose.toWellFormed()).length
  rule(
    'purpose',
    grant.purpose.isWellFormed() && bytes <= limits.purposeBytesMax,
    grant.purpose.isWellFormed() ? `${bytes} bytes` : 'not well-formed text',
    `at most ${limits.purposeBytesMax} bytes of UTF-8`,
  )
  return [...problems, ...termProblems(grant)]
}

// What is counted: uses, times, people, outputs, privacy.
function termProblems(grant: Grant): readonly GrantProblem[] {
  const problems: GrantProblem[] = []
  const advice = 'sign the grant again with another value'
  const rule = (field: keyof Grant, holds: boolean, found: string, wanted: string): void => {
    if (!holds) problems.push({ field, found, wanted, advice })
  }
  rule('usesMax', grant.usesMax > 0, 'zero, so nothing is permitted', 'at least 1')
  rule('usesPerDay', grant.usesPerDay > 0, 'zero, so nothing is permitted', 'at least 1')
  rule('expiry', grant.expiry > grant.notBefore, `${grant.expiry}`, `after ${grant.notBefore}`)
  rule('ownersMin', grant.ownersMin > 0, 'zero', 'at least 1')
  rule(
    'outputFormats',
    isOutputFormatSet(grant.outputFormats),
    `the set ${grant.outputFormats}`,
    `1 to ${allOutputFormats}`,
  )
  const { privacyRequired, epsilonMicros, deltaPicos } = grant
  rule(
    'epsilonMicros',
    privacyRequired === epsilonMicros > 0n,
    `a budget of ${epsilonMicros}`,
    privacyRequired ? 'at least 1, for privacy is required' : '0, for privacy is not required',
  )
  rule(
    'deltaPicos',
    privacyRequired ? deltaPicos < deltaPicosEnd : deltaPicos === 0n,
    `a budget of ${deltaPicos}`,
    privacyRequired ? `below ${deltaPicosEnd}` : '0, for privacy is not required',
  )
  return problems
}

/** What is structurally wrong with a keeper policy; nothing when it is well formed. Spec: docs/protocol.md section 4. */
export function checkKeeperPolicy(policy: KeeperPolicy): readonly Problem[] {
  const problems: Problem[] = []
  const byKey = !sameHex(policy.releaseKey, zeroAddress)
  if (!inRange(policy.measurements, 0) || (policy.measurements.length === 0) !== byKey)
    problems.push({
      field: 'measurements',
      detail: `${policy.measurements.length} entries ${byKey ? 'and' : 'without'} a release key, wanted 1 to 16, or none and a release key`,
    })
  if (!isTeeSet(policy.tees))
    problems.push({ field: 'tees', detail: `the set ${policy.tees}, wanted at least one TEE` })
  if (policy.tcbFloor > tcbRankMax)
    problems.push({ field: 'tcbFloor', detail: `rank ${policy.tcbFloor}, wanted 0 to 5` })
  return problems
}

function inRange(list: readonly unknown[], min: number): boolean {
  return list.length >= min && list.length <= limits.listMax
}
