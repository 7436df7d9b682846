import { createHash, createPublicKey, hash, verify, type KeyObject } from 'node:crypto'
import type { Bytes } from '@cloister/codec'
import type { P256Key } from './crypto-web.ts'

/** SHA-256 of the joined parts. */
export async function sha256(...parts: readonly Bytes[]): Promise<Bytes> {
  const [first, ...rest] = parts
  if (first !== undefined && rest.length === 0) return copy(hash('sha256', first, 'buffer'))
  const digest = createHash('sha256')
  for (const part of parts) digest.update(part)
  return copy(digest.digest())
}

/**
 * Takes a public key as its point, x then y (64 bytes). The import happens once, at the first use.
 *
 * A point that is not on the curve is a key under which nothing verifies.
 */
export function p256Key(point: Bytes): P256Key {
  let imported: KeyObject | null | undefined
  return {
    async verify(data, signature) {
      imported ??= importPoint(point) ?? null
      if (imported === null || signature.length !== 64) return false
      return verify('sha256', data, { key: imported, dsaEncoding: 'ieee-p1363' }, signature)
    },
  }
}

function importPoint(point: Bytes): KeyObject | undefined {
  if (point.length !== 64) return undefined
  const bytes = Buffer.from(point.buffer, point.byteOffset, 64)
  try {
    return createPublicKey({
      format: 'jwk',
      key: {
        kty: 'EC',
        crv: 'P-256',
        x: bytes.toString('base64url', 0, 32),
        y: bytes.toString('base64url', 32, 64),
      },
    })
  } catch {
    return undefined // The one reason for a refusal here: not a point on the curve.
  }
}

function copy(digest: Buffer): Bytes {
  return Uint8Array.from(digest)
}
