import {
  concatBytes,
  encodeUtf8,
  MalformedError,
  OperationError,
  parseHex,
  type Bytes,
} from '@cloister/codec'
import {
  checkKeeperPolicy,
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

import { requireCommittee } from '../chain/require-committee.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import type { Identity } from '../identity.ts'
import { readKeepers } from './keepers.ts'
import type { SharePlace } from './share-store.ts'

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

const triesMax = 4
const againMilliseconds = 400

/** How a {@link Deposit} stands in JSON. */
export const depositField: typeof depositBody = depositBody

/** Everything that is sent to keepers is bound to this text first. */
export const shareInfo: Bytes = encodeUtf8('cloister/share/1')

/**
 * Takes a share that an owner sealed to this enclave, under the owner's signed policy, and looks whether the chain bears it out.
 *
 * It is acknowledged either way: what is not on chain yet is proven at its first release, if nothing pushes it out before.
 *
 * @throws {OperationError} `deposit-refused`, saying what does not fit.
 */
export async function depositShare(
  context: EnclaveContext,
  deposit: Deposit,
): Promise<{ readonly ack: Message<'ShareAck'>; readonly signature: Hex }> {
  const { config, identity, sealed, shares, state } = context
  const { asset, shareIndex, commitment, policy } = deposit
  if (state.isErased(asset)) refuse(`the owner had the shares of asset ${asset} destroyed`)
  const policyDigest = messageDigest(config.domain, 'KeeperPolicy', policy)
  const signer = await signerOf(policyDigest, deposit.policySignature)
  if (!sameHex(policy.owner, signer)) refuse('the policy is not signed by its owner')
  if (!sameHex(policy.asset, asset)) refuse(`the policy is for asset ${policy.asset}`)
  requireNamed(policy, identity)
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
  const place = { asset, shareIndex, commitment, policyDigest }
  shares.keep({ ...place, share, xs })
  if (await isBorneOut(context, place)) {
    shares.prove(place)
    await sealed.save()
  }
  return acknowledge(identity, { asset, shareIndex, commitment })
}

// The asset is registered with this commitment and policy, and this operator keeps that share of it. A host that does not know
// the asset yet is asked again a little later; it costs no look at the chain before it does.
async function isBorneOut(context: EnclaveContext, place: SharePlace): Promise<boolean> {
  const { chain, facts, host, identity } = context
  for (let tries = 1; tries <= triesMax; tries++) {
    if (tries > 1) await new Promise((resolve) => setTimeout(resolve, againMilliseconds))
    try {
      await host.keepers(place.asset)
      const view = await chain.fresh()
      await requireCommittee(context, view)
      const asset = await facts.asset(view, place.asset, 'head')
      const { commitments, operators } = await readKeepers(context, place.asset, asset)
      const own = await facts.node(view, identity.receiptKey)
      return (
        sameHex(asset.policyDigest, place.policyDigest) &&
        sameHex(commitments[place.shareIndex] ?? '', place.commitment) &&
        sameHex(own?.operator ?? '', operators[place.shareIndex])
      )
    } catch (error) {
      if (!(error instanceof OperationError || error instanceof MalformedError)) throw error
    }
  }
  return false
}

/** Signs that this enclave holds a share. */
export async function acknowledge(
  identity: Identity,
  held: Pick<SharePlace, 'asset' | 'shareIndex' | 'commitment'>,
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

// Whether a release key approves this enclave is asked when the share is used for others; the owner asked before it sealed it.
function requireNamed(policy: KeeperPolicy, { measurement }: Identity): void {
  const [problem] = checkKeeperPolicy(policy)
  if (problem !== undefined) refuse(`${problem.field}: ${problem.detail}`)
  const byKey = policy.measurements.length === 0
  if (!byKey && !policy.measurements.some((named) => sameHex(named, measurement)))
    refuse(`the policy does not name this enclave's measurement ${measurement}`)
}

function refuse(detail: string): never {
  throw new OperationError('deposit-refused', `Cannot keep this share: ${detail}`)
}
