/**
 * The product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1, the field that the shares live in. No table and no branch depends on a
 * value, because both are secret. Addition is XOR.
 */
export function multiply(a: number, b: number): number {
  let product = 0
  let power = a
  for (let bit = 0; bit < 8; bit++) {
    product ^= power & -((b >>> bit) & 1)
    power = (power << 1) ^ (0x11b & -(power >>> 7))
  }
  return product
}
