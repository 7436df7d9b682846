import type { Bytes } from '@cloister/codec'

/**
 * Secret bytes that do not show themselves: logs, JSON and template texts get `[data key]` or `[key share]`. Whoever needs the
 * bytes says so with {@link SecretBytes.reveal}. It protects against slips, not against code that wants them.
 */
export class SecretBytes {
  readonly #bytes: Bytes
  readonly #name: 'data key' | 'key share'

  constructor(name: 'data key' | 'key share', bytes: Bytes) {
    this.#name = name
    this.#bytes = bytes.slice()
  }

  /** The bytes themselves. */
  reveal(): Bytes {
    return this.#bytes.slice()
  }

  toString(): string {
    return `[${this.#name}]`
  }

  toJSON(): string {
    return this.toString()
  }
}
