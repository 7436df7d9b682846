/** The product in GF(2^8), as polynomials over GF(2) and then the remainder modulo x^8 + x^4 + x^3 + x + 1. */
export function referenceMultiply(a: number, b: number): number {
  let product = 0
  for (let bit = 0; bit < 8; bit++) if ((b >> bit) & 1) product ^= a << bit
  for (let bit = 15; bit >= 8; bit--)
    if ((product >> bit) & 1) product ^= 0b1_0001_1011 << (bit - 8)
  return product
}

/** The inverse, by search. */
export function referenceInverse(a: number): number {
  for (let candidate = 1; candidate < 256; candidate++)
    if (referenceMultiply(a, candidate) === 1) return candidate
  throw new RangeError('Cannot invert zero')
}
