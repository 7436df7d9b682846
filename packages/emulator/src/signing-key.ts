import { createECDH, createHash, hkdfSync } from 'node:crypto'
import { concatBytes, encodeUtf8, parseHex, type Bytes } from '@cloister/codec'
import { objectIdentifier, sequence, unsignedInteger } from './der.ts'
import { signDeterministic, toHex } from './deterministic-ecdsa.ts'

/** A key that certificates can be issued for and by, of whatever algorithm. */
export type CertificateKey = {
  /** AlgorithmIdentifier of the key, DER. */
  readonly keyAlgorithm: Bytes
  /** Content of the BIT STRING that carries the public key. */
  readonly publicKey: Bytes
  /** AlgorithmIdentifier of the signatures that {@link CertificateKey.signDer} makes, DER. */
  readonly signatureAlgorithm: Bytes
  /** A signature as certificates carry it. */
  signDer(message: Uint8Array): Bytes
}

/** An elliptic curve key of the emulator's. It follows from the seed, and its signatures from it and the message. */
export type SigningKey = CertificateKey & {
  readonly curve: SigningCurve
  /** x and y, each as long as the curve's coordinates: 64, 96 or 132 bytes. */
  readonly point: Bytes
  /** ECDSA with the curve's hash as r and s, as long as the point. */
  signRaw(message: Uint8Array): Bytes
}

/** Curves that manufacturers sign on. Each one goes with the hash of its own strength. */
export type SigningCurve = 'P-256' | 'P-384' | 'P-521'

/** Bytes that follow from a 32-byte seed and a label: equal inputs, equal bytes. Spec: RFC 5869. */
export function deriveBytes(seed: Uint8Array, label: string, size: number): Bytes {
  const info = encodeUtf8(`cloister/emulator/1/${label}`)
  return new Uint8Array(hkdfSync('sha256', seed, new Uint8Array(0), info, size))
}

/** Derives a key from a seed. Spec: FIPS 186-5 appendix A.2.1 (extra random bits). */
export function deriveSigningKey(
  seed: Uint8Array,
  label: string,
  curve: SigningCurve = 'P-256',
): SigningKey {
  const domain = curves[curve]
  const { openSslName, order, bytes, curveId, signatureId } = domain
  // 128 bits more than the order has: what the remainder favours is not noticeable.
  const wide = deriveBytes(seed, `key/${label}`, bytes + 16)
  const scalar = (BigInt(`0x${Buffer.from(wide).toString('hex')}`) % (order - 1n)) + 1n
  const pair = createECDH(openSslName)
  pair.setPrivateKey(toHex(scalar, bytes), 'hex')
  const publicKey = new Uint8Array(pair.getPublicKey())
  const signNumbers = (message: Uint8Array): readonly [r: Bytes, s: Bytes] => {
    const { r, s } = signDeterministic(domain, scalar, message)
    return [parseHex(toHex(r, bytes)), parseHex(toHex(s, bytes))]
  }
  return {
    curve,
    point: publicKey.slice(1),
    keyAlgorithm: sequence(objectIdentifier('1.2.840.10045.2.1'), objectIdentifier(curveId)),
    publicKey,
    signatureAlgorithm: sequence(objectIdentifier(signatureId)),
    signRaw: (message) => concatBytes(...signNumbers(message)),
    signDer: (message) => sequence(...signNumbers(message).map(unsignedInteger)),
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

/** SHA-512. */
export function sha512(...parts: readonly Uint8Array[]): Bytes {
  return digest('sha512', parts)
}

/** SHA-1, which RFC 5280 section 4.2.1.2 names key identifiers by. It protects nothing. */
export function sha1(...parts: readonly Uint8Array[]): Bytes {
  return digest('sha1', parts)
}

/** Names, hash, order and bytes of one coordinate. Spec: SP 800-186 section 3.2.1; RFC 5480; RFC 5758. */
export const curves = {
  'P-256': {
    openSslName: 'prime256v1',
    hash: 'sha256',
    order: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
    bytes: 32,
    curveId: '1.2.840.10045.3.1.7',
    signatureId: '1.2.840.10045.4.3.2',
  },
  'P-384': {
    openSslName: 'secp384r1',
    hash: 'sha384',
    order:
      0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
    bytes: 48,
    curveId: '1.3.132.0.34',
    signatureId: '1.2.840.10045.4.3.3',
  },
  'P-521': {
    openSslName: 'secp521r1',
    hash: 'sha512',
    order:
      0x1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
    bytes: 66,
    curveId: '1.3.132.0.35',
    signatureId: '1.2.840.10045.4.3.4',
  },
} as const

function digest(algorithm: string, parts: readonly Uint8Array[]): Bytes {
  const hash = createHash(algorithm)
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}
