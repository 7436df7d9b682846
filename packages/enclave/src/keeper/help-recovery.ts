import {
  canonicalJson,
  concatBytes,
  encodeUtf8,
  parseHex,
  type Bytes,
  type Json,
} from '@cloister/codec'
import {
  addressField,
  bytes32Field,
  decimalField,
  hexBetween,
  hexField,
  integerField,
  keyHash,
  listField,
  objectField,
  orNull,
  publicKeyBytes,
  sameHex,
  type Field,
  type FieldValue,
} from '@cloister/protocol'
import {
  envelopeOverheadBytes,
  finishRecoveryPart,
  openEnvelope,
  sealEnvelope,
  shareX,
  startRecovery,
} from '@cloister/seal'
import { bytesToHex, zeroAddress, type Hex } from 'viem'

import { requireCommittee } from '../chain/require-committee.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { readKeepers } from './keepers.ts'
import {
  newcomerField,
  refuseRecovery,
  requireKeeper,
  requireNewcomer,
  type Newcomer,
} from './newcomer.ts'
import { shareAad } from './deposit-share.ts'
import type { HeldShare } from './share-store.ts'

/** What a part for a newcomer is bound to. */
export const partInfo: Bytes = encodeUtf8('cloister/recovery/1')
const maskInfo = encodeUtf8('cloister/mask/1')

/** Most attempts whose first evidence is handed on with a part. */
export const pinsMax = 500
/** The first evidence of an attempt, as it is handed on. */
export const pinField = objectField({
  task: bytes32Field,
  attempt: integerField(1, 0xffff_ffff),
  quoteDigest: bytes32Field,
})
/** The newest record of the newcomer's operator that a helper countersigned, as it is handed on. */
export const seenField = objectField({
  operator: addressField,
  keeper: addressField,
  sequence: decimalField(64),
  digest: bytes32Field,
  time: decimalField(64),
})

const blindBody = objectField({
  newcomer: newcomerField,
  session: bytes32Field,
  helper: objectField({ receiptKey: addressField, sharePublicKey: hexField(publicKeyBytes) }),
})
const partBody = objectField({
  newcomer: newcomerField,
  session: bytes32Field,
  mask: hexBetween(envelopeOverheadBytes + 32, envelopeOverheadBytes + 32),
})

/** The body of `recovery.blind`. */
export type BlindRequest = FieldValue<typeof blindBody>
/** The body of `recovery.part`. */
export type PartRequest = FieldValue<typeof partBody>
/** How a {@link BlindRequest} stands in JSON. */
export const blindRequestField: Field<BlindRequest> = blindBody
/** How a {@link PartRequest} stands in JSON. */
export const partRequestField: Field<PartRequest> = partBody

type Session = { readonly own: Bytes; readonly held: HeldShare; readonly newcomer: Hex }

const sessionsMax = 1000

/** Masks that this helper drew and has not used. Each is used once: two parts under one mask would give the share away. */
export class RecoverySessions {
  readonly #sessions = new Map<string, Session>()

  open(session: Hex, opened: Session): void {
    if (this.#sessions.has(session)) refuseRecovery('this session was opened before')
    const [oldest] = this.#sessions.keys()
    if (this.#sessions.size >= sessionsMax && oldest !== undefined) this.#sessions.delete(oldest)
    this.#sessions.set(session, opened)
  }

  take(session: Hex): Session | undefined {
    const found = this.#sessions.get(session)
    this.#sessions.delete(session)
    return found
  }
}

/** A helper's first step: judges the newcomer, draws a mask and seals the other helper's part of it to that helper. */
export async function blindForRecovery(
  context: EnclaveContext,
  sessions: RecoverySessions,
  { newcomer, session, helper }: BlindRequest,
): Promise<Json> {
  const { config, facts, identity, state } = context
  state.requireVoice()
  if (state.isErased(newcomer.asset))
    refuseRecovery('the owner had the shares of this asset destroyed')
  const view = await context.chain.freshFor(newcomer.checkpoint, newcomer.checkpointSignatures)
  await requireCommittee(context, view)
  const asset = await facts.asset(view, newcomer.asset)
  const keepers = await readKeepers(context, newcomer.asset, asset)
  await requireNewcomer(context, view, keepers, asset, newcomer)

  const own = await facts.node(view, identity.receiptKey)
  const ownIndex = keepers.operators.findIndex((operator) => sameHex(operator, own?.operator))
  const otherIndex = 3 - ownIndex - newcomer.shareIndex
  if (ownIndex < 0 || ownIndex === newcomer.shareIndex) refuseRecovery('this node is no helper')
  const other = await requireKeeper(context, view, keepers, helper.receiptKey, otherIndex)
  const otherKey = parseHex(helper.sharePublicKey, 'helper share key')
  if (!sameHex(other.shareKeyHash, keyHash(otherKey)))
    refuseRecovery('the other helper’s share key is not the one that was admitted')
  const held = context.shares.prove({
    asset: newcomer.asset,
    shareIndex: ownIndex,
    commitment: keepers.commitments[ownIndex] ?? newcomer.asset,
    policyDigest: asset.policyDigest,
  })
  if (held === undefined) refuseRecovery('this keeper does not hold its own share')
  const [lostX, otherX] = [held.xs[newcomer.shareIndex], held.xs[otherIndex]]
  if (lostX === undefined || otherX === undefined)
    refuseRecovery('the owner did not tell the places of the shares')

  const start = startRecovery(held.share, lostX, [shareX(held.share), otherX])
  const mask = start.toHelpers.get(otherX)
  if (mask === undefined) refuseRecovery('no mask for the other helper')
  sessions.open(session, { own: start.own, held, newcomer: newcomer.receiptKey })
  const aad = maskAad(config.deployment, newcomer, session)
  return { mask: bytesToHex(await sealEnvelope(otherKey, maskInfo, aad, mask)) }
}

/** A helper's second step: its masked share, sealed to the newcomer that it judged in the first. */
export async function partForRecovery(
  context: EnclaveContext,
  sessions: RecoverySessions,
  { newcomer, session, mask }: PartRequest,
): Promise<Json> {
  const { config, identity, seen, state } = context
  state.requireVoice()
  const opened = sessions.take(session)
  if (opened === undefined || !sameHex(opened.newcomer, newcomer.receiptKey))
    refuseRecovery('no such session of this newcomer')
  if (!sameHex(opened.held.asset, newcomer.asset))
    refuseRecovery('the session is for another asset')
  // Again, whole: the newcomer's key is what the part is sealed to.
  const view = await context.chain.freshFor(newcomer.checkpoint, newcomer.checkpointSignatures)
  await requireCommittee(context, view)
  const asset = await context.facts.asset(view, newcomer.asset)
  const keepers = await readKeepers(context, newcomer.asset, asset)
  const publicKey = await requireNewcomer(context, view, keepers, asset, newcomer)

  const aad = maskAad(config.deployment, newcomer, session)
  const envelope = parseHex(mask, 'mask')
  const received = await openEnvelope(identity.sharePrivateKey, maskInfo, aad, envelope)
  const part = finishRecoveryPart(opened.held.share, opened.own, [received])
  const operator = keepers.operators[newcomer.shareIndex] ?? zeroAddress
  const text = canonicalJson({
    part: bytesToHex(part),
    pins: listField(pinField, pinsMax).encode(state.pinsOf(newcomer.asset, pinsMax)),
    seen: orNull(seenField).encode(seen.newestOf(operator)),
    uses: state.usesOf(newcomer.asset).map(({ grant, tasks }) => ({ grant, tasks: [...tasks] })),
    xs: bytesToHex(opened.held.xs),
  })
  const place = shareAad(
    config.deployment,
    newcomer.asset,
    newcomer.shareIndex,
    newcomer.receiptKey,
  )
  return { part: bytesToHex(await sealEnvelope(publicKey, partInfo, place, encodeUtf8(text))) }
}

function maskAad(deployment: Hex, newcomer: Newcomer, session: Hex): Bytes {
  const { asset, shareIndex, receiptKey } = newcomer
  return concatBytes(
    shareAad(deployment, asset, shareIndex, receiptKey),
    parseHex(session, 'session'),
  )
}
