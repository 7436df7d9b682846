import { MalformedError } from '@cloister/codec'
import type { Address, Hex } from 'viem'

import { messageDigest, type Domain } from './digest.ts'
import {
  addressField,
  decimalField,
  listField,
  objectField,
  signatureField,
  type Field,
  type FieldValue,
} from './fields.ts'
import { compareHex, membersHash, sameHex } from './ids.ts'
import { limits } from './limits.ts'
import type { Message, MessageName } from './messages.ts'
import { signerOf } from './signatures.ts'

const committeeSet = objectField({
  epoch: decimalField(64),
  members: listField(addressField, limits.committeeMembersMax, 1),
})
const handover = objectField({
  epoch: decimalField(64),
  members: listField(addressField, limits.committeeMembersMax, 1),
  signatures: listField(signatureField, limits.committeeMembersMax),
})

/** The members of one epoch, ascending by address. */
export type CommitteeSet = FieldValue<typeof committeeSet>

/** The next epoch's members, and the signatures of the one before over their hash. */
export type Handover = FieldValue<typeof handover>

/** How a {@link CommitteeSet} stands in JSON. */
export const committeeSetField: Field<CommitteeSet> = committeeSet

/** How a {@link Handover} stands in JSON. */
export const handoverField: Field<Handover> = handover

/** Whether enough members signed, who did, and what is wrong otherwise. */
export type QuorumResult = {
  readonly reached: boolean
  readonly signers: readonly Address[]
  readonly detail: string
}

/** The committee that a chain of handovers ends in with every one on the way, or where the chain breaks. */
export type FollowResult =
  | {
      readonly kind: 'followed'
      readonly set: CommitteeSet
      /** From genesis to `set`, one for each epoch. */
      readonly sets: readonly CommitteeSet[]
    }
  | { readonly kind: 'broken'; readonly epoch: bigint; readonly detail: string }

/** How many of `members` must sign. Spec: docs/protocol.md section 1. */
export function quorum(members: number): number {
  return Math.floor((2 * members) / 3) + 1
}

/** What is wrong with a committee; undefined when it is ascending, without repeats and of a size that is followed. */
export function checkCommittee(members: readonly Address[]): string | undefined {
  if (members.length === 0) return 'it has no members'
  if (members.length > limits.committeeMembersMax)
    return `${members.length} members, at most ${limits.committeeMembersMax}`
  const ascending = members.every((member, index) => {
    const before = members[index - 1]
    return before === undefined || compareHex(before, member) < 0
  })
  return ascending ? undefined : 'members are not ascending without repeats'
}

/**
 * Whether a quorum of `set` signed `message`.
 *
 * Signatures stand ascending by signer, one each; one that is malformed, by a stranger, or out of
 * order makes the whole refused, so equal judgements have one spelling. Spec: docs/protocol.md section 1.
 */
export async function verifyQuorum<N extends MessageName>(
  domain: Domain,
  name: N,
  message: Message<N>,
  signatures: readonly Hex[],
  set: CommitteeSet,
): Promise<QuorumResult> {
  const wrong = checkCommittee(set.members)
  if (wrong !== undefined) return { reached: false, signers: [], detail: wrong }
  const needed = quorum(set.members.length)
  // Counted before any is recovered: recovery is what costs.
  if (signatures.length < needed || signatures.length > set.members.length)
    return {
      reached: false,
      signers: [],
      detail: `${signatures.length} signatures, ${needed} to ${set.members.length} are needed`,
    }
  const digest = messageDigest(domain, name, message)
  const signers: Address[] = []
  for (const [index, signature] of signatures.entries()) {
    const signer = await signerOf(digest, signature)
    const before = signers.at(-1)
    const detail =
      signer === undefined
        ? 'is not canonical'
        : !set.members.some((member) => sameHex(member, signer))
          ? `is by ${signer}, no member of epoch ${set.epoch}`
          : before !== undefined && compareHex(before, signer) >= 0
            ? 'is out of order or repeated'
            : undefined
    if (signer === undefined || detail !== undefined)
      return { reached: false, signers, detail: `signature ${index} ${detail}` }
    signers.push(signer)
  }
  return { reached: true, signers, detail: `${signers.length} of ${set.members.length} signed` }
}

/** Signatures over one digest in the order that {@link verifyQuorum} reads, without repeats. What nobody signed is dropped. */
export async function sortSignatures(
  digest: Hex,
  signatures: readonly Hex[],
): Promise<readonly Hex[]> {
  const signed = new Map<string, Hex>()
  for (const signature of signatures) {
    const signer = await signerOf(digest, signature)
    if (signer !== undefined) signed.set(signer.toLowerCase(), signature)
  }
  return [...signed].toSorted(([a], [b]) => compareHex(a, b)).map(([, signature]) => signature)
}

/**
 * Follows handovers from a genesis committee that the caller trusts (measured, or in a manifest):
 * each epoch is signed by a quorum of the one before it.
 *
 * @throws {MalformedError} past {@link limits.handoversMax} handovers.
 */
export async function followHandovers(
  domain: Domain,
  genesis: CommitteeSet,
  handovers: readonly Handover[],
): Promise<FollowResult> {
  if (handovers.length > limits.handoversMax)
    throw new MalformedError(
      'handovers',
      0,
      `${handovers.length}, at most ${limits.handoversMax} are followed`,
    )
  const wrong = checkCommittee(genesis.members)
  if (wrong !== undefined) return { kind: 'broken', epoch: genesis.epoch, detail: wrong }
  let set = genesis
  const sets = [genesis]
  for (const { epoch, members, signatures } of handovers) {
    const broken = (detail: string): FollowResult => ({ kind: 'broken', epoch, detail })
    if (epoch !== set.epoch + 1n) return broken(`it follows epoch ${set.epoch}`)
    const bad = checkCommittee(members)
    if (bad !== undefined) return broken(bad)
    const message = { epoch, membersHash: membersHash(members) }
    const result = await verifyQuorum(domain, 'Handover', message, signatures, set)
    if (!result.reached) return broken(result.detail)
    set = { epoch, members }
    sets.push(set)
  }
  return { kind: 'followed', set, sets }
}
