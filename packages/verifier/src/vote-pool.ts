import { canonicalJson, OperationError } from '@cloister/codec'
import type { Journal } from '@cloister/io'
import {
  messageDigest,
  parseField,
  quorum,
  sameHex,
  signerOf,
  sortSignatures,
  type CommitteeSet,
  type Domain,
  type Vote,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import { postedKey, type Posted } from './posted.ts'
import { signedVoteField, type SignedVote } from './vote-journal.ts'

/** A valid vote, and the member that signed it. */
export type MemberVote = SignedVote & { readonly signer: Address }

/** Enough equal votes: what `Settlement.judge` takes. */
export type QuorumVotes = {
  readonly vote: Vote
  /** Ascending by signer. */
  readonly signatures: readonly Hex[]
  readonly signers: readonly Address[]
}

type Item = { readonly posted: Posted; readonly set: CommitteeSet; readonly votes: MemberVote[] }

/** Two votes of one signer prove that it equivocates; more prove nothing more. */
const votesPerSigner = 2
const postingsMax = 4_096

/**
 * Votes on postings that the chain knows, at most two per member: enough to judge and to prove an equivocation. Each is
 * kept in the journal, so that whoever lost its own can ask here. Older postings are forgotten past 4,096.
 */
export class VotePool {
  readonly #journal: Journal
  readonly #domain: Domain
  readonly #onSecondVote: (posted: Posted) => void
  readonly #items = new Map<string, Item>()

  constructor(journal: Journal, domain: Domain, onSecondVote: (posted: Posted) => void) {
    this.#journal = journal
    this.#domain = domain
    this.#onSecondVote = onSecondVote
  }

  /** Begins to take votes on a posting, and takes up those that the journal has. */
  open(posted: Posted, set: CommitteeSet): void {
    const key = postedKey(posted)
    if (sameHex(this.#items.get(key)?.posted.digest ?? '', posted.digest)) return
    const votes: MemberVote[] = []
    for (const signer of set.members)
      for (let place = 0; place < votesPerSigner; place++) {
        const entry = this.#journal.find('seen', seenKey(posted, signer, place))
        if (entry === undefined) break
        const caps = { charactersMax: 8_192, depthMax: 4 }
        votes.push({ ...parseField(signedVoteField, entry.body, 'seen vote', caps), signer })
      }
    this.#items.delete(key)
    this.#items.set(key, { posted, set, votes })
    const [oldest] = this.#items.keys()
    if (this.#items.size > postingsMax && oldest !== undefined) this.#items.delete(oldest)
  }

  /** Forgets a posting that a reorganisation took off the chain. */
  close(posted: Posted): void {
    const key = postedKey(posted)
    if (sameHex(this.#items.get(key)?.posted.digest ?? '', posted.digest)) this.#items.delete(key)
  }

  /**
   * Takes a vote. Whether it was new.
   *
   * @throws {OperationError} `not-found` for a posting the chain does not know (yet), `forbidden` for no member's vote,
   * `conflict` for a third different vote of one member.
   */
  async add(given: SignedVote): Promise<boolean> {
    const { vote, signature } = given
    const item = this.#items.get(postedKey(vote))
    if (item === undefined || !sameHex(item.posted.digest, vote.posting))
      throw new OperationError(
        'not-found',
        `Cannot take a vote on ${vote.task}, attempt ${vote.attempt}: no such posting is known here; try again once it is on chain`,
      )
    const digest = messageDigest(this.#domain, 'Vote', vote)
    const signer = await signerOf(digest, signature)
    if (signer === undefined || !item.set.members.some((member) => sameHex(member, signer)))
      throw new OperationError(
        'forbidden',
        `Cannot take a vote by ${signer ?? 'nobody'}: no member of epoch ${item.set.epoch}`,
      )
    const own = item.votes.filter((each) => sameHex(each.signer, signer))
    if (own.some((each) => sameHex(messageDigest(this.#domain, 'Vote', each.vote), digest)))
      return false
    if (own.length >= votesPerSigner)
      throw new OperationError('conflict', `Cannot take a third vote by ${signer}`)
    item.votes.push({ vote, signature, signer })
    this.#journal.recordOnce(
      'seen',
      seenKey(item.posted, signer, own.length),
      canonicalJson(signedVoteField.encode(given)),
    )
    if (own.length > 0) this.#onSecondVote(item.posted)
    return true
  }

  /** All votes on an attempt. */
  votesOf(posted: Pick<Posted, 'task' | 'attempt'>): readonly MemberVote[] {
    return this.#items.get(postedKey(posted))?.votes ?? []
  }

  /** The newest votes of one member, at most `limit`. */
  bySigner(signer: Address, limit: number): readonly MemberVote[] {
    const votes = [...this.#items.values()].flatMap((item) =>
      item.votes.filter((each) => sameHex(each.signer, signer)),
    )
    return votes.slice(-limit)
  }

  /** The posting of an attempt that the chain knows. */
  posted(attempt: Pick<Posted, 'task' | 'attempt'>): Posted | undefined {
    return this.#items.get(postedKey(attempt))?.posted
  }

  /**
   * A quorum of equal votes, if there is one. Members that voted both ways are left out as long as it is one without
   * them: they may have no stake left to answer with.
   */
  async quorumOf(
    attempt: Pick<Posted, 'task' | 'attempt'>,
    without: readonly Address[] = [],
  ): Promise<QuorumVotes | undefined> {
    const item = this.#items.get(postedKey(attempt))
    if (item === undefined) return undefined
    const votes = item.votes.filter(({ signer }) => !without.some((each) => sameHex(each, signer)))
    const honest = votes.filter(
      ({ signer }) => votes.filter((each) => sameHex(each.signer, signer)).length === 1,
    )
    return (await this.#largest(honest, item.set)) ?? (await this.#largest(votes, item.set))
  }

  async #largest(
    votes: readonly MemberVote[],
    set: CommitteeSet,
  ): Promise<QuorumVotes | undefined> {
    const groups = Map.groupBy(votes, ({ vote }) => messageDigest(this.#domain, 'Vote', vote))
    for (const [digest, group] of groups) {
      const [first] = group
      if (first === undefined || group.length < quorum(set.members.length)) continue
      const signatures = await sortSignatures(
        digest,
        group.map(({ signature }) => signature),
      )
      return { vote: first.vote, signatures, signers: group.map(({ signer }) => signer) }
    }
    return undefined
  }
}

function seenKey(posted: Posted, signer: Address, place: number): string {
  return `${postedKey(posted)}/${posted.digest}/${signer}/${place}`.toLowerCase()
}
