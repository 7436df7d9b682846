import { hashTypedData, type Address, type Hex } from 'viem'

import type { Domain } from './digest.ts'

/**
 * What keepers say to one another, to owners and to the KeeperDuty contract, as EIP-712 types in the order they are hashed.
 * They stand apart from `messageTypes`: those are the ones whose hashes every contract shares.
 *
 * Spec: docs/keys.md, "Messages of keepers".
 */
export const keeperMessageTypes = {
  /** What one keeper has seen of another: the newest of its records that it countersigned. */
  Witness: [
    { name: 'keeper', type: 'address' },
    { name: 'seen', type: 'bool' },
    { name: 'sequence', type: 'uint64' },
    { name: 'record', type: 'bytes32' },
    { name: 'erased', type: 'bool' },
    { name: 'asset', type: 'bytes32' },
    { name: 'witness', type: 'address' },
    { name: 'nonce', type: 'bytes32' },
  ],
  /** An owner's order to destroy every share of an asset. It is never taken back. */
  ShareErasure: [
    { name: 'owner', type: 'address' },
    { name: 'asset', type: 'bytes32' },
  ],
  /** A keeper's word that it holds no share of an asset any more, and takes none again. */
  ErasureAck: [
    { name: 'asset', type: 'bytes32' },
    { name: 'shareIndex', type: 'uint8' },
    { name: 'receiptKey', type: 'address' },
    { name: 'held', type: 'bool' },
    { name: 'time', type: 'uint64' },
  ],
  /** Which envelope belongs to a release: what is answered on chain cannot be another's garbage. */
  Delivery: [
    { name: 'release', type: 'bytes32' },
    { name: 'envelopeHash', type: 'bytes32' },
  ],
} as const

/** What one keeper has seen of another's records. */
export type Witness = {
  readonly keeper: Address
  readonly seen: boolean
  readonly sequence: bigint
  readonly record: Hex
  readonly erased: boolean
  readonly asset: Hex
  readonly witness: Address
  readonly nonce: Hex
}

/** An owner's order to destroy an asset's shares. */
export type ShareErasure = { readonly owner: Address; readonly asset: Hex }

/** A keeper's word that it destroyed its share. */
export type ErasureAck = {
  readonly asset: Hex
  readonly shareIndex: number
  readonly receiptKey: Address
  readonly held: boolean
  readonly time: bigint
}

/** Which envelope belongs to a release. */
export type Delivery = { readonly release: Hex; readonly envelopeHash: Hex }

/** The digest that a keeper signs for what it has seen of another. Spec: EIP-712. */
export function witnessDigest(domain: Domain, message: Witness): Hex {
  return hashTypedData({ domain, types: keeperMessageTypes, primaryType: 'Witness', message })
}

/** What an owner's wallet signs to have an asset's shares destroyed: domain, types and value in viem's shape. */
export function erasureTypedData(domain: Domain, message: ShareErasure) {
  const { ShareErasure } = keeperMessageTypes
  return { domain, types: { ShareErasure }, primaryType: 'ShareErasure', message } as const
}

/** The digest that an owner signs to have an asset's shares destroyed. Spec: EIP-712. */
export function erasureDigest(domain: Domain, message: ShareErasure): Hex {
  return hashTypedData(erasureTypedData(domain, message))
}

/** The digest that a keeper signs once a share is destroyed. Spec: EIP-712. */
export function erasureAckDigest(domain: Domain, message: ErasureAck): Hex {
  return hashTypedData({ domain, types: keeperMessageTypes, primaryType: 'ErasureAck', message })
}

/** The digest that a keeper signs over the envelope of a release. Spec: EIP-712. */
export function deliveryDigest(domain: Domain, message: Delivery): Hex {
  return hashTypedData({ domain, types: keeperMessageTypes, primaryType: 'Delivery', message })
}
