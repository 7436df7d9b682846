import { concatBytes, encodeBase64Url, type Bytes } from '@cloister/codec'

/** Hash functions that evidence uses. SHA-1 only in TPMs: a policy refuses it unless it says otherwise. */
export type HashName = 'SHA-1' | 'SHA-256' | 'SHA-384' | 'SHA-512'

/** Curves that evidence uses. */
export type CurveName = 'P-256' | 'P-384' | 'P-521'

/** How something was signed. RSA-PSS salts are as long as the hash. */
export type SignatureAlgorithm = {
  readonly scheme: 'ecdsa' | 'rsa-pkcs1' | 'rsa-pss'
  readonly hash: HashName
}

/** A public key as its numbers: a point as x then y, or modulus and exponent, big-endian. */
export type KeyNumbers =
  | { readonly kind: 'ec'; readonly curve: CurveName; readonly point: Bytes }
  | { readonly kind: 'rsa'; readonly modulus: Bytes; readonly exponent: Bytes }

/** A public key, ready to verify with. */
export type PublicKey = {
  /**
   * Whether `signature` is this key's over `data`: r then s for ECDSA, a number as long as the modulus for RSA.
   *
   * A scheme that is not this key's is no error: nothing verifies under it.
   */
  readonly verify: (
    algorithm: SignatureAlgorithm,
    data: Bytes,
    signature: Bytes,
  ) => Promise<boolean>
}

/** How ECDSA with SHA-256 is spelled: quotes, and certificates of Intel's. */
export const ecdsaSha256: SignatureAlgorithm = { scheme: 'ecdsa', hash: 'SHA-256' }

/** How ECDSA with SHA-384 is spelled: reports of AMD, AWS, NVIDIA and Arm. */
export const ecdsaSha384: SignatureAlgorithm = { scheme: 'ecdsa', hash: 'SHA-384' }

/** Bytes of one coordinate of a point. */
export const coordinateBytes: Readonly<Record<CurveName, number>> = {
  'P-256': 32,
  'P-384': 48,
  'P-521': 66,
}

/** Whether a key's numbers are of a size that is used at all: RSA from 2048 to 4096 bits, its exponent odd from 3. */
export function isKeySize(numbers: KeyNumbers): boolean {
  if (numbers.kind === 'ec') return numbers.point.length === 2 * coordinateBytes[numbers.curve]
  const { modulus, exponent } = numbers
  const bytes = modulus.length
  if (bytes < 256 || bytes > 512 || modulus[0] === 0) return false
  // With exponent 1 anybody can sign. Browsers refuse that and leading zeros, Node does not.
  const last = exponent.at(-1) ?? 0
  const isOne = exponent.length === 1 && last === 1
  return exponent.length <= 4 && exponent[0] !== 0 && last % 2 === 1 && !isOne
}

/** SHA-256 of the joined parts. */
export function sha256(...parts: readonly Bytes[]): Promise<Bytes> {
  return digest('SHA-256', ...parts)
}

/** The hash of the joined parts. */
export async function digest(hash: HashName, ...parts: readonly Bytes[]): Promise<Bytes> {
  const joined = parts.length === 1 ? parts[0] : undefined
  return new Uint8Array(await crypto.subtle.digest(hash, joined ?? concatBytes(...parts)))
}

/**
 * Takes a public key. The import happens once, at the first use.
 *
 * Numbers that are no key, such as a point that is not on its curve, make a key under which nothing verifies.
 */
export function publicKey(numbers: KeyNumbers): PublicKey {
  const imported = new Map<string, Promise<ImportedKey | undefined>>()
  const importOnce = (name: string, load: () => Promise<ImportedKey>): Promise<Found> => {
    const known = imported.get(name)
    if (known !== undefined) return known
    // The one reason for a refusal here: the numbers are no key.
    const loaded = isKeySize(numbers) ? load().catch(() => undefined) : Promise.resolve(undefined)
    imported.set(name, loaded)
    return loaded
  }
  return {
    async verify({ scheme, hash }, data, signature) {
      if ((numbers.kind === 'ec') !== (scheme === 'ecdsa')) return false
      if (numbers.kind === 'ec') {
        const key = await importOnce('ecdsa', () => importPoint(numbers.curve, numbers.point))
        const size = 2 * coordinateBytes[numbers.curve]
        if (key === undefined || signature.length !== size) return false
        return await crypto.subtle.verify({ name: 'ECDSA', hash }, key, signature, data)
      }
      const name = scheme === 'rsa-pss' ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5'
      const key = await importOnce(name + hash, () => importModulus(name, hash, numbers))
      if (key === undefined || signature.length !== numbers.modulus.length) return false
      const how = scheme === 'rsa-pss' ? { name, saltLength: saltBytes[hash] } : { name }
      return await crypto.subtle.verify(how, key, signature, data)
    },
  }
}

/** Bytes of the salt of RSA-PSS: those of the hash. Spec: RFC 4055 section 3.1. */
export const saltBytes: Readonly<Record<HashName, number>> = {
  'SHA-1': 20,
  'SHA-256': 32,
  'SHA-384': 48,
  'SHA-512': 64,
}

type ImportedKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>
type Found = ImportedKey | undefined

function importPoint(namedCurve: CurveName, point: Bytes): Promise<ImportedKey> {
  const raw = concatBytes(Uint8Array.of(4), point)
  return crypto.subtle.importKey('raw', raw, { name: 'ECDSA', namedCurve }, false, ['verify'])
}

function importModulus(
  name: string,
  hash: HashName,
  { modulus, exponent }: { readonly modulus: Bytes; readonly exponent: Bytes },
): Promise<ImportedKey> {
  const jwk = { kty: 'RSA', n: encodeBase64Url(modulus), e: encodeBase64Url(exponent) }
  return crypto.subtle.importKey('jwk', jwk, { name, hash }, false, ['verify'])
}
