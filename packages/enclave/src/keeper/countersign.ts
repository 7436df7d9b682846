import { OperationError, type Json } from '@cloister/codec'
import {
  messageDigest,
  messageField,
  messageToJson,
  objectField,
  sameHex,
  signatureField,
  signerOf,
  type Field,
  type Release,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import type { ChainView } from '../chain/chain-view.ts'
import type { AssetFacts } from '../chain/facts.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { attemptEvidenceField, type AttemptEvidence } from './attempt-request.ts'
import { readCertified } from './certified.ts'
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

/**
 * Countersigns another keeper's record after judging the same request on this enclave's own view of the chain. What it signs is
 * on its host's disk before: the first keeper's disk is not the only one that tells of a release.
 *
 * @throws {OperationError} `countersign-refused`, saying what speaks against it.
 */
export async function countersignRecord(
  context: EnclaveContext,
  { release, signature, bundle }: CountersignRequest,
): Promise<Json> {
  const { config, chain, host, identity, sealed, seen, state } = context
  state.requireVoice()
  const digest = messageDigest(config.domain, 'Release', release)
  if (!sameHex(release.keeper, await signerOf(digest, signature)))
    refuse('the record is not signed by its keeper')
  if (sameHex(release.keeper, identity.receiptKey)) refuse('it is a record of this keeper itself')
  const view = await chain.freshFor(bundle.checkpoint, bundle.checkpointSignatures)
  const judged = await judgeRequest(context, view, bundle, release.asset)
  if (judged.kind === 'refused') refuse(`reason ${judged.reason}, ${judged.detail}`)
  const { task, attempt } = bundle.binding
  const same =
    sameHex(release.task, task) &&
    release.attempt === attempt &&
    sameHex(release.grant, judged.grantDigest) &&
    sameHex(release.quoteDigest, judged.quoteDigest)
  if (!same) refuse('the record is of another attempt, grant or evidence')
  if (
    release.time + attemptFreshSeconds < view.now ||
    release.time > view.now + attemptFreshSeconds
  )
    refuse(`the record is of ${release.time}, it is ${view.now}`)
  const operator = await requireKeepers(context, view, release, judged.asset)

  seen.take(release, digest, operator)
  state.use(release.asset, judged.grantDigest, task)
  const record = messageToJson('Release', release)
  await host.journal({ kind: 'countersigned', record, signature })
  await sealed.save()
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
): Promise<Address> {
  const { facts, identity } = context
  const { operators } = await readKeepers(context, release.asset, asset)
  const keeper = await readCertified(context, view, release.keeper)
  if (keeper === undefined) refuse(`${release.keeper} is not a certified node`)
  if (!sameHex(keeper.operator, operators[release.shareIndex]))
    refuse(`share ${release.shareIndex} is not kept by ${keeper.operator}`)
  const own = await facts.node(view, identity.receiptKey)
  const place = operators.findIndex((operator) => sameHex(operator, own?.operator))
  if (place < 0 || sameHex(own?.operator ?? '', keeper.operator))
    refuse('this node keeps no other share of it')
  return keeper.operator
}

function refuse(detail: string): never {
  throw new OperationError('countersign-refused', `Cannot countersign this record: ${detail}`)
}
