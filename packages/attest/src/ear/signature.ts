import type { Bytes } from '@cloister/codec'

/** How an EAR may be signed. Spec: RFC 7518 section 3.4; RFC 8037 section 3.1. */
export type EarAlgorithm = 'ES256' | 'EdDSA'

/** A WebCrypto key. */
export type EarKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** Signs EARs: a key in a file, in an enclave or behind a service. */
export type EarSigner = {
  readonly algorithm: EarAlgorithm
  /** Names the key for those who hold several. */
  readonly keyId?: string
  /** Gives 64 bytes: r then s, or an Ed25519 signature. */
  readonly sign: (bytes: Bytes) => Promise<Bytes>
}

/** Signs with a WebCrypto key. @throws {TypeError} where it is no private key on P-256 or Ed25519. */
export function earSigner(key: EarKey, keyId?: string): EarSigner {
  const algorithm = algorithmOf(key)
  if (key.type !== 'private') throw new TypeError(`Cannot sign with a ${key.type} key`)
  return {
    algorithm,
    ...(keyId !== undefined && { keyId }),
    sign: async (bytes) =>
      new Uint8Array(await crypto.subtle.sign(parameters[algorithm], key, bytes)),
  }
}

/** Whether `signature` is the key's over `bytes`, by the key's own algorithm. */
export async function verifyEarSignature(
  key: EarKey,
  signature: Bytes,
  bytes: Bytes,
): Promise<boolean> {
  if (signature.length !== 64) return false
  return await crypto.subtle.verify(parameters[algorithmOf(key)], key, signature, bytes)
}

/** The one algorithm of a key. @throws {TypeError} where it is of another kind. */
export function algorithmOf(key: EarKey): EarAlgorithm {
  const { name } = key.algorithm
  if (name === 'Ed25519') return 'EdDSA'
  if (name === 'ECDSA' && 'namedCurve' in key.algorithm && key.algorithm.namedCurve === 'P-256')
    return 'ES256'
  throw new TypeError(`Cannot use a key of ${name}: P-256 (ECDSA) or Ed25519`)
}

const parameters = {
  ES256: { name: 'ECDSA', hash: 'SHA-256' },
  EdDSA: { name: 'Ed25519' },
} as const
