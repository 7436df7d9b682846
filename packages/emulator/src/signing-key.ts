import { createECDH, createHash, createPrivateKey, hkdfSync, sign } from 'node:crypto'
import { encodeUtf8, type Bytes } from '@cloister/codec'

/** A P-256 key of the emulator's. Signatures are randomised; the key itself follows from the seed. */
export type SigningKey = {
  /** x and y, 64 bytes, as quotes carry an attestation key. */
  readonly point: Bytes
  /** ECDSA with SHA-256 as r and s, 64 bytes. */
  signRaw(message: Uint8Array): Bytes
  /** ECDSA with SHA-256 as the DER sequence that certificates carry. */
  signDer(message: Uint8Array): Bytes
}

/** Bytes that follow from a 32-byte seed and a label: equal inputs, equal bytes. Spec: RFC 5869. */
export function deriveBytes(seed: Uint8Array, label: string, size: number): Bytes {
  const info = encodeUtf8(`cloister/emulator/1/${label}`)
  return new Uint8Array(hkdfSync('sha256', seed, new Uint8Array(0), info, size))
}

/** Derives a P-256 key from a seed. Spec: FIPS 186-5 appendix A.2.1 (extra random bits). */
export function deriveSigningKey(seed: Uint8Array, label: string): SigningKey {
  const wide = BigInt(`0x${Buffer.from(deriveBytes(seed, `key/${label}`, 48)).toString('hex')}`)
  const scalar = ((wide % (p256Order - 1n)) + 1n).toString(16).padStart(64, '0')
  const pair = createECDH('prime256v1')
  pair.setPrivateKey(scalar, 'hex')
  const point = new Uint8Array(pair.getPublicKey()).slice(1)
  const coordinates = { x: toUrl(point.subarray(0, 32)), y: toUrl(point.subarray(32)) }
  const key = createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-256',
      d: Buffer.from(scalar, 'hex').toString('base64url'),
      ...coordinates,
    },
  })
  return {
    point,
    signRaw: (message) =>
      new Uint8Array(sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' })),
    signDer: (message) => new Uint8Array(sign('sha256', message, key)),
  }
}

/** SHA-256. */
export function sha256(...parts: readonly Uint8Array[]): Bytes {
  return digest('sha256', parts)
}

/** SHA-384, the hash of every TDX register. */
export function sha384(...parts: readonly Uint8Array[]): Bytes {
  return digest('sha384', parts)
}

/** SHA-1, which RFC 5280 section 4.2.1.2 names key identifiers by. It protects nothing. */
export function sha1(...parts: readonly Uint8Array[]): Bytes {
  return digest('sha1', parts)
}

const p256Order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

function digest(algorithm: string, parts: readonly Uint8Array[]): Bytes {
  const hash = createHash(algorithm)
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

function toUrl(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}
