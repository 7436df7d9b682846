import { concatBytes, OperationError, type Bytes } from '@cloister/codec'

/** Some of an answer's sealed bytes, and whether they are the last. */
export type AnswerRead = { readonly bytes: Bytes; readonly done: boolean }

/** Calls back after so many milliseconds, unless the returned function is called first. */
type After = (milliseconds: number, callback: () => void) => () => void

const readBytesMax = 1 << 20
const waitingBytesMax = 1 << 20
const stalledMilliseconds = 60_000

/** Sealed bytes that wait for the host to fetch them. Where it is slow the app is made to wait; where it does not come back they are dropped. */
export class AnswerBuffer {
  readonly #after: After
  #waiting: Bytes[] = []
  #bytes = 0
  #done = false
  #dropped = false
  #wakeReader: () => void = () => undefined
  #wakeWriter: () => void = () => undefined

  constructor(after: After) {
    this.#after = after
  }

  /** Whether nobody will read this any more. */
  get dropped(): boolean {
    return this.#dropped
  }

  /** Adds bytes, and waits while more wait than a slow reader should cost. */
  async push(bytes: Bytes): Promise<void> {
    if (this.#dropped) return
    this.#waiting.push(bytes)
    this.#bytes += bytes.length
    this.#wakeReader()
    if (this.#bytes <= waitingBytesMax) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wakeWriter = resolve
    const cancel = this.#after(stalledMilliseconds, () => this.drop())
    await promise
    cancel()
  }

  /** Says that nothing more comes. */
  end(): void {
    this.#done = true
    this.#wakeReader()
  }

  /** Forgets what waits, and takes nothing more. */
  drop(): void {
    this.#dropped = true
    this.#waiting = []
    this.#bytes = 0
    this.end()
    this.#wakeWriter()
  }

  /** What waits, or nothing where nothing comes until `expired` settles. */
  async read(expired: Promise<void>): Promise<AnswerRead> {
    if (this.#waiting.length === 0 && !this.#done) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wakeReader = resolve
      await Promise.race([promise, expired])
    }
    const parts: Bytes[] = []
    let size = 0
    while (size < readBytesMax) {
      const part = this.#waiting.shift()
      if (part === undefined) break
      parts.push(part)
      size += part.length
    }
    this.#bytes -= size
    if (this.#bytes <= waitingBytesMax) this.#wakeWriter()
    return { bytes: concatBytes(...parts), done: this.#done && this.#waiting.length === 0 }
  }
}

/** A read of an answer that is not there. */
export function answerAbsent(): OperationError {
  return new OperationError(
    'not-found',
    'Cannot read the answer: it was fetched to its end, was dropped, or never began',
  )
}
