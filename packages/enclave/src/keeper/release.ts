import {
  assert,
  encodeUtf8,
  OperationError,
  parseHex,
  type Bytes,
  type Json,
} from '@cloister/codec'
import {
  messageToJson,
  refusalReasons,
  sameHex,
  taskOf,
  zeroHash,
  type RefusalReason,
} from '@cloister/protocol'
import { sealEnvelope } from '@cloister/seal'
import { bytesToHex } from 'viem'

import type { ChainView } from '../chain/chain-view.ts'
import { requireCommittee } from '../chain/require-committee.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { countersigned } from './ask-countersigner.ts'
import type { ReleaseRequest } from './attempt-request.ts'
import { judgeRequest, type Granted } from './judge-request.ts'
import { readKeepers } from './keepers.ts'
import { refuseRequest, requireCurrent, requireSigned } from './require-asker.ts'

/** What released shares are bound to besides their record. */
export const releaseInfo: Bytes = encodeUtf8('cloister/release/1')

// How old, since it was asked for, the checkpoint may be under which a share is sealed.
const sealSeconds = 5
const looksMax = 3

/**
 * Releases one share to an attempt: judge, record, countersign, look again, seal. It refuses with a signature only to the node
 * that the chain runs the attempt on, for a reason that owner, node or this keeper answers for.
 *
 * @throws {OperationError} everything else, without a signature. Spec: docs/protocol.md section 5.
 */
export async function releaseShare(
  context: EnclaveContext,
  request: ReleaseRequest,
): Promise<Json> {
  const { bundle, asset, shareIndex } = request
  const { binding } = bundle
  const { chain, facts, identity, log, sealed, shares, state } = context
  state.requireVoice()
  await requireSigned(context, request)
  requireUnrefused(context, request)
  const view = await chain.freshFor(bundle.checkpoint, bundle.checkpointSignatures)
  const judged = await judgeRequest(context, view, bundle, asset)
  if (judged.kind === 'refused') return refuse(context, request, judged.reason, view.now)
  const keepers = await readKeepers(context, asset, judged.asset)
  const own = await facts.node(view, identity.receiptKey)
  if (!sameHex(own?.operator ?? '', keepers.operators[shareIndex]))
    refuseRequest(`share ${shareIndex} of asset ${asset} is not kept here`)
  const commitment = keepers.commitments[shareIndex] ?? zeroHash
  const held = shares.prove({ asset, shareIndex, commitment, ...judged.asset })
  if (held === undefined || state.isErased(asset))
    return refuse(context, request, refusalReasons.noShare, view.now)

  // Replicas of one order use a grant once, as on chain.
  state.use(asset, judged.grantDigest, taskOf(context.config.domain, bundle.order).task)
  state.begins(binding.task, binding.attempt, asset)
  const record = await log.append({
    task: binding.task,
    attempt: binding.attempt,
    asset,
    grant: judged.grantDigest,
    shareIndex,
    quoteDigest: judged.quoteDigest,
    checkpoint: view.digest,
    time: view.now,
  })
  const second = await countersigned(context, view, request, record, keepers)
  await sealed.save()
  const revokedAt = await lookAgain(context, view, request, judged)
  if (revokedAt !== undefined)
    return refuse(context, request, refusalReasons.grantRevoked, revokedAt)

  // Its host may have had a refusal signed meanwhile; whoever has both could end an attempt that has the keys.
  requireUnrefused(context, request)
  state.releases(binding.task, binding.attempt, asset)
  const freshKey = parseHex(bundle.freshPublicKey, 'fresh key')
  const aad = parseHex(record.digest, 'release')
  const envelope = await sealEnvelope(freshKey, releaseInfo, aad, held.share)
  return {
    release: messageToJson('Release', record.release),
    signature: record.signature,
    ...second,
    envelope: bytesToHex(envelope),
  }
}

// A revocation that came while the record was written and countersigned still stops the release, and no host can make
// what was read before it last: the share is sealed under a checkpoint that was asked for a few seconds ago, or not at all.
async function lookAgain(
  context: EnclaveContext,
  first: ChainView,
  { bundle }: ReleaseRequest,
  { grant, grantDigest, asset }: Granted,
): Promise<bigint | undefined> {
  const { chain, facts } = context
  let view = first
  for (let looks = 0; looks < looksMax && view.ageSeconds() > sealSeconds; looks++) {
    view = await chain.fresh(view.checkpoint.height)
    await requireCommittee(context, view)
    await requireCurrent(context, view, bundle)
    if (bundle.binding.notAfter < view.now)
      refuseRequest(`its binding ended at ${bundle.binding.notAfter}, it is ${view.now}`)
    if (await facts.grantRevoked(view, asset.owner, grantDigest, grant.nonce)) return view.now
  }
  if (view.ageSeconds() <= sealSeconds) return undefined
  throw new OperationError(
    'host-too-slow',
    `Cannot release: the host shows nothing of the chain within ${sealSeconds} seconds`,
    { retryable: true },
  )
}

function requireUnrefused(
  { state }: Pick<EnclaveContext, 'state'>,
  { bundle, asset }: ReleaseRequest,
): void {
  const { task, attempt } = bundle.binding
  if (state.hasRefused(task, attempt, asset))
    refuseRequest('this keeper has refused this attempt before, for nobody showed its request')
}

async function refuse(
  { identity, state }: EnclaveContext,
  { bundle, asset, shareIndex }: ReleaseRequest,
  reason: RefusalReason,
  time: bigint,
): Promise<Json> {
  const { binding, order } = bundle
  assert(
    reason !== refusalReasons.attemptNotCurrent && reason !== refusalReasons.noCheckpoint,
    'what nobody answers for is never signed',
  )
  // It works with the share already: an old request, shown again, must not end it.
  if (state.hasReleased(binding.task, binding.attempt, asset))
    refuseRequest(
      `this keeper has released to this attempt before, reason ${reason} comes too late`,
    )
  const place = order.assets.findIndex((named) => sameHex(named, asset))
  const refusal = {
    task: binding.task,
    attempt: binding.attempt,
    asset,
    grant: order.grants[place] ?? zeroHash,
    shareIndex,
    keeper: identity.receiptKey,
    reason,
    time,
  }
  return {
    refusal: messageToJson('Refusal', refusal),
    signature: await identity.sign('Refusal', refusal),
  }
}
