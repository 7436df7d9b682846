/** Numbers that follow from a seed: the same on every machine. Not for secrets. */
export class Random {
  #state: number

  constructor(seed: string) {
    // FNV-1a over UTF-16 units; mixed further by every draw.
    let hash = 0x811c9dc5
    for (let index = 0; index < seed.length; index++)
      hash = Math.imul(hash ^ seed.charCodeAt(index), 0x01000193)
    this.#state = hash >>> 0
  }

  /** 32 bits. Splitmix, with 32 bits of state: a case needs few draws. */
  bits(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }

  /** A whole number from 0 up to, not including, `end`. */
  below(end: number): number {
    return end <= 1 ? 0 : this.bits() % end
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0
  }

  /** One of `choices`, which are not empty. */
  pick<T>(choices: readonly T[]): T {
    const chosen = choices[this.below(choices.length)]
    if (chosen === undefined && choices.length === 0) throw new RangeError('Cannot pick of nothing')
    return chosen!
  }

  /** This many bytes. */
  bytes(size: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length: size }, () => this.bits() & 0xff)
  }
}
