import { inspect } from 'node:util'

const hidden = '[secret]'

/**
 * Holds a value that must never be printed: text, JSON, logs and inspection show `[secret]`.
 *
 * Only {@link Secret.expose} gives the value, so every use of it can be found by that word.
 */
export class Secret<T> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
  }

  /** The value itself. Its caller answers for where it goes. */
  expose(): T {
    return this.#value
  }

  /** Text in place of the value. */
  toString(): string {
    return hidden
  }

  /** JSON in place of the value. */
  toJSON(): string {
    return hidden
  }

  /** What template literals and concatenation see. */
  [Symbol.toPrimitive](): string {
    return hidden
  }

  /** What `console.log` and the debugger see. */
  [inspect.custom](): string {
    return hidden
  }
}
