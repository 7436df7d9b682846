import { checkPrimeSync } from 'node:crypto'
import { encodeHex } from '@cloister/codec'
import { deriveBytes, sha256 } from '../signing-key.ts'
import { knownSteps } from './prime-steps.ts'

/** The public exponent of every RSA key: a prime that must not divide p - 1. */
export const rsaExponent = 65_537n

/**
 * The first suitable prime of 2048 bits at or after a number that follows from a seed: equal inputs, equal prime.
 *
 * Its two highest bits are set, so that two such primes make a modulus of 4096 bits. A search takes about a third of a
 * second; where {@link knownSteps} has its end, it is not made.
 * Keys that proved anything would need a generator of FIPS 186-5; these prove nothing.
 */
export function derivePrime(seed: Uint8Array, label: string): bigint {
  const step = knownSteps[stepName(seed, label)] ?? searchStep(seed, label)
  return startOf(seed, label) + BigInt(step)
}

/** How far after its start the first suitable prime of a seed and a label lies. */
export function searchStep(seed: Uint8Array, label: string): number {
  const start = startOf(seed, label)
  const remainders = sieve.map((prime) => Number(start % BigInt(prime)))
  for (let step = 0; ; step += 2) {
    if (sieve.some((prime, index) => ((remainders[index] ?? 0) + step) % prime === 0)) continue
    const candidate = start + BigInt(step)
    if ((candidate - 1n) % rsaExponent !== 0n && checkPrimeSync(candidate)) return step
  }
}

/** How {@link knownSteps} names a seed and a label. */
export function stepName(seed: Uint8Array, label: string): string {
  return `${encodeHex(sha256(seed)).slice(0, 16)}/${label}`
}

function startOf(seed: Uint8Array, label: string): bigint {
  const bytes = deriveBytes(seed, `prime/${label}`, 256)
  bytes[0] = (bytes[0] ?? 0) | 0xc0
  bytes[255] = (bytes[255] ?? 0) | 1
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

/** The first odd primes: six candidates in seven fall here, without long arithmetic. */
const sieve = oddPrimes(2000)

function oddPrimes(count: number): readonly number[] {
  const found: number[] = []
  for (let number = 3; found.length < count; number += 2)
    if (found.every((prime) => prime * prime > number || number % prime !== 0)) found.push(number)
  return found
}
