import { setTimeout as sleep } from 'node:timers/promises'

import { OperationError } from '@cloister/codec'
import { fetchJson } from '@cloister/io'
import {
  listField,
  messageDigest,
  objectField,
  sameHex,
  settlementAbi,
  signerOf,
  type Vote,
} from '@cloister/protocol'

import type { VerifierContext } from './context.ts'
import { signedVoteField, type VoteJournal } from './vote-journal.ts'

/** Most votes of one member that a peer gives at once. */
export const votesListedMax = 1_000

/** What `GET /v1/votes` gives. Spec: docs/verifier.md, "Routes". */
export const voteListField = objectField({ votes: listField(signedVoteField, votesListedMax) })

/** Whether this key may sign now, and if not, why. */
export type StandingState =
  | { readonly kind: 'checking' }
  | { readonly kind: 'clear' }
  | { readonly kind: 'silent'; readonly untilMs: number; readonly votes: readonly Vote[] }

const peersAsked = 2
const eventBlocksMax = 10_000n

/**
 * Decides whether this key may sign: votes, checkpoints, admissions, payout roots (I5). On start it asks the chain and two peers for
 * votes of its own. One that its journal does not know means that the journal was lost or is an old copy: then nothing
 * is signed for a while, and nothing ever about postings from before.
 */
export class Standing {
  readonly #context: VerifierContext
  readonly #votes: VoteJournal
  #state: StandingState = { kind: 'checking' }
  #abstainUpTo = -1n

  constructor(context: VerifierContext, votes: VoteJournal) {
    this.#context = context
    this.#votes = votes
  }

  /** What holds now. */
  get state(): StandingState {
    return this.#state
  }

  /** Whether a posting made at this block time may be voted on. */
  mayVoteOn(postedAt: bigint): boolean {
    return this.#state.kind === 'clear' && postedAt > this.#abstainUpTo
  }

  /** @throws {OperationError} `unready`. */
  requireClear(): void {
    if (this.#state.kind === 'clear') return
    throw new OperationError(
      'unready',
      this.#state.kind === 'checking'
        ? 'Cannot sign yet: own votes are still looked for on chain and at two peers; try again'
        : `Cannot sign until ${new Date(this.#state.untilMs).toISOString()}: votes of this key were found that its journal does not know`,
      { retryable: true },
    )
  }

  /** Checks until it is known, waits out the silence if there is one, and clears. Ends early with `signal`. */
  async settle(signal: AbortSignal): Promise<void> {
    const { log, now, config, home, account } = this.#context
    const unknown = await this.#untilKnown(signal)
    if (unknown === undefined) return
    if (unknown.length > 0) {
      const { judgeSeconds } = await home.settlementConfig()
      const seconds = Math.max(config.silentSeconds, Number(judgeSeconds))
      this.#abstainUpTo = (await home.chain.block()).timestamp
      const untilMs = now() + seconds * 1_000
      this.#state = { kind: 'silent', untilMs, votes: unknown }
      log.error(
        'SILENT: votes of this key exist that its journal does not know; nothing is signed',
        {
          address: account.address,
          until: new Date(untilMs).toISOString(),
          tasks: unknown.map(({ task, attempt }) => `${task}/${attempt}`),
          next: 'find out which process or backup signed them; if the key may be in two places, hand over to a new one',
        },
      )
      await sleep(seconds * 1_000, undefined, { signal }).catch(() => undefined)
      if (signal.aborted) return
      for (const vote of unknown) this.#votes.adopt(vote)
    }
    this.#state = { kind: 'clear' }
    log.info('May sign', { address: account.address })
  }

  async #untilKnown(signal: AbortSignal): Promise<readonly Vote[] | undefined> {
    const { log, config, domain } = this.#context
    while (!signal.aborted) {
      try {
        const found = [...(await this.#onChain()), ...(await this.#atPeers(signal))]
        const unknown = found.filter((vote) => !this.#votes.knows(vote))
        return [
          ...new Map(
            unknown.map((vote) => [messageDigest(domain, 'Vote', vote), vote] as const),
          ).values(),
        ]
      } catch (error) {
        log.debug('Own votes cannot be looked for yet', {
          error: error instanceof Error ? error : undefined,
        })
      }
      await sleep(config.chain.pollMs, undefined, { signal }).catch(() => undefined)
    }
    return undefined
  }

  async #onChain(): Promise<readonly Vote[]> {
    const { home, account } = this.#context
    const votes: Vote[] = []
    const head = (await home.chain.block()).number
    for (let from = home.fromBlock; from <= head; from += eventBlocksMax) {
      const logs = await home.chain.ask('read judgements', (client) =>
        client.getContractEvents({
          address: home.contracts.settlement,
          abi: settlementAbi,
          eventName: 'Judged',
          fromBlock: from,
          toBlock: from + eventBlocksMax > head ? head : from + eventBlocksMax - 1n,
          strict: true,
        }),
      )
      for (const { args } of logs) {
        const { committee } = await home.attempt(args.task, args.attempt)
        const { members } = await home.committee(committee)
        const seat = members.findIndex((member) => sameHex(member, account.address))
        if (seat >= 0 && ((args.voters >> BigInt(seat)) & 1n) === 1n) votes.push(args.vote)
      }
    }
    return votes
  }

  async #atPeers(signal: AbortSignal): Promise<readonly Vote[]> {
    const { peers, account, domain } = this.#context
    const others = (await peers.members()).filter((member) => !sameHex(member, account.address))
    const needed = Math.min(peersAsked, others.length)
    const votes: Vote[] = []
    let answered = 0
    for (const { url } of await peers.others())
      try {
        const json = await fetchJson(`${url}/v1/votes?signer=${account.address}`, {
          timeoutMs: 3_000,
          answerBytesMax: 2 * 2 ** 20,
          signal,
        })
        for (const { vote, signature } of voteListField.parse(json, 'answer').votes) {
          const signer = await signerOf(messageDigest(domain, 'Vote', vote), signature)
          if (sameHex(account.address, signer)) votes.push(vote)
        }
        answered++
      } catch {
        continue // A peer that is down does not count; the loop above asks again.
      }
    if (answered >= needed) return votes
    throw new OperationError(
      'unready',
      `Cannot look for own votes: ${answered} of ${needed} peers answered`,
      { retryable: true },
    )
  }
}
