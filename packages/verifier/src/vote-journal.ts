import type { Journal } from '@cloister/io'
import {
  encodeMessage,
  messageDigest,
  messageField,
  objectField,
  parseMessageText,
  sameHex,
  signatureField,
  type Domain,
  type Field,
  type Vote,
} from '@cloister/protocol'
import type { Hex } from 'viem'

import { postedKey } from './posted.ts'

const signedVote = objectField({ vote: messageField('Vote'), signature: signatureField })

/** A vote and its member's signature. */
export type SignedVote = { readonly vote: Vote; readonly signature: Hex }

/** How a {@link SignedVote} stands in JSON. */
export const signedVoteField: Field<SignedVote> = signedVote

const kind = 'vote'

/**
 * Signs votes, one per task and attempt for ever: a vote is on disk before its signature exists, and after a crash the
 * one on disk is signed again, never another (I5).
 */
export class VoteJournal {
  readonly #journal: Journal
  readonly #domain: Domain
  readonly #sign: (digest: Hex) => Promise<Hex>

  constructor(journal: Journal, domain: Domain, sign: (digest: Hex) => Promise<Hex>) {
    this.#journal = journal
    this.#domain = domain
    this.#sign = sign
  }

  /**
   * Records `vote` unless one is recorded, and signs the one that stands. Undefined where that one is about another
   * posting: nothing is signed then.
   */
  async cast(vote: Vote): Promise<SignedVote | undefined> {
    const { entry } = this.#journal.recordOnce(kind, postedKey(vote), encodeMessage('Vote', vote))
    const standing = parseMessageText('Vote', entry.body)
    if (!sameHex(standing.posting, vote.posting)) return undefined
    return {
      vote: standing,
      signature: await this.#sign(messageDigest(this.#domain, 'Vote', standing)),
    }
  }

  /** The vote that stands for a task's attempt. */
  find(task: Hex, attempt: number): Vote | undefined {
    const entry = this.#journal.find(kind, postedKey({ task, attempt }))
    return entry === undefined ? undefined : parseMessageText('Vote', entry.body)
  }

  /** Whether the journal knows exactly this vote. */
  knows(vote: Vote): boolean {
    const own = this.find(vote.task, vote.attempt)
    return (
      own !== undefined &&
      sameHex(messageDigest(this.#domain, 'Vote', own), messageDigest(this.#domain, 'Vote', vote))
    )
  }

  /** Takes over a vote of this key that somebody else kept, unless there is one for its attempt. */
  adopt(vote: Vote): void {
    this.#journal.recordOnce(kind, postedKey(vote), encodeMessage('Vote', vote))
  }
}
