import { MalformedError } from '@cloister/codec'
import type { Address, Hex } from 'viem'

import type { ChainProofs } from './bundle.ts'
import { parseHeaderChain, type HeadBlock, type Header } from './header.ts'
import { sameHex } from './ids.ts'
import { verifyAccountProof, verifyStorageProof } from './proof.ts'
import { slotHex } from './storage-slots.ts'

/** One storage slot of one contract, so many blocks under a checkpoint's head. */
export type SlotPlace = { readonly depth: number; readonly address: Address; readonly slot: bigint }

/** What a set of headers and proofs shows of a chain. */
export type ProvenChain = {
  readonly headers: readonly Header[]
  /** Every slot that is proven. */
  readonly slots: readonly SlotPlace[]
  /** The word in a slot. @throws {MalformedError} where it is not among the proven ones. */
  readonly word: (place: SlotPlace) => bigint
}

/**
 * Checks every header and every proof, and returns what they show. Believe it as far as `head` is
 * believed: somebody must have vouched for that block.
 *
 * @throws {MalformedError} where any header, account or word is not proven, or one is given twice.
 */
export async function proveChain(head: HeadBlock, proofs: ChainProofs): Promise<ProvenChain> {
  const headers = parseHeaderChain(head, proofs.headers)
  const words = new Map<string, bigint>()
  const slots: SlotPlace[] = []
  for (const [index, account] of proofs.accounts.entries()) {
    const { depth, address, accountProof, storageProofs } = account
    const header = headers[depth]
    if (header === undefined)
      throw new MalformedError(`accounts[${index}].depth`, 0, `${depth}, there is no such header`)
    const found = await verifyAccountProof(header.stateRoot, address, accountProof)
    if (found === undefined)
      throw new MalformedError(`accounts[${index}]`, 0, `there is no account ${address}`)
    for (const { slot, proof } of storageProofs) {
      const place = { depth, address, slot: BigInt(slot) }
      if (words.has(keyOf(place)))
        throw new MalformedError(`accounts[${index}]`, 0, `slot ${slot} is given twice`)
      words.set(keyOf(place), await verifyStorageProof(found.storageRoot, place.slot, proof))
      slots.push(place)
    }
  }
  const word = (place: SlotPlace): bigint => {
    const value = words.get(keyOf(place))
    if (value === undefined)
      throw new MalformedError(
        'storage proofs',
        0,
        `slot ${slotHex(place.slot)} of ${place.address} at depth ${place.depth} is absent`,
      )
    return value
  }
  return { headers, slots, word }
}

/** Slots of `wanted` that `proven` lacks, and proven ones that are not wanted. */
export function compareSlots(
  wanted: readonly SlotPlace[],
  proven: readonly SlotPlace[],
): { readonly missing: readonly SlotPlace[]; readonly surplus: readonly SlotPlace[] } {
  return { missing: without(wanted, proven), surplus: without(proven, wanted) }
}

/** Slots by contract, without repeats: what to ask `eth_getProof` for. */
export function slotsByContract(
  places: readonly SlotPlace[],
): readonly { readonly address: Address; readonly slots: readonly Hex[] }[] {
  const grouped = new Map<Address, Set<Hex>>()
  for (const { address, slot } of places) {
    const known = [...grouped.keys()].find((each) => sameHex(each, address)) ?? address
    const group = grouped.get(known) ?? new Set()
    grouped.set(known, group.add(slotHex(slot)))
  }
  return [...grouped].map(([address, slots]) => ({ address, slots: [...slots] }))
}

function without(places: readonly SlotPlace[], others: readonly SlotPlace[]): readonly SlotPlace[] {
  const keys = new Set(others.map(keyOf))
  return places.filter((place) => !keys.has(keyOf(place)))
}

function keyOf({ depth, address, slot }: SlotPlace): string {
  return `${depth} ${address.toLowerCase()} ${slot}`
}
