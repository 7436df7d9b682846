import { assert, OperationError, type Json } from '@cloister/codec'
import {
  bytes32Field,
  deliveryDigest,
  hexBetween,
  integerField,
  messageDigest,
  messageField,
  messageToJson,
  objectField,
  refusalReasons,
  sameHex,
  taskOf,
  zeroHash,
  type Field,
  type FieldValue,
} from '@cloister/protocol'
import { keccak256 } from 'viem'

import { requireCommittee } from '../chain/require-committee.ts'
import { taskRunning } from '../chain/facts.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import type { ReleaseRequest } from './attempt-request.ts'
import { readKeepers } from './keepers.ts'
import { releaseShare } from './release.ts'

const unshown = objectField({
  task: bytes32Field,
  attempt: integerField(1, 0xffff_ffff),
  asset: bytes32Field,
  shareIndex: integerField(0, 2),
})

/** The body of `release.unshown`: a demand on chain whose request nobody could show. */
export type UnshownDemand = FieldValue<typeof unshown>

/** How an {@link UnshownDemand} stands in JSON. */
export const unshownField: Field<UnshownDemand> = unshown

/**
 * Releases or refuses as ever, for an answer that goes by way of the chain: there a keeper's host answers for what its
 * enclave signed, so the envelope is signed too.
 *
 * @throws {OperationError} as `releaseShare`.
 */
export async function answerDemand(
  context: EnclaveContext,
  request: ReleaseRequest,
): Promise<Json> {
  const answer = await releaseShare(context, request)
  assert(isObject(answer), 'a release is an object')
  if (!('envelope' in answer)) return answer
  const envelope = hexBetween(1, 4096).parse(answer['envelope'] ?? null, 'envelope')
  const release = messageField('Release').parse(answer['release'] ?? null, 'release')
  const delivery = {
    release: messageDigest(context.config.domain, 'Release', release),
    envelopeHash: keccak256(envelope),
  }
  const digest = deliveryDigest(context.config.domain, delivery)
  return { ...answer, deliverySignature: await context.identity.signDigest(digest) }
}

/**
 * Refuses a demand whose request nobody could show to this keeper: reason 7, which this keeper answers for. Only for the
 * attempt that the chain runs, a share that is kept here, and never after it was released.
 *
 * @throws {OperationError} `request-refused`.
 */
export async function refuseUnshown(
  context: EnclaveContext,
  { task, attempt, asset, shareIndex }: UnshownDemand,
): Promise<Json> {
  const { chain, config, facts, host, identity, state } = context
  state.requireVoice()
  const view = await chain.fresh()
  await requireCommittee(context, view)
  const { order } = await host.order(task)
  const known = await facts.task(view, task, 'head')
  const runs =
    known.state === taskRunning &&
    known.attempt === attempt &&
    sameHex(known.orderDigest, taskOf(config.domain, order).orderDigest)
  if (!runs) refuse('the chain does not run this attempt of this order')
  const place = order.assets.findIndex((named) => sameHex(named, asset))
  if (place < 0) refuse(`the order does not use asset ${asset}`)
  const { operators } = await readKeepers(context, asset, await facts.asset(view, asset))
  const own = await facts.node(view, identity.receiptKey)
  if (!sameHex(own?.operator ?? '', operators[shareIndex]))
    refuse(`share ${shareIndex} of asset ${asset} is not kept here`)
  if (state.hasReleased(task, attempt, asset))
    refuse('this keeper has released to this attempt before')
  state.refuses(task, attempt, asset)
  const refusal = {
    ...{ task, attempt, asset, shareIndex },
    grant: order.grants[place] ?? zeroHash,
    keeper: identity.receiptKey,
    reason: refusalReasons.noShare,
    time: view.now,
  }
  return {
    refusal: messageToJson('Refusal', refusal),
    signature: await identity.sign('Refusal', refusal),
  }
}

function refuse(detail: string): never {
  throw new OperationError('request-refused', `Cannot refuse this demand: ${detail}`)
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
