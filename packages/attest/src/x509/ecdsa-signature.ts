import { DerReader, MalformedError, type Bytes } from '@cloister/codec'

/** Bytes of the longest r or s that is read: those of P-521. */
const integerBytesMax = 66

/**
 * Reads an Ecdsa-Sig-Value as r then s, each of `size` bytes. Undefined where one of them is longer: then it is no
 * signature of a key that size.
 *
 * Spec: RFC 5758 section 3.2.
 *
 * @throws {MalformedError} naming `field`, where it is not two positive integers.
 */
export function parseEcdsaSignature(der: Bytes, field: string, size: number): Bytes | undefined {
  const outer = new DerReader(der)
  const pair = outer.inside(field)
  outer.end(field)
  const r = readPositive(pair, field)
  const s = readPositive(pair, field)
  pair.end(field)
  if (r.length > size || s.length > size) return undefined
  const signature = new Uint8Array(2 * size)
  signature.set(r, size - r.length)
  signature.set(s, 2 * size - s.length)
  return signature
}

function readPositive(pair: DerReader, field: string): Bytes {
  const integer = pair.integer(field)
  const magnitude = integer[0] === 0 ? integer.subarray(1) : integer
  if ((integer[0] ?? 0) >= 0x80 || magnitude.length > integerBytesMax)
    throw new MalformedError(field, 0, `not a positive integer of at most ${integerBytesMax} bytes`)
  return magnitude
}
