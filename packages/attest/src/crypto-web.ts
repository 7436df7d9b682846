import { concatBytes, type Bytes } from '@cloister/codec'

/** A P-256 public key, ready to verify with. */
export type P256Key = {
  /** Whether `signature` (r then s, 32 bytes each) is this key's over SHA-256 of `data`. */
  readonly verify: (data: Bytes, signature: Bytes) => Promise<boolean>
}

/** SHA-256 of the joined parts. */
export async function sha256(...parts: readonly Bytes[]): Promise<Bytes> {
  const joined = parts.length === 1 ? parts[0] : undefined
  return new Uint8Array(await crypto.subtle.digest('SHA-256', joined ?? concatBytes(...parts)))
}

/**
 * Takes a public key as its point, x then y (64 bytes). The import happens once, at the first use.
 *
 * A point that is not on the curve is a key under which nothing verifies.
 */
export function p256Key(point: Bytes): P256Key {
  let imported: Promise<ImportedKey | undefined> | undefined
  return {
    async verify(data, signature) {
      imported ??= importPoint(point)
      const key = await imported
      return key === undefined ? false : await crypto.subtle.verify(algorithm, key, signature, data)
    },
  }
}

type ImportedKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

async function importPoint(point: Bytes): Promise<ImportedKey | undefined> {
  const raw = concatBytes(Uint8Array.of(4), point)
  try {
    return await crypto.subtle.importKey('raw', raw, algorithm, false, ['verify'])
  } catch {
    return undefined // The one reason for a refusal here: not 64 bytes of a point on the curve.
  }
}
