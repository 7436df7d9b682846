import { OperationError } from '@cloister/codec'
import type { EnvelopePrivateKey } from '@cloister/seal'
import type { Hex } from 'viem'

import type { AttemptEvidence } from '../keeper/attempt-request.ts'
import type { PreparedAttempt } from './prepare-attempt.ts'

/** Evidence that was made for an attempt, and the key to which keepers release under it. */
export type Shown = {
  readonly prepared: PreparedAttempt
  readonly evidence: AttemptEvidence
  readonly freshKey: EnvelopePrivateKey
  /** When it was prepared, in milliseconds of this process: its seconds left are counted from then on. */
  readonly since: number
}

/** Calls back after so many milliseconds, unless the returned function is called first. */
type After = (milliseconds: number, callback: () => void) => () => void

type Entry = { readonly shown: Shown; readonly cancel: () => void; runs: number }

const shownMax = 16
const runsMax = 3
const timerMillisecondsMax = 2 ** 31 - 1 // A longer timer would end at once.

/**
 * Evidence of attempts that have not come to a receipt yet. Keepers pin the first that they see: a run that failed half-way
 * is repeated with the same one. It is dropped at the attempt's deadline, and an app runs a few times over its inputs, not as
 * often as the host likes.
 */
export class ShownEvidence {
  readonly #after: After
  readonly #entries = new Map<string, Entry>()

  constructor(after: After) {
    this.#after = after
  }

  find(task: Hex, attempt: number): Shown | undefined {
    return this.#entries.get(keyOf(task, attempt))?.shown
  }

  keep(shown: Shown): void {
    const { task, attempt, secondsLeft } = shown.prepared
    const [oldest] = this.#entries.keys()
    if (this.#entries.size >= shownMax && oldest !== undefined) this.#drop(oldest)
    const milliseconds = Math.min(secondsLeft * 1000, timerMillisecondsMax)
    const cancel = this.#after(milliseconds, () => this.forget(task, attempt))
    this.#entries.set(keyOf(task, attempt), { shown, cancel, runs: 0 })
  }

  /** Counts a run of the app. @throws {OperationError} `attempt-spent`: there were enough, or the attempt is over. */
  countRun(task: Hex, attempt: number): void {
    const entry = this.#entries.get(keyOf(task, attempt))
    if (entry === undefined || entry.runs >= runsMax)
      throw new OperationError(
        'attempt-spent',
        `Cannot run the app again: it ran ${runsMax} times, gave a private output, or the attempt's deadline has passed`,
      )
    entry.runs += 1
  }

  /** Allows no further run, for an attempt of which only one output may ever leave. */
  endRuns(task: Hex, attempt: number): void {
    const entry = this.#entries.get(keyOf(task, attempt))
    if (entry !== undefined) entry.runs = runsMax
  }

  forget(task: Hex, attempt: number): void {
    this.#drop(keyOf(task, attempt))
  }

  #drop(key: string): void {
    this.#entries.get(key)?.cancel()
    this.#entries.delete(key)
  }
}

function keyOf(task: Hex, attempt: number): string {
  return `${task.toLowerCase()} ${attempt}`
}
