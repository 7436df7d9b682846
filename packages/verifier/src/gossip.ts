import { OperationError } from '@cloister/codec'
import { fetchJson } from '@cloister/io'
import { sameHex } from '@cloister/protocol'

import type { VerifierContext } from './context.ts'
import type { Posted } from './posted.ts'
import { voteListField } from './standing.ts'
import { signedVoteField, type SignedVote } from './vote-journal.ts'
import type { VotePool } from './vote-pool.ts'

const peerMs = 3_000
const answerBytesMax = 256 * 1024

/** Spreads votes to all other verifiers and takes up theirs. Who was told once is not told again. */
export class Gossip {
  readonly #context: VerifierContext
  readonly #pool: VotePool

  constructor(context: VerifierContext, pool: VotePool) {
    this.#context = context
    this.#pool = pool
  }

  /** Tells every peer that is not in `told` all of `votes`, and adds it there when it took them. */
  async spread(
    votes: readonly SignedVote[],
    told: Set<string>,
    signal: AbortSignal,
  ): Promise<void> {
    const peers = (await this.#context.peers.others()).filter(({ url }) => !told.has(url))
    await Promise.all(
      peers.map(async ({ url }) => {
        try {
          for (const vote of votes)
            await fetchJson(`${url}/v1/votes`, {
              json: signedVoteField.encode(vote),
              timeoutMs: peerMs,
              answerBytesMax,
              signal,
            })
          told.add(url)
        } catch (error) {
          this.#context.log.debug('A peer does not take a vote yet', { url, error: asError(error) })
        }
      }),
    )
  }

  /** Takes up the votes on an attempt that peers have. */
  async collect(posted: Posted, signal: AbortSignal): Promise<void> {
    const path = `/v1/votes/${posted.task}/${posted.attempt}`
    await Promise.all(
      (await this.#context.peers.others()).map(async ({ url }) => {
        try {
          const json = await fetchJson(`${url}${path}`, {
            timeoutMs: peerMs,
            answerBytesMax,
            signal,
          })
          for (const vote of voteListField.parse(json, 'answer').votes) {
            if (!sameHex(vote.vote.task, posted.task)) continue
            await this.#pool.add(vote).catch((error: unknown) => {
              if (!(error instanceof OperationError)) throw error
            })
          }
        } catch (error) {
          this.#context.log.debug('A peer gives no votes', { url, error: asError(error) })
        }
      }),
    )
  }
}

function asError(error: unknown): Error | undefined {
  return error instanceof Error ? error : undefined
}
