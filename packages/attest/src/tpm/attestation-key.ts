import { MalformedError, Reader, type Bytes } from '@cloister/codec'
import { coordinateBytes, type KeyNumbers } from '#crypto'
import { UnsupportedFormatError } from '../reject.ts'
import { parsePublicKeyInfo } from '../x509/public-key.ts'
import {
  algorithmIds,
  readCurve,
  readHash,
  readSchemeOrNone,
  type TpmHash,
  type TpmScheme,
} from './algorithms.ts'
import { readSized } from './parse.ts'

/** A key that is said to be a TPM's attestation key. */
export type AttestationKey = {
  readonly numbers: KeyNumbers
  /** What the TPM lets the key do. Known only where the key came as TPMT_PUBLIC. */
  readonly attributes?: KeyAttributes
  /** The one scheme that the key signs with. Known only where the key came as TPMT_PUBLIC and is tied to one. */
  readonly scheme?: { readonly scheme: TpmScheme; readonly hash: TpmHash }
}

/** What a TPM lets a key do. Spec: TCG TPM 2.0 library, part 2, 8.3 (TPMA_OBJECT). */
export type KeyAttributes = {
  /** The 32 bits, in hexadecimal. */
  readonly raw: string
  /** It can't leave its TPM. */
  readonly fixedTpm: boolean
  /** It was made inside the TPM. */
  readonly sensitiveDataOrigin: boolean
  /** It signs nothing from outside that looks as if the TPM had made it. */
  readonly restricted: boolean
  readonly sign: boolean
  readonly decrypt: boolean
}

const attributeBits = {
  fixedTpm: 1,
  sensitiveDataOrigin: 5,
  restricted: 16,
  decrypt: 17,
  sign: 18,
} as const

const field = 'attestation key'
const policyBytesMax = 64
const modulusBytesMax = 512
const coordinateBytesMax = 66
const usualExponent = Uint8Array.of(1, 0, 1)

/**
 * Reads an attestation key: SubjectPublicKeyInfo (DER) or TPMT_PUBLIC.
 *
 * What TPMT_PUBLIC says the key may do is said by whoever sent it: only the quote is signed.
 *
 * @throws {UnsupportedFormatError} on a type of key, scheme or curve not verified here.
 * @throws {MalformedError} naming the field.
 */
export function parseAttestationKey(bytes: Bytes): AttestationKey {
  if (bytes[0] === 0x30) return { numbers: parsePublicKeyInfo(bytes, field) }
  return parseTpmtPublic(bytes)
}

/** Spec: part 2, 12.2.4 (TPMT_PUBLIC). */
function parseTpmtPublic(bytes: Bytes): AttestationKey {
  const r = new Reader(bytes, 'big')
  const type = r.u16(`${field} type`)
  if (type !== algorithmIds.rsa && type !== algorithmIds.ecc)
    throw new UnsupportedFormatError(
      `${field} type`,
      0,
      `got ${type}, expected SubjectPublicKeyInfo, or TPMT_PUBLIC of RSA (1) or ECC (35)`,
    )
  readHash(r, `${field} name algorithm`)
  const attributes = readAttributes(r.u32(`${field} attributes`))
  readSized(r, `${field} policy`, policyBytesMax)
  skipSymmetric(r)
  const scheme = readOptionalScheme(r)
  const numbers = type === algorithmIds.rsa ? readRsa(r) : readEcc(r)
  r.end(field)
  return { numbers, attributes, ...(scheme && { scheme }) }
}

function readAttributes(bits: number): KeyAttributes {
  const has = (bit: number): boolean => ((bits >>> bit) & 1) === 1
  return {
    raw: bits.toString(16).padStart(8, '0'),
    fixedTpm: has(attributeBits.fixedTpm),
    sensitiveDataOrigin: has(attributeBits.sensitiveDataOrigin),
    restricted: has(attributeBits.restricted),
    sign: has(attributeBits.sign),
    decrypt: has(attributeBits.decrypt),
  }
}

/** TPMT_SYM_DEF_OBJECT: of a key that decrypts. Spec: part 2, 11.1.7. */
function skipSymmetric(r: Reader): void {
  if (r.u16(`${field} symmetric algorithm`) === algorithmIds.null) return
  r.u16(`${field} symmetric key bits`)
  r.u16(`${field} symmetric mode`)
}

/** TPMT_RSA_SCHEME or TPMT_ECC_SCHEME; one of a key that decrypts is not read on. Spec: part 2, 11.2.4.2, 11.2.5.6. */
function readOptionalScheme(r: Reader): AttestationKey['scheme'] {
  const scheme = readSchemeOrNone(r, `${field} scheme`)
  return scheme === 'none' ? undefined : { scheme, hash: readHash(r, `${field} scheme hash`) }
}

function readRsa(r: Reader): KeyNumbers {
  const at = r.offset
  const bits = r.u16(`${field} bits`)
  const exponent = trimmed(r.bytes(`${field} exponent`, 4))
  const modulus = readSized(r, `${field} modulus`, modulusBytesMax)
  if (bits < 2048 || modulus.length * 8 !== bits)
    throw new MalformedError(field, at, `got RSA of ${bits} bits in ${modulus.length} bytes`)
  return { kind: 'rsa', modulus, exponent: exponent.length === 0 ? usualExponent : exponent }
}

function readEcc(r: Reader): KeyNumbers {
  const curve = readCurve(r, `${field} curve`)
  if (r.u16(`${field} key derivation`) !== algorithmIds.null) readHash(r, `${field} key derivation`)
  const size = coordinateBytes[curve]
  const point = new Uint8Array(2 * size)
  for (const [index, name] of ['x', 'y'].entries()) {
    const at = r.offset
    const coordinate = readSized(r, `${field} ${name}`, coordinateBytesMax)
    if (coordinate.length > size)
      throw new MalformedError(`${field} ${name}`, at, `longer than ${size} bytes`)
    point.set(coordinate, (index + 1) * size - coordinate.length)
  }
  return { kind: 'ec', curve, point }
}

/** A number without leading zeros. An exponent of zero stands for 65537. Spec: part 2, 12.2.3.5. */
function trimmed(bytes: Bytes): Bytes {
  const first = bytes.findIndex((byte) => byte !== 0)
  return first < 0 ? new Uint8Array(0) : bytes.subarray(first)
}
