import { OperationError } from '@cloister/codec'

/** The time as it passes, and waiting: a test can own both. Milliseconds. */
export type Clock = {
  readonly nowMs: () => number
  readonly sleep: (ms: number) => Promise<void>
}

/** Longest that one request waits for its turn. */
const turnMsMax = 120_000

/** Spaces requests out, lane by lane (a host, or one kind of request to it), and lets a service rest when it asks. */
export class Pace {
  readonly #clock: Clock
  readonly #free = new Map<string, number>()
  readonly #rests = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Waits for a turn in `lane`, whose turns are `intervalMs` apart.
   *
   * @throws {OperationError} `collateral-busy` where the turn would come later than in two minutes.
   */
  async turn(lane: string, intervalMs: number): Promise<void> {
    const now = this.#clock.nowMs()
    const at = Math.max(now, this.#free.get(lane) ?? 0)
    if (at - now > turnMsMax)
      throw new OperationError(
        'collateral-busy',
        `Cannot ask ${lane} now: its next turn is in ${Math.ceil((at - now) / 1000)} s; try again then`,
        { retryable: true },
      )
    this.#free.set(lane, at + intervalMs)
    let wait = at - now
    // A rest that began meanwhile holds for those who had their turn already, too.
    while (wait > 0) {
      await this.#clock.sleep(wait)
      wait = (this.#rests.get(lane) ?? 0) - this.#clock.nowMs()
    }
  }

  /** Lets nobody ask in `lane` for `ms` from now. */
  rest(lane: string, ms: number): void {
    const until = this.#clock.nowMs() + ms
    this.#rests.set(lane, Math.max(this.#rests.get(lane) ?? 0, until))
    this.#free.set(lane, Math.max(this.#free.get(lane) ?? 0, until))
  }
}

/** Lets at most `max` actions run at once; the others wait in the order they came. */
export class Gate {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(max: number) {
    this.#free = max
  }

  /** Runs `action` when there is room. */
  async run<T>(action: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await action()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free++
      else next()
    }
  }
}
