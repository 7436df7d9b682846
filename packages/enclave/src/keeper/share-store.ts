import { concatBytes, encodeUtf8, OperationError, parseHex, type Bytes } from '@cloister/codec'
import {
  hexBetween,
  integerField,
  bytes32Field,
  messageDigest,
  messageField,
  objectField,
  sameHex,
  signerOf,
  type FieldValue,
  type KeeperPolicy,
  type Message,
} from '@cloister/protocol'
import {
  envelopeOverheadBytes,
  openEnvelope,
  shareBytes,
  shareX,
  verifyShare,
} from '@cloister/seal'
import type { Address, Hex } from 'viem'

import type { EnclaveConfig } from '../config.ts'
import type { Identity } from '../identity.ts'

const depositBody = objectField({
  asset: bytes32Field,
  shareIndex: integerField(0, 2),
  commitment: bytes32Field,
  envelope: hexBetween(envelopeOverheadBytes, envelopeOverheadBytes + 64),
  policy: messageField('KeeperPolicy'),
  policySignature: hexBetween(65, 65),
})

/** The body of `share.deposit`. Nothing of it is believed yet. */
export type Deposit = FieldValue<typeof depositBody>

/** How a {@link Deposit} stands in JSON. */
export const depositField: typeof depositBody = depositBody

/** One share that this keeper holds. */
export type HeldShare = {
  readonly asset: Hex
  readonly shareIndex: number
  readonly commitment: Hex
  readonly policyDigest: Hex
  readonly share: Bytes
  /** The x of every share of the asset, in their order. */
  readonly xs: Bytes
}

/** Everything that is sent to keepers is bound to this text first. */
export const shareInfo: Bytes = encodeUtf8('cloister/share/1')

const sharesMax = 50_000

/**
 * The shares that this enclave holds, in memory only: a restart forgets them, and other keepers give them back.
 *
 * Anybody may deposit under any asset id: what a share is good for is decided at release, when the chain says which
 * commitment counts. So several may lie at one place, and none replaces another.
 */
export class ShareStore {
  readonly #shares = new Map<string, HeldShare>()

  /** The share that the chain's commitment names. */
  find(asset: Hex, shareIndex: number, commitment: Hex): HeldShare | undefined {
    return this.#shares.get(placeOf(asset, shareIndex, commitment))
  }

  /** @throws {OperationError} `keeper-full`. */
  keep(held: HeldShare): void {
    const place = placeOf(held.asset, held.shareIndex, held.commitment)
    if (!this.#shares.has(place) && this.#shares.size >= sharesMax)
      throw new OperationError('keeper-full', `Cannot hold more than ${sharesMax} shares`)
    this.#shares.set(place, held)
  }
}

/**
 * Takes a share that an owner sealed to this enclave, under the owner's signed policy.
 *
 * @throws {OperationError} `deposit-refused`, saying what does not fit.
 */
export async function depositShare(
  config: EnclaveConfig,
  identity: Identity,
  store: ShareStore,
  deposit: Deposit,
): Promise<{ readonly ack: Message<'ShareAck'>; readonly signature: Hex }> {
  const { asset, shareIndex, commitment, policy } = deposit
  const policyDigest = messageDigest(config.domain, 'KeeperPolicy', policy)
  const signer = await signerOf(policyDigest, deposit.policySignature)
  if (!sameHex(policy.owner, signer)) refuse('the policy is not signed by its owner')
  if (!sameHex(policy.asset, asset)) refuse(`the policy is for asset ${policy.asset}`)
  requireNamed(policy, identity.measurement)
  const aad = shareAad(config.deployment, asset, shareIndex, identity.receiptKey)
  const envelope = parseHex(deposit.envelope, 'envelope')
  const opened = await openEnvelope(identity.sharePrivateKey, shareInfo, aad, envelope)
  const [share, xs] = [opened.slice(0, shareBytes), opened.slice(shareBytes)]
  opened.fill(0)
  if (share.length !== shareBytes) refuse('the envelope holds no share')
  if (xs.length !== 0 && (xs.length !== 3 || xs[shareIndex] !== shareX(share)))
    refuse('the places of the shares after it do not fit')
  const placed = { asset: parseHex(asset, 'asset'), index: shareIndex, share }
  if (!(await verifyShare(placed, parseHex(commitment, 'commitment'))))
    refuse('the share does not match its commitment')
  store.keep({ asset, shareIndex, commitment, policyDigest, share, xs })
  return acknowledge(identity, { asset, shareIndex, commitment })
}

/** Signs that this enclave holds a share. */
export async function acknowledge(
  identity: Identity,
  held: Pick<HeldShare, 'asset' | 'shareIndex' | 'commitment'>,
) {
  const { asset, shareIndex, commitment } = held
  const ack = { asset, shareIndex, commitment, receiptKey: identity.receiptKey }
  return { ack, signature: await identity.sign('ShareAck', ack) }
}

/** What binds an envelope with a share to its place: deployment, asset, share index, keeper. */
export function shareAad(
  deployment: Hex,
  asset: Hex,
  shareIndex: number,
  receiptKey: Address,
): Bytes {
  return concatBytes(
    parseHex(deployment, 'deployment'),
    parseHex(asset, 'asset'),
    Uint8Array.of(shareIndex),
    parseHex(receiptKey, 'receipt key'),
  )
}

function requireNamed(policy: KeeperPolicy, measurement: Hex): void {
  if (!policy.measurements.some((named) => sameHex(named, measurement)))
    refuse(`the policy does not name this enclave's measurement ${measurement}`)
}

function placeOf(asset: Hex, shareIndex: number, commitment: Hex): string {
  return [asset, shareIndex, commitment].join(' ').toLowerCase()
}

function refuse(detail: string): never {
  throw new OperationError('deposit-refused', `Cannot keep this share: ${detail}`)
}
