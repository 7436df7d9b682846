import type { Bytes } from '@cloister/codec'

/** Cuts a stream of bytes into parts of one size, the last one shorter. */
export class PartCutter {
  readonly #part: Bytes
  readonly #onPart: (part: Bytes) => void
  #held = 0

  /** `onPart` gets a view of a buffer that is used again: what it keeps it has to copy. */
  constructor(partBytes: number, onPart: (part: Bytes) => void) {
    this.#part = new Uint8Array(partBytes)
    this.#onPart = onPart
  }

  push(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length > 0;) {
      const piece = rest.subarray(0, this.#part.length - this.#held)
      this.#part.set(piece, this.#held)
      this.#held += piece.length
      rest = rest.subarray(piece.length)
      if (this.#held === this.#part.length) this.end()
    }
  }

  /** Gives out what is held, if anything is. */
  end(): void {
    if (this.#held > 0) this.#onPart(this.#part.subarray(0, this.#held))
    this.#held = 0
  }
}
