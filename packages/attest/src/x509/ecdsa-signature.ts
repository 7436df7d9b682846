import { DerReader, MalformedError, type Bytes } from '@cloister/codec'

/**
 * Reads a BIT STRING that holds an ECDSA signature, and gives r then s, 32 bytes each.
 *
 * Spec: RFC 5758 section 3.2 (Ecdsa-Sig-Value).
 *
 * @throws {MalformedError} naming `field`, where it is not two positive integers of 256 bits.
 */
export function parseEcdsaSignature(r: DerReader, field: string): Bytes {
  const { bytes, unused } = r.bits(field)
  if (unused !== 0) throw new MalformedError(field, 0, 'not whole bytes')
  const outer = new DerReader(bytes)
  const pair = outer.inside(field)
  outer.end(field)
  const signature = new Uint8Array(64)
  for (const end of [32, 64]) {
    const integer = pair.integer(field)
    const magnitude = integer[0] === 0 ? integer.subarray(1) : integer
    if ((integer[0] ?? 0) >= 0x80 || magnitude.length > 32)
      throw new MalformedError(field, 0, 'not a positive integer of at most 256 bits')
    signature.set(magnitude, end - magnitude.length)
  }
  pair.end(field)
  return signature
}
