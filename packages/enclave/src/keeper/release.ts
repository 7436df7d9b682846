import { encodeUtf8, OperationError, parseHex, type Bytes, type Json } from '@cloister/codec'
import {
  addressField,
  messageDigest,
  messageToJson,
  objectField,
  refusalReasons,
  sameHex,
  signatureField,
  signerOf,
  zeroHash,
  type RefusalReason,
} from '@cloister/protocol'
import { sealEnvelope } from '@cloister/seal'
import { bytesToHex, type Address, type Hex } from 'viem'

import type { ChainView } from '../chain/chain-view.ts'
import { taskRunning } from '../chain/facts.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { attemptEvidenceField, type ReleaseRequest } from './attempt-request.ts'
import { judgeRequest, type Granted } from './judge-request.ts'
import { readKeepers, type Keepers } from './keepers.ts'
import type { SignedRecord } from './release-log.ts'
import type { HeldShare } from './share-store.ts'

/** What released shares are bound to besides their record. */
export const releaseInfo: Bytes = encodeUtf8('cloister/release/1')

// A revocation that came while the record was written and countersigned still stops the release.
const recheckSeconds = 3

const countersignAnswer = objectField({
  countersignature: signatureField,
  countersigner: addressField,
})

/**
 * Releases one share to an attempt, or refuses with a signature: judge, record, countersign, look again, answer.
 *
 * Only a failure that is nobody's refusal (a host that does not answer, a full journal) is thrown.
 */
export async function releaseShare(
  context: EnclaveContext,
  request: ReleaseRequest,
): Promise<Json> {
  let view: ChainView
  try {
    view = await context.chain.fresh(request.bundle.checkpoint.height)
  } catch (cause) {
    if (cause instanceof OperationError && cause.code === 'checkpoint-refused')
      return refuse(context, request, refusalReasons.noCheckpoint, context.chain.newestTime)
    throw cause
  }
  const judged = await judgeRequest(context, view, request.bundle, request.asset)
  if (judged.kind === 'refused') return refuse(context, request, judged.reason, view.now)
  const keepers = await readKeepers(context, request.asset, judged.asset)
  const held = findShare(context, request, judged, keepers)
  if (held === undefined) return refuse(context, request, refusalReasons.noShare, view.now)

  const { binding } = request.bundle
  context.state.use(request.asset, judged.grantDigest, binding.task)
  const record = await context.log.append({
    task: binding.task,
    attempt: binding.attempt,
    asset: request.asset,
    grant: judged.grantDigest,
    shareIndex: request.shareIndex,
    quoteDigest: judged.quoteDigest,
    checkpoint: view.digest,
    time: view.now,
  })
  const countersigned = await countersign(context, request, record, keepers)
  const late = await stopped(context, view, request, judged)
  if (late !== undefined) return refuse(context, request, late.reason, late.now)

  const freshKey = parseHex(request.bundle.freshPublicKey, 'fresh key')
  const aad = parseHex(record.digest, 'release')
  const envelope = await sealEnvelope(freshKey, releaseInfo, aad, held.share)
  return {
    release: messageToJson('Release', record.release),
    signature: record.signature,
    ...countersigned,
    envelope: bytesToHex(envelope),
  }
}

function findShare(
  context: EnclaveContext,
  { asset, shareIndex }: ReleaseRequest,
  { asset: facts }: Granted,
  keepers: Keepers,
): HeldShare | undefined {
  const commitment = keepers.commitments[shareIndex]
  if (commitment === undefined) return undefined
  const held = context.shares.find(asset, shareIndex, commitment)
  return sameHex(held?.policyDigest ?? '', facts.policyDigest) ? held : undefined
}

async function countersign(
  context: EnclaveContext,
  request: ReleaseRequest,
  record: SignedRecord,
  { operators }: Keepers,
): Promise<{ readonly countersignature: Hex; readonly countersigner: Address }> {
  const body = {
    release: messageToJson('Release', record.release),
    signature: record.signature,
    bundle: attemptEvidenceField.encode(request.bundle),
  }
  const failures: unknown[] = []
  for (const [index, operator] of operators.entries()) {
    if (index === request.shareIndex) continue
    try {
      const answer = await context.host.keeper(operator, 'countersign', body)
      const { countersignature, countersigner } = countersignAnswer.parse(answer, 'countersign')
      const message = { release: record.digest, countersigner }
      const digest = messageDigest(context.config.domain, 'Countersignature', message)
      const signer = await signerOf(digest, countersignature)
      if (!sameHex(countersigner, signer) || sameHex(countersigner, record.release.keeper))
        throw new OperationError('countersign-refused', 'It is not signed by its countersigner')
      return { countersignature, countersigner }
    } catch (error) {
      failures.push(error)
    }
  }
  throw new OperationError(
    'no-countersignature',
    `Cannot release share ${request.shareIndex} of asset ${request.asset}: no other keeper countersigned its record (${failures.map(reasonText).join('; ')})`,
    { retryable: true, cause: failures },
  )
}

// Texts of our own errors only: what a keeper's enclave or the hosts said, cut to a line.
function reasonText(error: unknown): string {
  return error instanceof OperationError ? error.message.slice(0, 200) : 'malformed answer'
}

// What stands in the chain now: the owner may have revoked, or the attempt may be over, since the record was made.
async function stopped(
  { chain, facts }: EnclaveContext,
  view: ChainView,
  { bundle: { binding } }: ReleaseRequest,
  { grant, grantDigest, asset }: Granted,
): Promise<{ readonly reason: RefusalReason; readonly now: bigint } | undefined> {
  if (view.ageSeconds() <= recheckSeconds) return undefined
  const again = await chain.fresh()
  if (await facts.grantRevoked(again, asset.owner, grantDigest, grant.nonce))
    return { reason: refusalReasons.grantRevoked, now: again.now }
  const task = await facts.task(again, binding.task, 'head')
  const current = task.state === taskRunning && task.attempt === binding.attempt
  return current ? undefined : { reason: refusalReasons.attemptNotCurrent, now: again.now }
}

async function refuse(
  { identity }: EnclaveContext,
  { bundle, asset, shareIndex }: ReleaseRequest,
  reason: RefusalReason,
  time: bigint,
): Promise<Json> {
  const { binding, order } = bundle
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
