/** Bytes or text from outside are not in their format. Says which field, and where it starts. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError'
  readonly code = 'malformed'
  /** What was being read. */
  readonly field: string
  /** Bytes (or characters) from the start of what was being read. */
  readonly offset: number

  constructor(field: string, offset: number, detail: string, options?: ErrorOptions) {
    super(`Cannot read ${field} at byte ${offset}: ${detail}`, options)
    this.field = field
    this.offset = offset
  }
}

/** A peer, a disk, a chain or a person's request failed. Programs branch on `code`, people read `message`. */
export class OperationError extends Error {
  override readonly name = 'OperationError'
  /** Which failure, in kebab-case. One closed list per package, in its docs. */
  readonly code: string
  /** Whether the same call may succeed later with nothing changed by the caller. */
  readonly retryable: boolean

  constructor(
    code: string,
    message: string,
    options?: ErrorOptions & { readonly retryable?: boolean },
  ) {
    super(message, options)
    this.code = code
    this.retryable = options?.retryable ?? false
  }
}

/**
 * Stops the program where our own code is wrong. Never for input.
 *
 * @throws {Error} when `condition` is false; nobody catches it.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`Assertion failed: ${message}`)
}
