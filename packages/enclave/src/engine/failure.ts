import { MalformedError } from '@cloister/codec'
import type { EngineFailureCode } from './messages.ts'

/**
 * Work on an input failed. The message leaves the sandbox, so it holds no value of an input: it is our own text, or
 * that of a `MalformedError` of ours; what a library said stays in `cause`.
 */
export class EngineFailure extends Error {
  override readonly name = 'EngineFailure'
  readonly code: EngineFailureCode
  /** Place of the input at fault in the request. */
  readonly input: number | undefined

  constructor(code: EngineFailureCode, message: string, input?: number, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.input = input
  }

  /** Runs `work` and puts input that it can't read down to one input. @throws {EngineFailure} */
  static guard<T>(code: EngineFailureCode, input: number, work: () => T): T {
    try {
      return work()
    } catch (cause) {
      throw EngineFailure.#from(code, input, cause)
    }
  }

  /** Runs `work` to its end and puts input that it can't read down to one input. @throws {EngineFailure} */
  static async guardAsync<T>(
    code: EngineFailureCode,
    input: number,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work()
    } catch (cause) {
      throw EngineFailure.#from(code, input, cause)
    }
  }

  /** Anything but malformed input is the engine's own failure, and nobody else is charged for it. */
  static #from(code: EngineFailureCode, input: number, cause: unknown): unknown {
    if (!(cause instanceof MalformedError)) return cause
    return new EngineFailure(code, cause.message, input, { cause })
  }
}
