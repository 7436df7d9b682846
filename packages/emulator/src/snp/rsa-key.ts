import { createPrivateKey, type KeyObject } from 'node:crypto'
import { encodeDer, encodeHex, type Bytes } from '@cloister/codec'
import { explicit, integer, objectIdentifier, sequence, unsignedInteger } from '../der.ts'
import { inverse } from '../deterministic-ecdsa.ts'
import { signPss } from '../rsa-pss.ts'
import { sha256, type CertificateKey } from '../signing-key.ts'
import { derivePrime, rsaExponent } from './prime.ts'

/** Keys that were derived before: a second one costs a second. Bounded, oldest first. */
const derived = new Map<string, CertificateKey>()
const derivedMax = 64

/** Derives an RSA-4096 key that signs with PSS and SHA-384, as AMD's authorities do. Spec: 57230, tables of the certificates. */
export function deriveRsaKey(seed: Uint8Array, label: string): CertificateKey {
  const name = `${encodeHex(sha256(seed))}/${label}`
  const known = derived.get(name)
  if (known !== undefined) return known
  const key = makeKey(derivePrime(seed, `${label}/p`), derivePrime(seed, `${label}/q`))
  for (const oldest of derived.keys()) if (derived.size >= derivedMax) derived.delete(oldest)
  derived.set(name, key)
  return key
}

/** The private key of two primes, with the usual exponent. */
export function rsaPrivateKey(p: bigint, q: bigint): KeyObject {
  const d = inverse(rsaExponent, (p - 1n) * (q - 1n))
  return createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'RSA',
      n: toUrl(p * q),
      e: toUrl(rsaExponent),
      d: toUrl(d),
      p: toUrl(p),
      q: toUrl(q),
      dp: toUrl(d % (p - 1n)),
      dq: toUrl(d % (q - 1n)),
      qi: toUrl(inverse(q, p)),
    },
  })
}

function makeKey(p: bigint, q: bigint): CertificateKey {
  const modulus = p * q
  const key = rsaPrivateKey(p, q)
  return {
    keyAlgorithm: sequence(objectIdentifier('1.2.840.113549.1.1.1'), nothing),
    publicKey: sequence(number(modulus), number(rsaExponent)),
    signatureAlgorithm: pssWithSha384,
    signDer: (message) => signPss(key, modulusBits, 'sha384', message),
  }
}

/** Of AMD's authorities. */
const modulusBits = 4096

/** NULL. */
const nothing = encodeDer(0x05)

const sha384 = sequence(objectIdentifier('2.16.840.1.101.3.4.2.2'), nothing)

/** RSASSA-PSS with SHA-384, MGF1 with the same, and a salt of 48 bytes. Spec: RFC 4055 section 3.1. */
const pssWithSha384 = sequence(
  objectIdentifier('1.2.840.113549.1.1.10'),
  sequence(
    explicit(0, sha384),
    explicit(1, sequence(objectIdentifier('1.2.840.113549.1.1.8'), sha384)),
    explicit(2, integer(48)),
  ),
)

function number(value: bigint): Bytes {
  return unsignedInteger(Buffer.from(evenHex(value), 'hex'))
}

function toUrl(value: bigint): string {
  return Buffer.from(evenHex(value), 'hex').toString('base64url')
}

function evenHex(value: bigint): string {
  const hex = value.toString(16)
  return hex.length % 2 === 0 ? hex : `0${hex}`
}
