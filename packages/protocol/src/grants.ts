import { zeroAddress, type Address, type Hex } from 'viem'

import type { AppFacts } from './app-facts.ts'
import { grantFormProblems, sayProblem } from './grant-form.ts'
import { sameHex } from './ids.ts'
import type { Grant } from './messages.ts'
import { outputFormatsOf } from './output-formats.ts'
import { refusalReasons, type RefusalReason } from './refusal-reasons.ts'
import { hasTee, sayTees } from './tees.ts'

/** What is known of the node that would run a task: proven by the chain, or shown by its evidence. */
export type GrantNode = {
  /** The number of the TEE that its evidence is of. */
  readonly tee: number
  readonly operator: Address
  /** The measurement that its evidence shows. */
  readonly measurement: Hex
  /** Until when the grant's release key approves that measurement, Unix seconds; zero where it never did, or there is none. */
  readonly approvedUntil: bigint
  /** The rank of the evidence's TCB status; undefined where no floor could accept it. */
  readonly tcb: number | undefined
  readonly tier: number
}

/** What tasks other than this one have used of a grant already. Zero where the chain counted when it took the order. */
export type GrantUse = {
  readonly tasks: number
  /** Of the UTC day on which the task is placed. */
  readonly tasksToday: number
  readonly epsilonMicros: bigint
  readonly deltaPicos: bigint
}

/** What a task asks of one grant. Nothing here is believed because the asker says so: callers prove it first. */
export type GrantRequest = {
  readonly app: Hex
  readonly asset: Hex
  readonly requester: Address
  /** Distinct owners of the order's assets, the requester not counted: see {@link otherOwners}. */
  readonly ownersOthers: number
  /** The set of TEEs that the order accepts. */
  readonly tees: number
  /** The most that the order may spend of a privacy budget. */
  readonly epsilonMicros: bigint
  readonly deltaPicos: bigint
  /** From the app's manifest. */
  readonly manifest: AppFacts
  /** `'none-yet'` before a draw: then what the grant wants of a node is not decided. */
  readonly node: GrantNode | 'none-yet'
  /** Time of the block of a fresh checkpoint, Unix seconds. */
  readonly now: bigint
  readonly used: GrantUse
}

/** What the chain and the signature say about a grant. */
export type GrantFacts = {
  /** The registered owner of the asset. */
  readonly assetOwner: Address
  /** Whether the signature over the grant's digest is by `grant.owner` (ERC-1271 where that is a contract). */
  readonly signatureValid: boolean
  readonly revoked: boolean
}

/** Who can see that a rule is broken: the contract when it takes an order, the enclaves alone, or also the contract's draw. */
export type GrantStage = 'place' | 'run' | 'draw'

/** Whether a grant covers a request, and if not, why: the number a keeper signs, the grant's field, and what to change. */
export type GrantDecision =
  | { readonly kind: 'allowed' }
  | {
      readonly kind: 'refused'
      readonly reason: RefusalReason
      readonly stage: GrantStage
      readonly field: keyof Grant
      readonly found: string
      readonly wanted: string
      readonly advice: string
      /** The three in one sentence, without the field. */
      readonly detail: string
    }

/**
 * Decides whether `grant` covers `request`. Pure; the same in keepers, in the SDK's pre-flight, in `explain` and in verifiers. The
 * contract decides what it can see by the same rules in the same order: `test/vectors/grants.jsonl` holds both to it.
 *
 * Refuses with the first rule broken, in a fixed order: form, standing and coverage (which the contract sees when it takes the
 * order), what the app puts out (which enclaves see), and what the node is (which the draw sees). It does not check prices: the
 * whole order does, see `checkOrderGrants`.
 *
 * Spec: docs/grants.md, docs/protocol.md sections 4 and 5.
 */
export function decideGrant(grant: Grant, request: GrantRequest, facts: GrantFacts): GrantDecision {
  for (const { reason, stage, holds, ...problem } of rules(grant, request, facts))
    if (!holds) return { kind: 'refused', reason, stage, ...problem, detail: sayProblem(problem) }
  return { kind: 'allowed' }
}

/** How many distinct owners besides the requester an order brings together. */
export function otherOwners(owners: readonly Address[], requester: Address): number {
  return new Set(owners.filter((owner) => !sameHex(owner, requester)).map((a) => a.toLowerCase()))
    .size
}

type Rule = {
  readonly field: keyof Grant
  readonly stage: GrantStage
  readonly reason: RefusalReason
  readonly holds: boolean
  readonly found: string
  readonly wanted: string
  readonly advice: string
}

const { grantRevoked, grantNotCurrent, grantDoesNotCover, evidenceRefused } = refusalReasons
const askOwner = 'ask the owner for another grant'
const changeOrder = 'change the order, or ask the owner for another grant'
const otherNode = 'wait for another node, or ask the owner for another grant'

function rules(grant: Grant, request: GrantRequest, facts: GrantFacts): readonly Rule[] {
  const form = grantFormProblems(grant).map((problem) => ({
    ...problem,
    stage: 'place' as const,
    reason: grantDoesNotCover,
    holds: false,
  }))
  return [
    ...form,
    ...standing(grant, request, facts),
    ...coverage(grant, request),
    ...budget(grant, request),
    ...outputs(grant, request.manifest),
    ...(request.node === 'none-yet' ? [] : node(grant, request.node, request.now)),
  ]
}

function standing(grant: Grant, { now }: GrantRequest, facts: GrantFacts): readonly Rule[] {
  const stage = 'place'
  return [
    {
      ...{ field: 'owner', stage, reason: grantDoesNotCover, advice: askOwner },
      holds: sameHex(grant.owner, facts.assetOwner),
      found: `a grant by ${grant.owner}`,
      wanted: `one by the asset's owner ${facts.assetOwner}`,
    },
    {
      ...{ field: 'owner', stage, reason: grantDoesNotCover, advice: askOwner },
      holds: facts.signatureValid,
      found: 'a signature by somebody else',
      wanted: `one by ${grant.owner}`,
    },
    {
      ...{ field: 'nonce', stage, reason: grantRevoked, advice: askOwner },
      holds: !facts.revoked,
      found: `nonce ${grant.nonce}, which the owner has revoked`,
      wanted: 'a grant that is not revoked',
    },
    {
      ...{ field: 'notBefore', stage, reason: grantNotCurrent, advice: 'wait until then' },
      holds: now >= grant.notBefore,
      found: `the time ${now}`,
      wanted: `${grant.notBefore} or later`,
    },
    {
      ...{ field: 'expiry', stage, reason: grantNotCurrent, advice: askOwner },
      holds: now < grant.expiry,
      found: `the time ${now}`,
      wanted: `earlier than ${grant.expiry}`,
    },
  ]
}

function coverage(grant: Grant, request: GrantRequest): readonly Rule[] {
  const { app, asset, requester, used, ownersOthers, tees } = request
  const place = { stage: 'place', reason: grantDoesNotCover } as const
  return [
    {
      ...{ ...place, field: 'assets', advice: changeOrder },
      holds: lists(grant.assets, asset),
      found: `asset ${asset}`,
      wanted: `one of ${grant.assets.join(', ')}`,
    },
    {
      ...{ ...place, field: 'apps', advice: changeOrder },
      holds: lists(grant.apps, app),
      found: `app ${app}`,
      wanted: `one of ${grant.apps.join(', ')}`,
    },
    {
      ...{ ...place, field: 'requesters', advice: askOwner },
      holds: grant.anyRequester || lists(grant.requesters, requester),
      found: `requester ${requester}`,
      wanted: `one of ${grant.requesters.join(', ')}`,
    },
    {
      ...{ ...place, field: 'usesMax', advice: askOwner },
      holds: used.tasks < grant.usesMax,
      found: `${used.tasks} tasks before this one`,
      wanted: `fewer than ${grant.usesMax}`,
    },
    {
      ...{ ...place, field: 'usesPerDay', advice: 'wait for the next day in UTC' },
      holds: used.tasksToday < grant.usesPerDay,
      found: `${used.tasksToday} tasks before this one today`,
      wanted: `fewer than ${grant.usesPerDay}`,
    },
    {
      ...{ ...place, field: 'ownersMin', advice: 'pool assets of more owners in one order' },
      holds: sameHex(grant.owner, requester) || ownersOthers >= grant.ownersMin,
      found: `assets of ${ownersOthers} owners besides the requester`,
      wanted: `at least ${grant.ownersMin}`,
    },
    {
      ...{ ...place, field: 'tees', advice: changeOrder },
      holds: (grant.tees & tees) !== 0,
      found: `an order for ${sayTees(tees)}`,
      wanted: sayTees(grant.tees),
    },
  ]
}

function budget(grant: Grant, { used, epsilonMicros, deltaPicos }: GrantRequest): readonly Rule[] {
  const place = { stage: 'place', reason: grantDoesNotCover } as const
  const { privacyRequired } = grant
  return [
    {
      ...{ ...place, field: 'epsilonMicros', advice: 'let the order declare its epsilon' },
      holds: !privacyRequired || epsilonMicros > 0n,
      found: 'an order that may spend no privacy budget',
      wanted: 'one that says how much, for this grant requires privacy',
    },
    {
      ...{ ...place, field: 'epsilonMicros', advice: changeOrder },
      holds: !privacyRequired || used.epsilonMicros + epsilonMicros <= grant.epsilonMicros,
      found: `${epsilonMicros} after ${used.epsilonMicros} that are spent (1e-6)`,
      wanted: `${grant.epsilonMicros} at most in all`,
    },
    {
      ...{ ...place, field: 'deltaPicos', advice: changeOrder },
      holds: !privacyRequired || used.deltaPicos + deltaPicos <= grant.deltaPicos,
      found: `${deltaPicos} after ${used.deltaPicos} that are spent (1e-12)`,
      wanted: `${grant.deltaPicos} at most in all`,
    },
  ]
}

// The chain does not know manifests. What an app may put out, enclaves hold it to.
function outputs(grant: Grant, manifest: AppFacts): readonly Rule[] {
  const run = { stage: 'run', reason: grantDoesNotCover } as const
  const advice = 'order another app, or ask the owner for another grant'
  return [
    {
      ...{ ...run, field: 'outputFormats', advice },
      holds: (manifest.outputFormats & ~grant.outputFormats) === 0,
      found: `outputs as ${outputFormatsOf(manifest.outputFormats).join(', ')}`,
      wanted: `nothing but ${outputFormatsOf(grant.outputFormats).join(', ')}`,
    },
    {
      ...{ ...run, field: 'outputBytesMax', advice },
      holds: manifest.outputBytesMax <= grant.outputBytesMax,
      found: `outputs of up to ${manifest.outputBytesMax} bytes`,
      wanted: `${grant.outputBytesMax} at most`,
    },
    {
      ...{ ...run, field: 'recordsMin', advice },
      holds: grant.recordsMin === 0 || manifest.kind === 'train' || manifest.kind === 'federated',
      found: `an app of kind ${manifest.kind}, which counts no rows`,
      wanted: `one that trains, on at least ${grant.recordsMin} rows`,
    },
    {
      ...{ ...run, field: 'privacyRequired', advice },
      holds: !grant.privacyRequired || manifest.private,
      found: 'an app that adds no noise',
      wanted: 'a private one (dp-sgd)',
    },
  ]
}

// A shortcoming of the node's evidence: the node is charged, another may do.
function node(grant: Grant, shown: GrantNode, now: bigint): readonly Rule[] {
  const draw = { stage: 'draw', reason: evidenceRefused, advice: otherNode } as const
  const byKey = !sameHex(grant.releaseKey, zeroAddress)
  return [
    {
      ...{ ...draw, field: 'tees' },
      holds: hasTee(grant.tees, shown.tee),
      found: `a node in TEE ${shown.tee}`,
      wanted: sayTees(grant.tees),
    },
    {
      ...{ ...draw, field: 'operators', reason: grantDoesNotCover },
      holds: grant.anyNode || lists(grant.operators, shown.operator),
      found: `a node of ${shown.operator}`,
      wanted: `one of ${grant.operators.join(', ')}`,
    },
    {
      ...{ ...draw, field: byKey ? 'releaseKey' : 'measurements' },
      holds: byKey ? shown.approvedUntil > now : lists(grant.measurements, shown.measurement),
      found: `runtime ${shown.measurement}`,
      wanted: byKey
        ? `one that release key ${grant.releaseKey} approves now`
        : `one of ${grant.measurements.join(', ')}`,
    },
    {
      ...{ ...draw, field: 'tcbFloor' },
      holds: shown.tcb !== undefined && shown.tcb <= grant.tcbFloor,
      found: `TCB rank ${shown.tcb ?? 'none'}`,
      wanted: `${grant.tcbFloor} or better`,
    },
    {
      ...{ ...draw, field: 'tierMin' },
      holds: shown.tier >= grant.tierMin,
      found: `tier ${shown.tier}`,
      wanted: `${grant.tierMin} or higher`,
    },
  ]
}

function lists(entries: readonly Hex[], wanted: Hex): boolean {
  return entries.some((entry) => sameHex(entry, wanted))
}
