import { concatBytes, OperationError, type Bytes } from '@cloister/codec'

/** Some of an answer's sealed bytes, and whether they are the last. */
export type AnswerRead = { readonly bytes: Bytes; readonly done: boolean }

const readBytesMax = 1 << 20

/** Sealed bytes that wait for the host to fetch them. What an app may answer bounds what can wait here. */
export class AnswerBuffer {
  #waiting: Bytes[] = []
  #done = false
  #wake: () => void = () => undefined

  push(bytes: Bytes): void {
    this.#waiting.push(bytes)
    this.#wake()
  }

  /** Says that nothing more comes. */
  end(): void {
    this.#done = true
    this.#wake()
  }

  /** What waits, or nothing where nothing comes until `expired` settles. */
  async read(expired: Promise<void>): Promise<AnswerRead> {
    if (this.#waiting.length === 0 && !this.#done) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
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
