/**
 * A stream of numbers in [0, 1) that depends on `seed` and `stream` only. For initial weights and the order of
 * rows, never for keys. Built from 32-bit integer steps alone, so that every machine draws the same. Spec: xoshiro128**.
 */
export function randomNumbers(seed: number, stream: number): () => number {
  const next = splitMix((seed ^ Math.imul(stream, 0x9e3779b9)) >>> 0)
  const words = xoshiro128([next(), next(), next(), next()])
  return () => words() / 2 ** 32
}

/** A stream of 32-bit whole numbers from four words of state. Spec: Blackman and Vigna, xoshiro128** 1.1. */
export function xoshiro128(state: readonly [number, number, number, number]): () => number {
  let [a, b, c, d] = state
  return () => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9)
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotate(d, 11)
    return result >>> 0
  }
}

/** Shuffles `items` in place: equal streams give equal orders. Spec: Fisher and Yates. */
export function shuffle(items: Uint32Array, random: () => number): void {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    const kept = items[last] ?? 0
    items[last] = items[other] ?? 0
    items[other] = kept
  }
}

function splitMix(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return mixed ^ (mixed >>> 15)
  }
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}
