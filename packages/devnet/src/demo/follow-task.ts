import { readTask, watchTask, type Client, type TaskEvent } from '@cloister/sdk'
import type { Hex } from 'viem'

import { round, type Phase } from './phases.ts'

/** What was seen of a task, from its order to its end. */
export type FollowedTask = {
  readonly id: Hex
  readonly events: readonly TaskEvent[]
  readonly phases: readonly Phase[]
}

/** Follows a task in the background; others may wait for one kind of event, or for its end. */
export class TaskFollower {
  readonly id: Hex
  readonly events: TaskEvent[] = []
  readonly ended: Promise<FollowedTask>
  readonly #phases: Phase[] = []
  readonly #waiting = new Set<() => void>()
  #failure: unknown

  constructor(
    client: Client,
    id: Hex,
    { onEvent, signal }: { onEvent: (event: TaskEvent) => void; signal: AbortSignal },
  ) {
    this.id = id
    this.ended = this.#follow(client, onEvent, signal)
    this.ended.catch((error: unknown) => {
      this.#failure = error
      for (const wake of this.#waiting) wake()
    })
  }

  /** Waits until something has happened; undefined where the task ended without it. @throws what ended the watch. */
  async until(
    wanted: (event: TaskEvent) => boolean,
    notBefore = 0,
  ): Promise<TaskEvent | undefined> {
    for (;;) {
      const found = this.events.slice(notBefore).find(wanted)
      if (found !== undefined) return found
      if (this.#failure !== undefined) throw this.#failure
      if (this.events.some(({ kind }) => kind === 'settled' || kind === 'refunded'))
        return undefined
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve)
      })
      this.#waiting.clear()
    }
  }

  async #follow(
    client: Client,
    onEvent: (event: TaskEvent) => void,
    signal: AbortSignal,
  ): Promise<FollowedTask> {
    let since = performance.now()
    const timeoutMs = 240_000
    for await (const event of watchTask(client, this.id, { pollMs: 200, timeoutMs, signal })) {
      const name = phaseNames[event.kind]
      if (name !== undefined) {
        this.#phases.push({ name, seconds: round((performance.now() - since) / 1000) })
        since = performance.now()
      }
      this.events.push(event)
      onEvent(event)
      for (const wake of this.#waiting) wake()
    }
    // What a transaction did stands in several events: the last poll has them all, and the state agrees.
    await readTask(client, this.id)
    return { id: this.id, events: this.events, phases: this.#phases }
  }
}

// What is over when an event comes.
const phaseNames: { readonly [kind in TaskEvent['kind']]?: string } = {
  drawn: 'draw a node',
  posted: 'attest, release, compute, post',
  'attempt-ended': 'end the attempt',
  accepted: 'judge',
  settled: 'wait for challenges, pay',
  refunded: 'refund',
}

/** One event in words, for whoever watches. */
export function sayEvent(event: TaskEvent): string {
  if (event.kind === 'drawn')
    return `the block hash drew ${event.operator.slice(0, 8)} for attempt ${event.attempt}`
  if (event.kind === 'release-refused')
    return `keepers refuse to release a share (reason ${event.reason})`
  if (event.kind === 'attempt-ended')
    return `attempt ${event.attempt} came to nothing (${event.ending})`
  if (event.kind === 'judged') return `the verifiers ${event.accepted ? 'accept' : 'refuse'} it`
  return plainEvents[event.kind]
}

const plainEvents = {
  placed: 'the fee is locked',
  'seed-moved': 'nobody could be drawn, the draw is repeated',
  posted: 'the receipt is on chain',
  accepted: 'accepted; now anybody may challenge it',
  paid: 'the fee is paid out',
  settled: 'everybody is paid',
  refunded: 'the requester has the whole fee back',
} as const
