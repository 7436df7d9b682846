import { createECDH, createHash, createHmac } from 'node:crypto'
import { concatBytes, encodeHex, type Bytes } from '@cloister/codec'

/** What ECDSA on one curve depends on. */
export type EcdsaDomain = {
  /** The curve by OpenSSL's name. */
  readonly openSslName: string
  readonly hash: 'sha256' | 'sha384' | 'sha512'
  readonly order: bigint
  /** Of one coordinate, and of a number below the order. */
  readonly bytes: number
}

/**
 * Signs so that equal keys and messages give equal signatures: r and s, each as long as a coordinate.
 *
 * The nonce follows RFC 6979; OpenSSL multiplies the point. The rest is arithmetic that takes a time which depends on
 * the key: fit for an emulator's keys, which anybody may know, and for no others. Spec: FIPS 186-5 section 6.4.1.
 */
export function signDeterministic(
  domain: EcdsaDomain,
  scalar: bigint,
  message: Uint8Array,
): { readonly r: bigint; readonly s: bigint } {
  const { hash, order, openSslName, bytes } = domain
  const digest = createHash(hash).update(message).digest()
  const pair = createECDH(openSslName)
  for (const candidates = nonces(domain, scalar, digest); ;) {
    const nonce = candidates.next().value
    pair.setPrivateKey(toHex(nonce, bytes), 'hex')
    const r = toNumber(pair.getPublicKey().subarray(1, 1 + bytes)) % order
    const s = (inverse(nonce, order) * (leftmostBits(digest, order) + r * scalar)) % order
    if (r !== 0n && s !== 0n) return { r, s }
  }
}

/** Candidates for the nonce, the first of which nearly always serves. Spec: RFC 6979 section 3.2. */
function* nonces(
  domain: EcdsaDomain,
  scalar: bigint,
  digest: Uint8Array,
): Generator<bigint, never> {
  const { hash, order, bytes } = domain
  const hmac = (key: Uint8Array, ...parts: readonly Uint8Array[]): Bytes =>
    new Uint8Array(
      createHmac(hash, key)
        .update(concatBytes(...parts))
        .digest(),
    )
  const secret = Buffer.from(toHex(scalar, bytes), 'hex')
  const reduced = Buffer.from(toHex(leftmostBits(digest, order) % order, bytes), 'hex')
  let value: Bytes = new Uint8Array(digest.length).fill(1)
  let key: Bytes = new Uint8Array(digest.length)
  for (const round of [0, 1]) {
    key = hmac(key, value, Uint8Array.of(round), secret, reduced)
    value = hmac(key, value)
  }
  for (;;) {
    const blocks: Bytes[] = []
    for (let have = 0; have < bytes; have += value.length) {
      value = hmac(key, value)
      blocks.push(value)
    }
    const candidate = leftmostBits(concatBytes(...blocks), order)
    if (candidate > 0n && candidate < order) yield candidate
    key = hmac(key, value, Uint8Array.of(0))
    value = hmac(key, value)
  }
}

/** As many bits as the order has, from the left: `bits2int`. Spec: RFC 6979 section 2.3.2. */
function leftmostBits(bytes: Uint8Array, order: bigint): bigint {
  const excess = bytes.length * 8 - order.toString(2).length
  const value = toNumber(bytes)
  return excess > 0 ? value >> BigInt(excess) : value
}

/** The number x with a * x = 1 modulo `modulus`, by Euclid's algorithm: the two have no common divisor. */
export function inverse(a: bigint, modulus: bigint): bigint {
  let [previous, current] = [modulus, a % modulus]
  let [before, now] = [0n, 1n]
  while (current !== 0n) {
    const quotient = previous / current
    ;[previous, current] = [current, previous - quotient * current]
    ;[before, now] = [now, before - quotient * now]
  }
  return ((before % modulus) + modulus) % modulus
}

function toNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${encodeHex(bytes)}`)
}

/** Hexadecimal digits of a number in so many bytes. */
export function toHex(value: bigint, bytes: number): string {
  return value.toString(16).padStart(2 * bytes, '0')
}
