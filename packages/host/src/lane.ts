import { OperationError } from '@cloister/codec'

/** What strangers may ask for at once of one kind. Beyond what waits they are told to come again, before it costs the enclave anything. */
export class Lane {
  readonly #what: string
  readonly #runningMax: number
  readonly #waitingMax: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(what: string, runningMax: number, waitingMax: number) {
    this.#what = what
    this.#runningMax = runningMax
    this.#waitingMax = waitingMax
  }

  /** Does `work` in its turn. @throws {OperationError} `too-many-requests`. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#running < this.#runningMax) this.#running += 1
    else await this.#turn()
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running -= 1
      else next() // Its place is handed on.
    }
  }

  #turn(): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax)
      throw new OperationError(
        'too-many-requests',
        `Cannot take another ${this.#what} now: ${this.#runningMax} run and ${this.#waitingMax} wait; ask again in some seconds`,
        { retryable: true },
      )
    return new Promise((resolve) => void this.#waiting.push(resolve))
  }
}
