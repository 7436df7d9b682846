import { parseJson, type Json } from '@cloister/codec'
import type { Journal } from '@cloister/io'
import {
  bytes32Field,
  hexBetween,
  integerField,
  messageDigest,
  messageField,
  objectField,
  sameHex,
  type Domain,
  type FieldValue,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import type { ChainIndex } from './chain-index.ts'

const signedPolicy = objectField({
  policy: messageField('KeeperPolicy'),
  policySignature: hexBetween(65, 4096),
})

const depositField = objectField({
  asset: bytes32Field,
  shareIndex: integerField(0, 2),
  commitment: bytes32Field,
  envelope: hexBetween(1, 8192),
  policy: messageField('KeeperPolicy'),
  policySignature: hexBetween(65, 4096),
})

/** An owner's policy for its keepers, as it came with a share. */
export type SignedPolicy = FieldValue<typeof signedPolicy>

/** A share that this operator's enclave is meant to hold and, after a restart, does not. */
export type MissingShare = { readonly asset: Hex; readonly shareIndex: number }

type Deposit = { readonly asset: Hex; readonly shareIndex: number; readonly signed: SignedPolicy }

/** Deposits whose asset is not registered yet. Anybody can make one, so only some are remembered. */
const pendingMax = 1_000

/**
 * Which shares this node's enclave acknowledged, and the owners' policies that came with them. Only what the chain's
 * registration bears out goes to disk.
 */
export class KeptShares {
  readonly #journal: Journal
  readonly #index: ChainIndex
  readonly #domain: Domain
  readonly #operator: Address
  readonly #receiptKey: Address
  readonly #pending: Deposit[] = []

  constructor(
    journal: Journal,
    index: ChainIndex,
    domain: Domain,
    node: { readonly operator: Address; readonly receiptKey: Address },
  ) {
    this.#journal = journal
    this.#index = index
    this.#domain = domain
    this.#operator = node.operator
    this.#receiptKey = node.receiptKey
  }

  /** Remembers a deposit that the enclave acknowledged. `body` is what it was given. */
  acknowledged(body: Json): void {
    const { asset, shareIndex, policy, policySignature } = depositField.parse(body, 'deposit')
    this.#pending.push({ asset, shareIndex, signed: { policy, policySignature } })
    if (this.#pending.length > pendingMax) this.#pending.shift()
    this.settle()
  }

  /** Writes down deposits whose asset is registered by now. */
  settle(): void {
    // One is taken off only once it is on disk: a full disk loses none of them.
    for (const deposit of [...this.#pending])
      if (this.#record(deposit)) this.#pending.splice(this.#pending.indexOf(deposit), 1)
  }

  /** The policy of an asset, if this host ever saw the one that is registered. */
  policyOf(asset: Hex): SignedPolicy | undefined {
    const entry = this.#journal.find('policy', asset)
    if (entry === undefined) return undefined
    const json = parseJson(entry.body, 'policy', { charactersMax: 65_536, depthMax: 8 })
    return signedPolicy.parse(json, 'policy')
  }

  /** Notes that the enclave has a share, by deposit or from other keepers. */
  have(asset: Hex, shareIndex: number): void {
    this.#journal.recordOnce('share', this.#key(asset, shareIndex), '')
  }

  /** Shares of assets that were registered before this enclave was admitted, and that it never got. */
  missing(admittedBlock: bigint): readonly MissingShare[] {
    const missing: MissingShare[] = []
    for (const [asset, { block, operators }] of this.#index.assets) {
      if (block >= admittedBlock) continue
      const shareIndex = operators.findIndex((operator) => sameHex(operator, this.#operator))
      if (shareIndex < 0 || this.#journal.find('share', this.#key(asset, shareIndex))) continue
      missing.push({ asset, shareIndex })
    }
    return missing
  }

  #record({ asset, shareIndex, signed }: Deposit): boolean {
    const known = this.#index.assets.get(asset)
    if (known === undefined) return false
    const digest = messageDigest(this.#domain, 'KeeperPolicy', signed.policy)
    if (sameHex(digest, known.policyDigest))
      this.#journal.recordOnce('policy', asset, JSON.stringify(signedPolicy.encode(signed)))
    if (sameHex(known.operators[shareIndex] ?? '', this.#operator)) this.have(asset, shareIndex)
    return true
  }

  #key(asset: Hex, shareIndex: number): string {
    return `${asset}/${shareIndex}/${this.#receiptKey}`
  }
}
