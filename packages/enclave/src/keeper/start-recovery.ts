import {
  OperationError,
  parseHex,
  parseUtf8,
  encodeHex,
  type Bytes,
  type Json,
} from '@cloister/codec'
import {
  bytes32Field,
  hexBetween,
  integerField,
  limits,
  listField,
  messageToJson,
  objectField,
  orNull,
  parseField,
  reportData,
  sameHex,
  type Field,
} from '@cloister/protocol'
import { envelopeOverheadBytes, openEnvelope, recoverShare, verifyShare } from '@cloister/seal'
import { bytesToHex, type Hex } from 'viem'

import type { ChainView } from '../chain/chain-view.ts'
import { requireCommittee } from '../chain/require-committee.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { showEvidence } from '../evidence-source.ts'
import { partInfo, pinField, pinsMax, seenField } from './help-recovery.ts'
import { readKeepers, type Keepers } from './keepers.ts'
import { newcomerField, refuseRecovery, requireKeeper, type Newcomer } from './newcomer.ts'
import { acknowledge, shareAad } from './deposit-share.ts'
import { restoredShare } from './restore-state.ts'

/** The body of `recovery.start`: which share this enclave lost when it restarted. */
export type RecoveryRequest = { readonly asset: Hex; readonly shareIndex: number }

/** How a {@link RecoveryRequest} stands in JSON. */
export const recoveryRequestField: Field<RecoveryRequest> = objectField({
  asset: bytes32Field,
  shareIndex: integerField(0, 2),
})

const maskAnswer = objectField({
  mask: hexBetween(envelopeOverheadBytes + 32, envelopeOverheadBytes + 32),
})
const partBytesMax = 256 * 1024
const partAnswer = objectField({ part: hexBetween(envelopeOverheadBytes, partBytesMax) })
const partText = objectField({
  part: hexBetween(33, 33),
  uses: listField(
    objectField({ grant: bytes32Field, tasks: listField(bytes32Field, 10_000) }),
    10_000,
  ),
  xs: hexBetween(3, 3),
  pins: listField(pinField, pinsMax),
  seen: orNull(seenField),
})

/**
 * Regains the share that this enclave's operator keeps of an asset, from the two other keepers. Nobody learns it but this
 * enclave, and what comes is held against the commitment on chain.
 */
export async function recoverOwnShare(
  context: EnclaveContext,
  { asset, shareIndex }: RecoveryRequest,
): Promise<Json> {
  const { chain, facts, identity, lives, sealed, shares, state } = context
  state.requireVoice()
  const view = await chain.fresh()
  await requireCommittee(context, view)
  const assetFacts = await facts.asset(view, asset)
  const keepers = await readKeepers(context, asset, assetFacts)
  await requireKeeper(context, view, keepers, identity.receiptKey, shareIndex)
  const commitment = keepers.commitments[shareIndex]
  if (commitment === undefined) refuseRecovery(`there is no share ${shareIndex}`)

  if (state.isErased(asset)) refuseRecovery('the owner had the shares of this asset destroyed')
  const place = { asset, shareIndex, commitment, policyDigest: assetFacts.policyDigest }
  const restored = await restoredShare(context, view, keepers, place)
  if (restored !== undefined) {
    shares.keepProven(restored)
    await sealed.save()
    const { ack, signature } = await acknowledge(identity, { asset, shareIndex, commitment })
    return { ack: messageToJson('ShareAck', ack), signature, from: 'sealed' }
  }

  const newcomer = await introduce(context, view, asset, shareIndex)
  const texts = await askHelpers(context, view, keepers, newcomer)
  const [first, second] = texts
  if (first === undefined || second === undefined || !sameHex(first.xs, second.xs))
    refuseRecovery('the helpers do not agree on the places of the shares')
  const xs = parseHex(first.xs, 'xs')
  const parts = [first, second].map(({ part }) => parseHex(part, 'part'))
  const share = await recoverShare(parts, xs[shareIndex] ?? 0)
  const placed = { asset: parseHex(asset, 'asset'), index: shareIndex, share }
  if (!(await verifyShare(placed, parseHex(commitment, 'commitment'))))
    refuseRecovery('the share that came of it does not match its commitment')
  for (const { grant, tasks } of texts.flatMap(({ uses }) => uses))
    for (const task of tasks) state.use(asset, grant, task)
  for (const pin of texts.flatMap(({ pins }) => pins)) state.pin(pin, asset)
  for (const { seen } of texts)
    if (seen !== undefined)
      lives.add({ keeper: seen.keeper, sequence: seen.sequence + 1n, records: [seen.digest] })
  shares.keepProven({ ...place, share, xs })
  await sealed.save()
  const { ack, signature } = await acknowledge(identity, { asset, shareIndex, commitment })
  return { ack: messageToJson('ShareAck', ack), signature, from: 'keepers' }
}

async function introduce(
  context: EnclaveContext,
  view: ChainView,
  asset: Hex,
  shareIndex: number,
): Promise<Newcomer> {
  const { config, identity } = context
  const { receiptKey, shareKeyHash, sharePublicKey } = identity
  const binding = { receiptKey, shareKeyHash, ownerNonce: view.digest, asset }
  const shown = await showEvidence(context, reportData(config.domain, 'KeepBinding', binding))
  return {
    asset,
    shareIndex,
    receiptKey,
    sharePublicKey: bytesToHex(sharePublicKey),
    ...shown,
    checkpoint: view.checkpoint,
    checkpointSignatures: view.signatures,
  }
}

async function askHelpers(
  context: EnclaveContext,
  view: ChainView,
  keepers: Keepers,
  newcomer: Newcomer,
) {
  const { config, host, identity } = context
  const { asset, shareIndex, receiptKey } = newcomer
  const session: Hex = `0x${encodeHex(crypto.getRandomValues(new Uint8Array(32)))}`
  const asked = newcomerField.encode(newcomer)
  const helpers = keepers.operators.flatMap((operator, index) => {
    const node = keepers.told.nodes.find((told) => sameHex(told.operator, operator))
    if (index === shareIndex) return []
    if (node === undefined) throw unknownHelper(operator)
    return [{ ...node, index }]
  })
  // The uses of grants that they hand on are believed.
  for (const { receiptKey: key, index } of helpers)
    await requireKeeper(context, view, keepers, key, index)
  const masks = await Promise.all(
    helpers.map(async ({ operator }, position) => {
      const { receiptKey: key, sharePublicKey } = helpers[1 - position] ?? unreachable()
      const helper = { receiptKey: key.toLowerCase(), sharePublicKey }
      const body = { newcomer: asked, session, helper }
      return maskAnswer.parse(await host.keeper(operator, 'recovery.blind', body), 'mask').mask
    }),
  )
  return Promise.all(
    helpers.map(async ({ operator }, position) => {
      const body = { newcomer: asked, session, mask: masks[1 - position] ?? '0x' }
      const answer = await host.keeper(operator, 'recovery.part', body)
      const { part } = partAnswer.parse(answer, 'part')
      const aad = shareAad(config.deployment, asset, shareIndex, receiptKey)
      return openPart(identity.sharePrivateKey, aad, parseHex(part, 'part'))
    }),
  )
}

async function openPart(
  key: EnclaveContext['identity']['sharePrivateKey'],
  aad: Bytes,
  part: Bytes,
) {
  const opened = await openEnvelope(key, partInfo, aad, part)
  const limit = { charactersMax: partBytesMax, depthMax: limits.jsonDepthMax }
  return parseField(partText, parseUtf8(opened, 'part'), 'part', limit)
}

function unknownHelper(operator: string): OperationError {
  return new OperationError(
    'recovery-refused',
    `Cannot re-share: the host does not know the enclave of keeper ${operator}`,
    { retryable: true },
  )
}

function unreachable(): never {
  return refuseRecovery('there are not two helpers')
}
