import { describeError, followLogs } from '@cloister/io'
import type { Hex } from 'viem'

import type { Checkpoints } from './checkpoints.ts'
import { PostingCase, type CaseParts } from './posting-case.ts'
import { postedOf, type Posted } from './posted.ts'

/** Cases that are worked on at once; the others wait. */
const openMax = 64

type Open = {
  readonly posted: Posted
  readonly stop: AbortController
  readonly ended: Promise<void>
}

/** Follows the Market, and opens a case for each posting; one that a reorganisation takes away is dropped. */
export class Watcher {
  readonly #parts: CaseParts
  readonly #checkpoints: Checkpoints
  readonly #open = new Map<Hex, Open>()
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(parts: CaseParts, checkpoints: Checkpoints) {
    this.#parts = parts
    this.#checkpoints = checkpoints
  }

  /** Runs until `signal` ends it, and all cases with it. */
  async run(signal: AbortSignal): Promise<void> {
    const { home, config, log, domain } = this.#parts.context
    try {
      await followLogs(home.chain, {
        addresses: [home.contracts.market],
        fromBlock: home.fromBlock,
        confirmations: config.chain.confirmations,
        pollMs: config.chain.pollMs,
        signal,
        onLogs: async (logs) => {
          for (const posted of postedOf(domain, logs)) await this.#begin(posted, signal)
        },
        onReorg: async (last) => {
          log.warn('The chain reorganised', { standing: last })
          this.#checkpoints.onReorg(last)
          this.#dropAbove(last)
        },
        onFailure: (error) =>
          log.warn('The chain cannot be followed now', { detail: describeError(error) }),
      })
    } finally {
      const open = [...this.#open.values()]
      for (const { stop } of open) stop.abort()
      for (const wake of this.#waiting.splice(0)) wake()
      await Promise.all(open.map(({ ended }) => ended))
    }
  }

  /** A member's second vote on a posting came in: its case may be over, the proof is not. */
  onSecondVote(posted: Posted): void {
    if (this.#open.has(posted.digest)) return // Its case looks by itself.
    void this.#proveLate(posted).catch((error: unknown) => {
      this.#parts.context.log.warn('An offence cannot be proven now', {
        task: posted.task,
        detail: describeError(error),
      })
    })
  }

  async #proveLate(posted: Posted): Promise<void> {
    const set = await this.#parts.context.home.committee(posted.committee)
    await new PostingCase(this.#parts, posted, set).challenge(undefined)
  }

  async #begin(posted: Posted, signal: AbortSignal): Promise<void> {
    if (this.#open.has(posted.digest)) return
    const { context, pool } = this.#parts
    const set = await context.home.committee(posted.committee)
    pool.open(posted, set)
    const stop = new AbortController()
    const either = AbortSignal.any([signal, stop.signal])
    const ended = this.#runCase(new PostingCase(this.#parts, posted, set), either).finally(() =>
      this.#open.delete(posted.digest),
    )
    this.#open.set(posted.digest, { posted, stop, ended })
  }

  async #runCase(open: PostingCase, signal: AbortSignal): Promise<void> {
    while (this.#running >= openMax && !signal.aborted)
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running++
    try {
      await open.run(signal)
    } finally {
      this.#running--
      this.#waiting.shift()?.()
    }
  }

  #dropAbove(last: bigint): void {
    for (const { posted, stop } of this.#open.values()) {
      if (posted.block.number <= last) continue
      stop.abort()
      this.#parts.pool.close(posted)
      this.#open.delete(posted.digest)
    }
  }
}
