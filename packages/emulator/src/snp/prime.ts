import { checkPrimeSync } from 'node:crypto'
import { deriveBytes } from '../signing-key.ts'

/** The public exponent of every RSA key: a prime that must not divide p - 1. */
export const rsaExponent = 65_537n

/**
 * The first suitable prime of so many bytes at or after a number that follows from a seed: equal inputs, equal prime.
 *
 * Its two highest bits are set, so that two such primes make a modulus of twice as many bytes. One of 256 bytes takes
 * about half a second.
 * Keys that proved anything would need a generator of FIPS 186-5; these prove nothing.
 */
export function derivePrime(seed: Uint8Array, label: string, size = 256): bigint {
  const bytes = deriveBytes(seed, `prime/${label}`, size)
  bytes[0] = (bytes[0] ?? 0) | 0xc0
  bytes[size - 1] = (bytes[size - 1] ?? 0) | 1
  const start = BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
  const remainders = sieve.map((prime) => Number(start % BigInt(prime)))
  for (let step = 0; ; step += 2) {
    if (sieve.some((prime, index) => ((remainders[index] ?? 0) + step) % prime === 0)) continue
    const candidate = start + BigInt(step)
    if ((candidate - 1n) % rsaExponent === 0n) continue
    // One round rules out nearly every composite. Five more leave one in far more than 2^100 of numbers this size.
    if (checkPrimeSync(candidate, { checks: 1 }) && checkPrimeSync(candidate, { checks: 5 }))
      return candidate
  }
}

/** The first odd primes: six candidates in seven fall here, without long arithmetic. */
const sieve = oddPrimes(2000)

function oddPrimes(count: number): readonly number[] {
  const found: number[] = []
  for (let number = 3; found.length < count; number += 2)
    if (found.every((prime) => prime * prime > number || number % prime !== 0)) found.push(number)
  return found
}
