import { encodeUtf8 } from '@cloister/codec'
import type { Address, Hex } from 'viem'

import { sameHex } from './ids.ts'
import { limits } from './limits.ts'
import type { Grant } from './messages.ts'
import type { Problem } from './problems.ts'
import { refusalReasons, type RefusalReason } from './refusal-reasons.ts'
import { tcbRankMax } from './tcb.ts'

/** What a task asks of one grant. Nothing here is believed because the asker says so: callers prove it first. */
export type GrantRequest = {
  readonly app: Hex
  readonly asset: Hex
  readonly requester: Address
  /** The operator of the node that runs the attempt. */
  readonly operator: Address
  /** The measurement that the attempt's evidence shows. */
  readonly measurement: Hex
  /** The rank of the evidence's TCB status; undefined where no floor could accept it. */
  readonly tcb: number | undefined
  readonly tier: number
  /** The most bytes that the app may put out under its manifest. */
  readonly outputBytesMax: number
  /** Time of the block of a fresh checkpoint, Unix seconds. */
  readonly now: bigint
  /** Tasks other than this one that have used the grant. */
  readonly usesBefore: number
}

/** What the chain and the signature say about a grant. */
export type GrantFacts = {
  /** The registered owner of the asset. */
  readonly assetOwner: Address
  /** Whether the signature over the grant's digest is by `grant.owner` (ERC-1271 where that is a contract). */
  readonly signatureValid: boolean
  readonly revoked: boolean
}

/** Whether a grant covers a request, and if not, why: the number a keeper signs, the grant's field and a sentence. */
export type GrantDecision =
  | { readonly kind: 'allowed' }
  | {
      readonly kind: 'refused'
      readonly reason: RefusalReason
      readonly field: keyof Grant
      readonly detail: string
    }

/**
 * Decides whether `grant` covers `request`. Pure; the same in keepers, in the SDK's pre-flight and in verifiers.
 *
 * Refuses with the first rule broken, in a fixed order: structure and signature, revocation, time,
 * what the owner named, what the evidence shows. It does not check prices: the whole order does.
 *
 * Spec: docs/protocol.md sections 4 and 5.
 */
export function decideGrant(grant: Grant, request: GrantRequest, facts: GrantFacts): GrantDecision {
  for (const [field, reason, holds, detail] of rules(grant, request, facts))
    if (!holds) return { kind: 'refused', reason, field, detail }
  return { kind: 'allowed' }
}

/**
 * What is structurally wrong with a grant; nothing when it is well formed.
 *
 * An empty list never means "do not check": `apps` and `measurements` are never empty, `operators`
 * and `requesters` are empty exactly when their `any` flag is set. Spec: docs/protocol.md section 4.
 */
export function checkGrant(grant: Grant): readonly Problem[] {
  return structure(grant).map(([field, detail]) => ({ field, detail }))
}

type Rule = readonly [field: keyof Grant, reason: RefusalReason, holds: boolean, detail: string]

const { grantRevoked, grantNotCurrent, grantDoesNotCover, evidenceRefused } = refusalReasons

function rules(grant: Grant, request: GrantRequest, facts: GrantFacts): readonly Rule[] {
  return [
    ...structure(grant).map(([field, detail]): Rule => [field, grantDoesNotCover, false, detail]),
    ...standing(grant, request, facts),
    ...coverage(grant, request),
    ...evidence(grant, request),
  ]
}

function standing(grant: Grant, request: GrantRequest, facts: GrantFacts): readonly Rule[] {
  return [
    ['owner', grantDoesNotCover, facts.signatureValid, 'the signature is not the owner’s'],
    [
      'owner',
      grantDoesNotCover,
      sameHex(grant.owner, facts.assetOwner),
      `the asset belongs to ${facts.assetOwner}, the grant is by ${grant.owner}`,
    ],
    [
      'asset',
      grantDoesNotCover,
      sameHex(grant.asset, request.asset),
      `the grant is for ${grant.asset}, asked was ${request.asset}`,
    ],
    ['nonce', grantRevoked, !facts.revoked, 'the owner has revoked the grant'],
    [
      'notBefore',
      grantNotCurrent,
      request.now >= grant.notBefore,
      `valid from ${grant.notBefore}, it is ${request.now}`,
    ],
    [
      'expiry',
      grantNotCurrent,
      request.now < grant.expiry,
      `expired at ${grant.expiry}, it is ${request.now}`,
    ],
  ]
}

function coverage(grant: Grant, request: GrantRequest): readonly Rule[] {
  return [
    ['apps', grantDoesNotCover, lists(grant.apps, request.app), `app ${request.app} is not listed`],
    [
      'requesters',
      grantDoesNotCover,
      grant.anyRequester || lists(grant.requesters, request.requester),
      `requester ${request.requester} is not listed`,
    ],
    [
      'usesMax',
      grantDoesNotCover,
      request.usesBefore < grant.usesMax,
      `${request.usesBefore} of ${grant.usesMax} uses are spent`,
    ],
    [
      'outputBytesMax',
      grantDoesNotCover,
      request.outputBytesMax <= grant.outputBytesMax,
      `outputs of ${request.outputBytesMax} bytes, at most ${grant.outputBytesMax} are granted`,
    ],
    [
      'operators',
      grantDoesNotCover,
      grant.anyNode || lists(grant.operators, request.operator),
      `operator ${request.operator} is not listed`,
    ],
  ]
}

// A shortcoming of the node's evidence: the node is charged, another may do.
function evidence(grant: Grant, request: GrantRequest): readonly Rule[] {
  return [
    [
      'measurements',
      evidenceRefused,
      lists(grant.measurements, request.measurement),
      `measurement ${request.measurement} is not listed`,
    ],
    [
      'tcbFloor',
      evidenceRefused,
      request.tcb !== undefined && request.tcb <= grant.tcbFloor,
      `TCB rank ${request.tcb ?? 'none'} is worse than ${grant.tcbFloor}`,
    ],
    [
      'tierMin',
      evidenceRefused,
      request.tier >= grant.tierMin,
      `tier ${request.tier} is below ${grant.tierMin}`,
    ],
  ]
}

function structure(grant: Grant): readonly (readonly [keyof Grant, string])[] {
  const problems: (readonly [keyof Grant, string])[] = []
  for (const field of ['apps', 'measurements', 'operators', 'requesters'] as const)
    if (grant[field].length > limits.listMax)
      problems.push([field, `${grant[field].length} entries, at most ${limits.listMax}`])
  for (const field of ['apps', 'measurements'] as const)
    if (grant[field].length === 0) problems.push([field, 'empty, at least one must be named'])
  for (const [field, any] of [
    ['operators', 'anyNode'],
    ['requesters', 'anyRequester'],
  ] as const)
    if ((grant[field].length === 0) !== grant[any])
      problems.push([field, `must be empty exactly when ${any} is true`])
  if (grant.tcbFloor > tcbRankMax)
    problems.push(['tcbFloor', `${grant.tcbFloor} is no rank, the worst is ${tcbRankMax}`])
  if (!grant.purpose.isWellFormed()) problems.push(['purpose', 'not well-formed text'])
  const purposeBytes = encodeUtf8(grant.purpose).length
  if (purposeBytes > limits.purposeBytesMax)
    problems.push(['purpose', `${purposeBytes} bytes, at most ${limits.purposeBytesMax}`])
  if (grant.usesMax === 0) problems.push(['usesMax', 'zero, so the grant permits nothing'])
  if (grant.expiry <= grant.notBefore)
    problems.push(['expiry', `${grant.expiry} is not after notBefore ${grant.notBefore}`])
  return problems
}

function lists(entries: readonly Hex[], wanted: Hex): boolean {
  return entries.some((entry) => sameHex(entry, wanted))
}
