import { parseHex } from '@cloister/codec'
import {
  appFactsOf,
  checkBinding,
  checkOrder,
  checkOrderGrants,
  decideGrant,
  evidenceDigest,
  keyHash,
  messageDigest,
  otherOwners,
  refusalReasons,
  releaseKeysOf,
  reportData,
  sameHex,
  signerOf,
  taskOf,
  teeNumbers,
  type AppFacts,
  type Grant,
  type GrantNode,
  type RefusalReason,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import { requireCommittee } from '../chain/require-committee.ts'
import { currentApprovals } from '../chain/approvals.ts'
import type { AssetFacts, NodeFacts } from '../chain/facts.ts'
import type { ChainView } from '../chain/chain-view.ts'
import { readAppManifest } from '../app-manifest.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { judgeEvidence, type EvidenceJudgement } from '../evidence.ts'
import type { AttemptEvidence } from './attempt-request.ts'
import { whyUnknown } from './before-start.ts'
import { notCurrent, refuseRequest, requireCurrent } from './require-asker.ts'

/** A request that everything speaks for, and what was found about it. */
export type Granted = {
  readonly kind: 'granted'
  readonly grant: Grant
  readonly grantDigest: Hex
  readonly quoteDigest: Hex
  readonly asset: AssetFacts
}

/** Why a share is not released to an attempt that the chain does run: the number that is signed, and words. */
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
 *
 * @throws {OperationError} `attempt-not-current` or `request-refused`, where nothing may be signed.
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
  const task = await requireCurrent(context, view, bundle)
  // What the Market checked before it took the order: only the asker can have changed it since.
  const place = order.assets.findIndex((named) => sameHex(named, asset))
  const grant = grants[place]
  const [problem] = [...checkOrder(order), ...checkOrderGrants(config.domain, order, grants)]
  if (problem !== undefined) refuseRequest(`${problem.field}: ${problem.detail}`)
  if (grant === undefined) refuseRequest(`the order does not use asset ${asset}`)
  await requireGrantSignature(context, bundle, place, grant)
  // Old requests are worth nothing to whoever has kept one.
  if (binding.notAfter < view.now || binding.notAfter > view.now + attemptFreshSeconds)
    refuseRequest(`its binding ends at ${binding.notAfter}, it is ${view.now}`)

  const node = await facts.node(view, task.node)
  if (node === undefined || node.retired || node.expiry <= view.now)
    return refused('evidenceRefused', `node ${task.node} is not certified`)
  const { manifest: given } = await context.host.order(binding.task)
  const manifest = readAppManifest(order.app, given)
  const evidence = await judgeAttemptEvidence(context, view, bundle, node, manifest)
  if (!evidence.accepted) return refused('evidenceRefused', evidence.detail)
  const { measurement } = evidence
  const approved = await facts.approved(view, order.app, measurement)
  if (!approved.app) throw notCurrent(`app ${order.app} is not listed any more`, false)
  if (!approved.measurement)
    return refused('evidenceRefused', `measurement ${measurement} is not approved any more`)

  const assetFacts = await facts.asset(view, asset)
  const shown = {
    tee: teeNumbers[evidence.tee],
    operator: node.operator,
    measurement,
    tcb: evidence.tcb,
    tier: Math.min(evidence.tier, node.tier),
  }
  const decision = await decide(context, view, {
    ...{ bundle, asset, grant, assetFacts, shown },
    manifest: appFactsOf(given),
  })
  if (decision.kind === 'refused') return decision

  const pin = {
    task: binding.task,
    attempt: binding.attempt,
    quoteDigest: evidenceDigest(bundle.evidence),
  }
  const unknown = whyUnknown(context, task, order, pin)
  if (unknown !== undefined) return refused('noShare', unknown)
  if (!context.state.pin(pin, asset))
    return refused('otherEvidencePinned', 'other evidence was shown for this attempt before')
  const { quoteDigest } = pin
  return { kind: 'granted', grant, grantDigest: decision.digest, quoteDigest, asset: assetFacts }
}

type DecisionInput = {
  readonly bundle: AttemptEvidence
  readonly asset: Hex
  readonly grant: Grant
  readonly assetFacts: AssetFacts
  readonly manifest: AppFacts
  readonly shown: Omit<GrantNode, 'approvedUntil'>
}

async function decide(context: EnclaveContext, view: ChainView, input: DecisionInput) {
  const { bundle, asset, grant, assetFacts, manifest, shown } = input
  const { order } = bundle
  const digest = messageDigest(context.config.domain, 'Grant', grant)
  const { app, requester, tees, epsilonMicros, deltaPicos } = order
  const keys = releaseKeysOf([grant])
  const [approval] = await context.facts.approvedUntil(view, keys, shown.measurement)
  const decision = decideGrant(
    grant,
    {
      ...{ app, asset, requester, tees, epsilonMicros, deltaPicos },
      ownersOthers: otherOwners(await ownersOf(context, view, order.assets), requester),
      manifest,
      node: { ...shown, approvedUntil: approval?.until ?? 0n },
      now: view.now,
      used: {
        tasks: context.state.usesBefore(digest, taskOf(context.config.domain, order).task),
        // The contract counted days and budgets when it took the order; a keeper sees only its own part of them.
        ...{ tasksToday: 0, epsilonMicros: 0n, deltaPicos: 0n },
      },
    },
    {
      assetOwner: assetFacts.owner,
      signatureValid: true, // Or nothing would have been decided.
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

// Of all assets of the order, by the chain: a grant may want so many owners to come together.
async function ownersOf(
  { facts }: EnclaveContext,
  view: ChainView,
  assets: readonly Hex[],
): Promise<readonly Address[]> {
  const owners: Address[] = []
  for (const asset of assets) owners.push((await facts.asset(view, asset)).owner)
  return owners
}

async function requireGrantSignature(
  { config }: EnclaveContext,
  { grantSignatures, order }: AttemptEvidence,
  place: number,
  grant: Grant,
): Promise<void> {
  const digest = messageDigest(config.domain, 'Grant', grant)
  if (!sameHex(grant.owner, await signerOf(digest, grantSignatures[place] ?? '0x')))
    refuseRequest(
      `the grant of asset ${order.assets[place]} is not signed by its owner ${grant.owner}`,
    )
}

/**
 * What an attempt's evidence shows: it binds this attempt to the node's machine and to the fresh key, under a checkpoint at most
 * `freshSeconds` older than the view, and its TEE is accepted by every grant of the order. For an app with an accelerator, a GPU answered
 * that very evidence.
 */
export async function judgeAttemptEvidence(
  context: EnclaveContext,
  view: ChainView,
  bundle: AttemptEvidence,
  node: NodeFacts,
  { accelerator }: Pick<AppFacts, 'accelerator'>,
  freshSeconds: bigint = attemptFreshSeconds,
): Promise<EvidenceJudgement> {
  const { config, appraiser, chain, facts } = context
  const { binding, order, checkpoint } = bundle
  try {
    await chain.requireForeign(checkpoint, bundle.checkpointSignatures, view.now, freshSeconds)
  } catch (error) {
    return unfit(error instanceof Error ? error.message : 'its checkpoint is not one')
  }
  const [problem] = checkBinding(config.domain, binding, order, checkpoint)
  if (problem !== undefined) return unfit(`${problem.field}: ${problem.detail}`)
  if (!sameHex(binding.machineId, node.machineId))
    return unfit(`the binding is for machine ${binding.machineId}`)
  if (!sameHex(binding.freshKeyHash, keyHash(parseHex(bundle.freshPublicKey, 'fresh key'))))
    return unfit('the fresh key is not the one in the binding')

  return judgeEvidence(appraiser, config, bundle, {
    rules: bundle.grants,
    approvals: await currentApprovals(facts, view, bundle.grants, node.measurement),
    floor: await facts.floor(view),
    reportData: reportData(config.domain, 'AttemptBinding', binding),
    receiptKey: binding.receiptKey,
    machineId: node.machineId,
    accelerator,
    now: view.now,
  })
}

function unfit(detail: string): EvidenceJudgement {
  return { accepted: false, detail }
}

function refused(reason: keyof typeof refusalReasons, detail: string): Refused {
  return { kind: 'refused', reason: refusalReasons[reason], detail }
}
