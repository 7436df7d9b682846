import { createPublicKey, hash, verify, type KeyObject } from 'node:crypto'
import { concatBytes, type Bytes } from '@cloister/codec'
import type { P256Key } from './crypto-web.ts'

/** SHA-256 of the joined parts. */
export async function sha256(...parts: readonly Bytes[]): Promise<Bytes> {
  const [first] = parts
  const joined = first !== undefined && parts.length === 1 ? first : concatBytes(...parts)
  return Uint8Array.from(hash('sha256', joined, 'buffer'))
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
      // A bare key and a DER signature: the options that take r then s cost half as much again.
      return verify('sha256', data, imported, derSignature(signature))
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

/** Writes r then s as DER (Ecdsa-Sig-Value). Both are shorter than 128 bytes, so are all lengths. */
function derSignature(signature: Bytes): Bytes {
  const r = derInteger(signature.subarray(0, 32))
  const s = derInteger(signature.subarray(32, 64))
  const der = new Uint8Array(2 + r.length + s.length)
  der.set([0x30, r.length + s.length])
  der.set(r, 2)
  der.set(s, 2 + r.length)
  return der
}

function derInteger(bytes: Bytes): Bytes {
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const pad = (bytes[start] ?? 0) >= 0x80 ? 1 : 0
  const der = new Uint8Array(2 + pad + bytes.length - start)
  der.set([0x02, der.length - 2])
  der.set(bytes.subarray(start), 2 + pad)
  return der
}
