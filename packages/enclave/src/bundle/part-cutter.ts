import { createHash, type Hash } from 'node:crypto'

import type { Bytes } from '@cloister/codec'

/** Cuts a stream of bytes into parts of one size, the last one shorter, and hashes each. */
export class PartCutter {
  /** SHA-256 of each part so far, in hexadecimal. */
  readonly digests: string[] = []
  readonly #partBytes: number
  readonly #onPart: ((part: Bytes) => void) | undefined
  /** The part so far, where somebody wants it: what is only hashed is not copied. */
  readonly #part: Bytes
  #hash: Hash = createHash('sha256')
  #held = 0

  /** `onPart` gets a view of a buffer that is used again: what it keeps it has to copy. */
  constructor(partBytes: number, onPart: ((part: Bytes) => void) | undefined) {
    this.#partBytes = partBytes
    this.#onPart = onPart
    this.#part = new Uint8Array(onPart === undefined ? 0 : partBytes)
  }

  push(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length > 0;) {
      const piece = rest.subarray(0, this.#partBytes - this.#held)
      this.#hash.update(piece)
      if (this.#onPart !== undefined) this.#part.set(piece, this.#held)
      this.#held += piece.length
      rest = rest.subarray(piece.length)
      if (this.#held === this.#partBytes) this.end()
    }
  }

  /** Ends the part that is held, if there is one. */
  end(): void {
    if (this.#held === 0) return
    this.digests.push(this.#hash.digest('hex'))
    this.#hash = createHash('sha256')
    this.#onPart?.(this.#part.subarray(0, this.#held))
    this.#held = 0
  }
}
