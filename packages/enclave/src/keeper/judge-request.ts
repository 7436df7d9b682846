import { parseHex } from '@cloister/codec'
import {
  checkBinding,
  checkOrder,
  checkOrderGrants,
  decideGrant,
  digestOf,
  keyHash,
  messageDigest,
  policyForGrants,
  refusalReasons,
  reportData,
  sameHex,
  signerOf,
  type AttemptBinding,
  type Grant,
  type RefusalReason,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import { requireCommittee } from '../chain/require-committee.ts'
import { taskRunning, type AssetFacts, type NodeFacts, type TaskFacts } from '../chain/facts.ts'
import type { ChainView } from '../chain/chain-view.ts'
import { readAppManifest } from '../app-manifest.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { judgeEvidence, type EvidenceJudgement } from '../evidence.ts'
import type { AttemptEvidence } from './attempt-request.ts'

/** A request that everything speaks for, and what was found about it. */
export type Granted = {
  readonly kind: 'granted'
  readonly grant: Grant
  readonly grantDigest: Hex
  readonly quoteDigest: Hex
  readonly asset: AssetFacts
}

/** Why a share is not released: the number that is signed, and words for the log. */
export type Refused = {
  readonly kind: 'refused'
  readonly reason: RefusalReason
  readonly detail: string
}

/** The longest time between an attempt's checkpoint and the keeper's own, and of a binding. */
export const attemptFreshSeconds = 300n

/**
 * Decides whether a share of `asset` may go to an attempt, under a fresh view of the chain. Nothing that the request says
 * of itself is believed: the chain names task, node and machine, and the evidence must show exactly those.
 */
export async function judgeRequest(
  context: EnclaveContext,
  view: ChainView,
  bundle: AttemptEvidence,
  asset: Hex,
): Promise<Granted | Refused> {
  const { config, facts } = context
  const { order, binding, grants } = bundle
  await requireCommittee(context, view)

  const orderDigest = messageDigest(config.domain, 'Order', order)
  const task = await facts.task(view, binding.task, 'head')
  // Drawn some blocks ago, and not superseded since.
  for (const known of [await facts.task(view, binding.task, 'deep'), task])
    if (!isCurrent(known, binding, orderDigest, view.now))
      return refused('attemptNotCurrent', 'the chain runs another attempt, or none')

  const place = order.assets.findIndex((named) => sameHex(named, asset))
  const grant = grants[place]
  const problems = [...checkOrder(order), ...checkOrderGrants(config.domain, order, grants)]
  const [problem] = problems
  if (grant === undefined || problem !== undefined)
    return refused('grantDoesNotCover', problem?.detail ?? `the order does not use asset ${asset}`)

  const node = await facts.node(view, task.node)
  if (node === undefined || node.retired || node.expiry <= view.now)
    return refused('evidenceRefused', `node ${task.node} is not certified`)
  const evidence = await judgeAttemptEvidence(context, view, bundle, node)
  if (!evidence.accepted) return refused('evidenceRefused', evidence.detail)
  const { measurement } = evidence
  const approved = await facts.approved(view, order.app, measurement)
  if (!approved.app) return refused('attemptNotCurrent', `app ${order.app} is not listed any more`)
  if (!approved.measurement)
    return refused('evidenceRefused', `measurement ${measurement} is not approved any more`)

  const assetFacts = await facts.asset(view, asset)
  const request = {
    app: order.app,
    asset,
    requester: order.requester,
    operator: node.operator,
    measurement,
    tcb: evidence.tcb,
    tier: Math.min(evidence.tier, node.tier),
    now: view.now,
  }
  const decision = await decide(context, view, { bundle, place, grant, assetFacts, request })
  if (decision.kind === 'refused') return decision

  const quoteDigest = digestOf(parseHex(bundle.quote, 'quote'))
  if (!context.state.pin(binding.task, binding.attempt, quoteDigest))
    return refused('otherEvidencePinned', 'another quote was shown for this attempt before')
  return { kind: 'granted', grant, grantDigest: decision.digest, quoteDigest, asset: assetFacts }
}

type DecisionInput = {
  readonly bundle: AttemptEvidence
  readonly place: number
  readonly grant: Grant
  readonly assetFacts: AssetFacts
  readonly request: {
    readonly app: Hex
    readonly asset: Hex
    readonly requester: Address
    readonly operator: Address
    readonly measurement: Hex
    readonly tcb: number | undefined
    readonly tier: number
    readonly now: bigint
  }
}

async function decide(context: EnclaveContext, view: ChainView, input: DecisionInput) {
  const { bundle, place, grant, assetFacts, request } = input
  const digest = messageDigest(context.config.domain, 'Grant', grant)
  const signature = bundle.grantSignatures[place]
  const signer = signature === undefined ? undefined : await signerOf(digest, signature)
  const { manifest } = await context.host.order(bundle.binding.task)
  const { outputs } = readAppManifest(bundle.order.app, manifest)
  const decision = decideGrant(
    grant,
    {
      ...request,
      outputBytesMax: outputs.reduce((sum, { bytesMax }) => sum + bytesMax, 0),
      usesBefore: context.state.usesBefore(digest, bundle.binding.task),
    },
    {
      assetOwner: assetFacts.owner,
      signatureValid: sameHex(grant.owner, signer),
      revoked: await context.facts.grantRevoked(view, assetFacts.owner, digest, grant.nonce),
    },
  )
  if (decision.kind === 'refused')
    return {
      kind: 'refused',
      reason: decision.reason,
      detail: `${decision.field}: ${decision.detail}`,
    } as const
  return { kind: 'allowed', digest } as const
}

async function judgeAttemptEvidence(
  context: EnclaveContext,
  view: ChainView,
  bundle: AttemptEvidence,
  node: NodeFacts,
): Promise<EvidenceJudgement> {
  const { config, appraiser, chain, facts } = context
  const { binding, order, checkpoint } = bundle
  try {
    await chain.requireForeign(
      checkpoint,
      bundle.checkpointSignatures,
      view.now,
      attemptFreshSeconds,
    )
  } catch (error) {
    return unfit(error instanceof Error ? error.message : 'its checkpoint is not one')
  }
  const [problem] = checkBinding(config.domain, binding, order, checkpoint)
  if (problem !== undefined) return unfit(`${problem.field}: ${problem.detail}`)
  if (!sameHex(binding.machineId, node.machineId))
    return unfit(`the binding is for machine ${binding.machineId}`)
  if (!sameHex(binding.freshKeyHash, keyHash(parseHex(bundle.freshPublicKey, 'fresh key'))))
    return unfit('the fresh key is not the one in the binding')
  if (binding.notAfter < view.now || binding.notAfter > view.now + attemptFreshSeconds)
    return unfit(`the binding ends at ${binding.notAfter}, it is ${view.now}`)

  const expected = {
    reportData: reportData(config.domain, 'AttemptBinding', binding),
    machineId: node.machineId,
  }
  const policy = policyForGrants(bundle.grants, await facts.floor(view), expected)
  return judgeEvidence(appraiser, config, parseHex(bundle.quote, 'quote'), {
    collateral: bundle.collateral,
    policy,
    now: view.now,
  })
}

/** Whether the chain runs exactly this attempt of this order on this node. */
export function isCurrent(
  task: TaskFacts,
  attempt: Pick<AttemptBinding, 'attempt' | 'receiptKey'>,
  orderDigest: Hex,
  now: bigint,
): boolean {
  return (
    task.state === taskRunning &&
    task.attempt === attempt.attempt &&
    sameHex(task.node, attempt.receiptKey) &&
    sameHex(task.orderDigest, orderDigest) &&
    task.deadline > now
  )
}

function unfit(detail: string): EvidenceJudgement {
  return { accepted: false, detail }
}

function refused(reason: keyof typeof refusalReasons, detail: string): Refused {
  return { kind: 'refused', reason: refusalReasons[reason], detail }
}
