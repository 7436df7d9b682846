import { constants, createPublicKey, hash as digestOf, verify, type KeyObject } from 'node:crypto'
import { concatBytes, encodeBase64Url, type Bytes } from '@cloister/codec'
import {
  coordinateBytes,
  isKeySize,
  saltBytes,
  type CurveName,
  type HashName,
  type KeyNumbers,
  type PublicKey,
} from './crypto-web.ts'

export { coordinateBytes, ecdsaSha256, ecdsaSha384, isKeySize } from './crypto-web.ts'
export type {
  CurveName,
  HashName,
  KeyNumbers,
  PublicKey,
  SignatureAlgorithm,
} from './crypto-web.ts'

const digestNames: Readonly<Record<HashName, string>> = {
  'SHA-1': 'sha1',
  'SHA-256': 'sha256',
  'SHA-384': 'sha384',
  'SHA-512': 'sha512',
}

/** SHA-256 of the joined parts. */
export function sha256(...parts: readonly Bytes[]): Promise<Bytes> {
  return digest('SHA-256', ...parts)
}

/** The hash of the joined parts. */
export async function digest(hash: HashName, ...parts: readonly Bytes[]): Promise<Bytes> {
  const [first] = parts
  const joined = first !== undefined && parts.length === 1 ? first : concatBytes(...parts)
  return new Uint8Array(digestOf(digestNames[hash], joined, 'buffer'))
}

/**
 * Takes a public key. The import happens once, at the first use.
 *
 * Numbers that are no key, such as a point that is not on its curve, make a key under which nothing verifies.
 */
export function publicKey(numbers: KeyNumbers): PublicKey {
  let imported: KeyObject | null | undefined
  return {
    async verify({ scheme, hash }, data, signature) {
      if ((numbers.kind === 'ec') !== (scheme === 'ecdsa')) return false
      imported ??= importKey(numbers) ?? null
      if (imported === null) return false
      if (numbers.kind === 'ec') {
        const size = coordinateBytes[numbers.curve]
        if (signature.length !== 2 * size) return false
        // A bare key and a DER signature: the options that take r then s cost half as much again.
        return verify(digestNames[hash], data, imported, derSignature(signature, size))
      }
      if (signature.length !== numbers.modulus.length) return false
      const padding =
        scheme === 'rsa-pss' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING
      const key = { key: imported, padding, saltLength: saltBytes[hash] }
      return verify(digestNames[hash], data, key, signature)
    },
  }
}

function importKey(numbers: KeyNumbers): KeyObject | undefined {
  if (!isKeySize(numbers)) return undefined
  try {
    return numbers.kind === 'ec' ? importPoint(numbers) : importModulus(numbers)
  } catch {
    return undefined // The one reason for a refusal here: the numbers are no key.
  }
}

/**
 * A point, as the text of its SubjectPublicKeyInfo: Node asks every object that it is given whether it is a key, and
 * the answer no costs more than reading the key.
 */
function importPoint({ curve, point }: KeyNumbers & { readonly kind: 'ec' }): KeyObject {
  const spki = Buffer.concat([pointPrefixes[curve], point]).toString('base64')
  return createPublicKey(`-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----\n`)
}

/** What stands before x and y in a SubjectPublicKeyInfo, DER. Spec: RFC 5480 section 2. */
const pointPrefixes: Readonly<Record<CurveName, Buffer>> = {
  'P-256': Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex'),
  'P-384': Buffer.from('3076301006072a8648ce3d020106052b8104002203620004', 'hex'),
  'P-521': Buffer.from('30819b301006072a8648ce3d020106052b810400230381860004', 'hex'),
}

function importModulus({ modulus, exponent }: KeyNumbers & { readonly kind: 'rsa' }): KeyObject {
  const key = { kty: 'RSA', n: encodeBase64Url(modulus), e: encodeBase64Url(exponent) }
  return createPublicKey({ format: 'jwk', key })
}

/** Writes r then s as DER (Ecdsa-Sig-Value). Only with P-521 is the whole longer than 127 bytes. */
function derSignature(signature: Bytes, size: number): Bytes {
  const r = derInteger(signature.subarray(0, size))
  const s = derInteger(signature.subarray(size))
  const length = r.length + s.length
  const header = length < 0x80 ? [0x30, length] : [0x30, 0x81, length]
  const der = new Uint8Array(header.length + length)
  der.set(header)
  der.set(r, header.length)
  der.set(s, header.length + r.length)
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
