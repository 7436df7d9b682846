import { OperationError, type Json } from '@cloister/codec'
import {
  messageDigest,
  messageField,
  objectField,
  sameHex,
  signatureField,
  signerOf,
  type Field,
  type Release,
} from '@cloister/protocol'
import type { Hex } from 'viem'

import type { ChainView } from '../chain/chain-view.ts'
import type { AssetFacts } from '../chain/facts.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { attemptEvidenceField, type AttemptEvidence } from './attempt-request.ts'
import { attemptFreshSeconds, judgeRequest } from './judge-request.ts'
import { readKeepers } from './keepers.ts'

/** The body of `countersign`: another keeper's record, and the attempt it is about. */
export type CountersignRequest = {
  readonly release: Release
  readonly signature: Hex
  readonly bundle: AttemptEvidence
}

/** How a {@link CountersignRequest} stands in JSON. */
export const countersignRequestField: Field<CountersignRequest> = objectField({
  release: messageField('Release'),
  signature: signatureField,
  bundle: attemptEvidenceField,
})

const keepersMax = 10_000

/** The last record that this enclave countersigned, of each keeper. */
export class SeenRecords {
  readonly #last = new Map<string, { readonly digest: Hex; readonly sequence: bigint }>()

  /**
   * Takes the next record of a keeper. It may skip some (other keepers countersigned those), never go back or fork.
   *
   * @throws {OperationError} `record-forked`.
   */
  take({ keeper, sequence, previous }: Release, digest: Hex): void {
    const key = keeper.toLowerCase()
    const last = this.#last.get(key)
    if (last !== undefined && sameHex(last.digest, digest)) return
    const follows =
      last === undefined ||
      sequence > last.sequence + 1n ||
      (sequence === last.sequence + 1n && sameHex(previous, last.digest))
    if (!follows)
      throw new OperationError(
        'record-forked',
        `Cannot countersign record ${sequence} of keeper ${keeper}: it does not follow record ${last.sequence}`,
      )
    if (this.#last.size >= keepersMax && last === undefined)
      throw new OperationError('keeper-full', `Cannot follow more than ${keepersMax} keepers`)
    this.#last.set(key, { digest, sequence })
  }
}

/**
 * Countersigns another keeper's record after judging the same request on this enclave's own view of the chain.
 *
 * @throws {OperationError} `countersign-refused`, saying what speaks against it.
 */
export async function countersignRecord(
  context: EnclaveContext,
  seen: SeenRecords,
  { release, signature, bundle }: CountersignRequest,
): Promise<Json> {
  const { config, chain, identity, state } = context
  const digest = messageDigest(config.domain, 'Release', release)
  if (!sameHex(release.keeper, await signerOf(digest, signature)))
    refuse('the record is not signed by its keeper')
  if (sameHex(release.keeper, identity.receiptKey)) refuse('it is a record of this keeper itself')
  const view = await chain.fresh(bundle.checkpoint.height)
  const judged = await judgeRequest(context, view, bundle, release.asset)
  if (judged.kind === 'refused') refuse(`reason ${judged.reason}, ${judged.detail}`)
  const { task, attempt } = bundle.binding
  const same =
    sameHex(release.task, task) &&
    release.attempt === attempt &&
    sameHex(release.grant, judged.grantDigest) &&
    sameHex(release.quoteDigest, judged.quoteDigest)
  if (!same) refuse('the record is of another attempt, grant or quote')
  if (
    release.time + attemptFreshSeconds < view.now ||
    release.time > view.now + attemptFreshSeconds
  )
    refuse(`the record is of ${release.time}, it is ${view.now}`)
  await requireKeepers(context, view, release, judged.asset)

  seen.take(release, digest)
  state.use(release.asset, judged.grantDigest, task)
  const message = { release: digest, countersigner: identity.receiptKey }
  return {
    countersignature: await identity.sign('Countersignature', message),
    countersigner: identity.receiptKey.toLowerCase(),
  }
}

// The record's keeper holds the share that it names, by the chain, and this enclave another share of the same asset.
async function requireKeepers(
  context: EnclaveContext,
  view: ChainView,
  release: Release,
  asset: AssetFacts,
): Promise<void> {
  const { facts, identity } = context
  const { operators } = await readKeepers(context, release.asset, asset)
  const keeper = await facts.node(view, release.keeper)
  if (keeper === undefined || keeper.retired || keeper.expiry <= view.now)
    refuse(`${release.keeper} is not a certified node`)
  if (!sameHex(keeper.operator, operators[release.shareIndex]))
    refuse(`share ${release.shareIndex} is not kept by ${keeper.operator}`)
  const own = await facts.node(view, identity.receiptKey)
  const place = operators.findIndex((operator) => sameHex(operator, own?.operator))
  if (place < 0 || place === release.shareIndex) refuse('this node keeps no other share of it')
}

function refuse(detail: string): never {
  throw new OperationError('countersign-refused', `Cannot countersign this record: ${detail}`)
}
