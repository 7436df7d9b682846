import { checkPrimeSync } from 'node:crypto'
import { deriveBytes } from '../signing-key.ts'
import { rsaExponent } from '../snp/prime.ts'

const primeBytes = 128

/**
 * The first suitable prime of 1024 bits at or after a number that follows from a seed: equal inputs, equal prime. Its
 * two highest bits are set, so that two of them make a modulus of 2048 bits.
 *
 * Keys that proved anything would need a generator of FIPS 186-5; these prove nothing.
 */
export function deriveShortPrime(seed: Uint8Array, label: string): bigint {
  const bytes = deriveBytes(seed, `prime/${label}`, primeBytes)
  bytes[0] = (bytes[0] ?? 0) | 0xc0
  bytes[primeBytes - 1] = (bytes[primeBytes - 1] ?? 0) | 1
  let candidate = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  while ((candidate - 1n) % rsaExponent === 0n || !checkPrimeSync(candidate)) candidate += 2n
  return candidate
}
