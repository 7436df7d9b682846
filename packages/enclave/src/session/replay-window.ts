const windowSize = 1024

/** Remembers which sequence numbers were used, so that no request is heard twice. Requests may overtake one another a little. */
export class ReplayWindow {
  readonly #seen = new Set<number>()
  #highest = 0

  /** Whether `sequence` is new. It is not from then on. One too far below the highest counts as old. */
  admit(sequence: number): boolean {
    if (sequence <= this.#highest - windowSize || this.#seen.has(sequence)) return false
    this.#seen.add(sequence)
    if (sequence > this.#highest) {
      this.#highest = sequence
      for (const old of this.#seen) if (old <= sequence - windowSize) this.#seen.delete(old)
    }
    return true
  }
}
