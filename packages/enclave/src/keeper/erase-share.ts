import { OperationError, type Json } from '@cloister/codec'
import {
  addressField,
  bytes32Field,
  decimalField,
  erasureAckDigest,
  erasureDigest,
  hexBetween,
  integerField,
  booleanField,
  objectField,
  sameHex,
  signerOf,
  type Field,
  type FieldValue,
} from '@cloister/protocol'

import { requireCommittee } from '../chain/require-committee.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { readKeepers } from './keepers.ts'

const erasure = objectField({
  owner: addressField,
  asset: bytes32Field,
  signature: hexBetween(65, 65),
})
const ackField = objectField({
  asset: bytes32Field,
  shareIndex: integerField(0, 2),
  receiptKey: addressField,
  held: booleanField,
  time: decimalField(64),
})

/** The body of `share.erase`: an owner's signed order. Nothing of it is believed yet. */
export type Erasure = FieldValue<typeof erasure>

/** How an {@link Erasure} stands in JSON. */
export const erasureField: Field<Erasure> = erasure

/**
 * Destroys this keeper's share of an asset and what it remembers of it, because the owner that the chain names says so, and
 * signs that it did. It takes no share of that asset any more, and helps nobody to get one back.
 *
 * @throws {OperationError} `erasure-refused`.
 */
export async function eraseShare(
  context: EnclaveContext,
  { owner, asset, signature }: Erasure,
): Promise<Json> {
  const { chain, config, facts, identity, sealed, shares, state, unsealed } = context
  const signer = await signerOf(erasureDigest(config.domain, { owner, asset }), signature)
  if (!sameHex(owner, signer)) refuse('it is not signed by the owner that it names')
  const view = await chain.fresh()
  await requireCommittee(context, view)
  const known = await facts.asset(view, asset, 'head')
  if (!sameHex(known.owner, owner)) refuse(`asset ${asset} belongs to ${known.owner}`)
  const { operators } = await readKeepers(context, asset, known)
  const own = await facts.node(view, identity.receiptKey)
  const shareIndex = operators.findIndex((operator) => sameHex(operator, own?.operator))
  if (shareIndex < 0) refuse(`this node keeps no share of asset ${asset}`)

  unsealed.drop(asset)
  const held = shares.erase(asset)
  state.erase(asset)
  await sealed.save() // What the host kept before this holds the share; other keepers bear witness against it.
  const ack = { asset, shareIndex, receiptKey: identity.receiptKey, held, time: view.now }
  return {
    ack: ackField.encode(ack),
    signature: await identity.signDigest(erasureAckDigest(config.domain, ack)),
  }
}

function refuse(detail: string): never {
  throw new OperationError('erasure-refused', `Cannot erase: ${detail}`)
}
