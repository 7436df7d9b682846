/** Fills bytes from a cryptographically secure source, such as `crypto.getRandomValues`. */
export type Entropy = (bytes: Uint8Array<ArrayBuffer>) => void

/** What is left of the clip norm for a row, so that rounding to the grid and in single precision stays inside it. */
const clipShare = 1 - 2 ** -10

/** Grid steps in the smaller of noise and clip norm. */
const stepsLog2 = 26

/**
 * The grid that sums are rounded to, and what is left of `clipNorm` for a row.
 *
 * Rounding moves each of P numbers by at most half a step, so that two neighbouring sums can come to lie `step * sqrt(P)`
 * further apart: with P up to 2^28 that is 2^-12 of the norm. Single precision adds relative errors of 2^-24 per addition.
 * Both are inside the 2^-10 that is held back.
 */
export function privateGrid(
  clipNorm: number,
  noiseMultiplier: number,
): { readonly grid: number; readonly clipNorm: number; readonly deviation: number } {
  const smaller = Math.min(clipNorm, clipNorm * noiseMultiplier)
  const grid = 2 ** (Math.floor(Math.log2(smaller)) - stepsLog2)
  return { grid, clipNorm: clipNorm * clipShare, deviation: (clipNorm * noiseMultiplier) / grid }
}

/**
 * Whole numbers from a normal distribution of standard deviation `deviation` (2^26 and more), rounded.
 *
 * Noise that is added in floating point gives secrets away: not every number can come out of a sum of floats, and which ones can
 * depends on the secret (Mironov, "On significance of the least significant bits for differential privacy"). Here a sum is a
 * whole number of grid steps before noise is added, and `whole + round(z) = round(whole + z)`: what comes out is the result of
 * the ideal Gaussian mechanism, rounded, and every whole number within reach can come out whatever the sum was. What is not ideal
 * is z itself: it has 53 bits where a step is 2^-26 of its deviation, so the chance of each whole number is right to about 2^-20
 * of itself at the rims of the bell and better inside, and tails past 8.5 deviations (chance below 2e-17) are missing.
 * Each number takes the same calls, so that time tells little about size.
 */
export function gaussianNoise(size: number, deviation: number, entropy: Entropy): BigInt64Array {
  const result = new BigInt64Array(size)
  const words = new Int32Array(result.buffer)
  const uniform = uniformNumbers(size + (size & 1), entropy)
  for (let index = 0; index < size; index += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(uniform()))
    const angle = 2 * Math.PI * uniform()
    writeWhole(words, index, Math.round(radius * Math.cos(angle)))
    if (index + 1 < size) writeWhole(words, index + 1, Math.round(radius * Math.sin(angle)))
  }
  return result
}

/** Which of `rows` rows are in a draw that takes each with a chance of `rate`, whatever becomes of the others. */
export function poissonDraw(rows: number, rate: number, entropy: Entropy): Uint32Array {
  const threshold = Math.round(rate * 2 ** 32)
  const words = randomWords(rows, entropy)
  const drawn = new Uint32Array(rows)
  let count = 0
  for (let row = 0; row < rows; row++) if (words() < threshold) drawn[count++] = row
  return drawn.subarray(0, count)
}

/** A stream of numbers above 0 and at most 1, of 53 random bits each. */
function uniformNumbers(count: number, entropy: Entropy): () => number {
  const words = randomWords(count * 2, entropy)
  return () => {
    const high = words() >>> 5
    const low = words() >>> 6
    return (high * 2 ** 26 + low + 1) / 2 ** 53
  }
}

const wordsPerFill = 16_384

function randomWords(count: number, entropy: Entropy): () => number {
  const words = new Uint32Array(Math.min(count, wordsPerFill))
  const bytes = new Uint8Array(words.buffer)
  let next = words.length
  return () => {
    if (next === words.length) {
      entropy(bytes)
      next = 0
    }
    return words[next++] ?? 0
  }
}

/** A whole number within 2^53 as the two words of a 64-bit one: far faster than by way of a bigint. */
function writeWhole(words: Int32Array, index: number, value: number): void {
  words[2 * index] = value
  words[2 * index + 1] = Math.floor(value / 2 ** 32)
}
