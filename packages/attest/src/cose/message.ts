import {
  CborTag,
  encodeCbor,
  isCborArray,
  isCborMap,
  MalformedError,
  parseCbor,
  type Bytes,
  type Cbor,
  type CborMap,
} from '@cloister/codec'
import { publicKey, type CurveName, type HashName, type KeyNumbers, type PublicKey } from '#crypto'
import { UnsupportedFormatError } from '../reject.ts'
import { parsePadded } from './padded.ts'

/** A COSE_Sign1 whose signature nobody has checked yet. */
export type CoseSign1 = {
  readonly algorithm: CoseAlgorithm
  /** The protected header as it was signed. */
  readonly protectedHeader: Bytes
  /** Header parameters that no signature covers. */
  readonly unprotectedHeader: CborMap
  readonly payload: Bytes
  /** r then s. */
  readonly signature: Bytes
}

/** An ECDSA algorithm, its number in the registry, and the one curve that it is used with here. */
export type CoseAlgorithm = {
  readonly id: -7 | -35 | -36
  readonly name: 'ES256' | 'ES384' | 'ES512'
  readonly curve: CurveName
  readonly hash: HashName
}

/** Most bytes of one message, whatever it is made of. */
export const coseBytesMax = 64 * 1024

/** Deepest nesting of CBOR in evidence. */
export const cborDepthMax = 16

/** Limits on an envelope: what is in it is a byte string, read by whom it is for. */
const envelopeLimits = {
  bytesMax: coseBytesMax,
  depthMax: cborDepthMax,
  itemsMax: 128,
  canonical: true,
}
const headerParametersMax = 8
const protectedHeaderBytesMax = 256

/** Labels of header parameters. Spec: RFC 9052 section 3.1. */
const labels = { algorithm: 1, critical: 2 }

/** Spec: RFC 9053 section 2.1, each algorithm with the curve of its own strength. */
const algorithms: readonly CoseAlgorithm[] = [
  { id: -7, name: 'ES256', curve: 'P-256', hash: 'SHA-256' },
  { id: -35, name: 'ES384', curve: 'P-384', hash: 'SHA-384' },
  { id: -36, name: 'ES512', curve: 'P-521', hash: 'SHA-512' },
]

/** HMAC and AES-CBC-MAC. Spec: RFC 9053 sections 3.1 and 3.2. */
const macAlgorithms: ReadonlySet<number> = new Set([4, 5, 6, 7, 14, 15, 25, 26])

const tags = { mac0: 17, sign1: 18 }

/**
 * Reads a COSE_Sign1, with its tag or without. Zeros after it are padding, other bytes are not; inside of something
 * that says how long it is, nothing may follow it.
 *
 * The envelope and its protected header have to be in their deterministic encoding, so that none of their bytes can
 * be altered unnoticed although no signature covers the envelope. Spec: RFC 9052 section 4.2.
 *
 * @throws {UnsupportedFormatError} on another algorithm, or a COSE_Mac0.
 * @throws {MalformedError} on anything else that is none.
 */
export function parseSign1(
  bytes: Bytes,
  what: string,
  place: 'alone' | 'inside' = 'alone',
): CoseSign1 {
  const read = place === 'alone' ? parsePadded : parseCbor
  const { tag, id, ...message } = readEnvelope(read(bytes, what, envelopeLimits), what)
  if (tag === tags.mac0 || macAlgorithms.has(id))
    throw new UnsupportedFormatError(what, 0, 'a COSE_Mac0', 'SYMMETRIC_TOKEN_NOT_SUPPORTED')
  const algorithm = algorithms.find((known) => known.id === id)
  if (algorithm === undefined)
    throw new UnsupportedFormatError(
      `${what} algorithm`,
      0,
      `got ${id}, expected ES256, ES384 or ES512`,
    )
  return { algorithm, ...message }
}

/** The bytes that are signed. Spec: RFC 9052 section 4.4, with no external data. */
export function signedBytes(message: CoseSign1): Bytes {
  return encodeCbor(['Signature1', message.protectedHeader, new Uint8Array(0), message.payload])
}

/** Whether `key`, which has these numbers, signed `message`: only a key on the curve of its algorithm can have. */
export async function isSign1By(
  message: CoseSign1,
  numbers: KeyNumbers,
  key: PublicKey = publicKey(numbers),
): Promise<boolean> {
  const { algorithm, signature } = message
  if (numbers.kind !== 'ec' || numbers.curve !== algorithm.curve) return false
  const scheme = { scheme: 'ecdsa', hash: algorithm.hash } as const
  return await key.verify(scheme, signedBytes(message), signature)
}

type Envelope = Omit<CoseSign1, 'algorithm'> & {
  readonly tag: number | bigint | undefined
  /** The algorithm's number. */
  readonly id: number
}

function readEnvelope(value: Cbor, what: string): Envelope {
  const tag = value instanceof CborTag ? value.tag : undefined
  if (tag !== undefined && tag !== tags.sign1 && tag !== tags.mac0)
    throw new MalformedError(`${what} tag`, 0, `got ${tag}, expected 18 (COSE_Sign1) or none`)
  const members = value instanceof CborTag ? value.value : value
  if (!isCborArray(members) || members.length !== 4)
    throw new MalformedError(what, 0, 'expected an array of four (COSE_Sign1)')
  const [first, unprotectedHeader, payload, signature] = members
  const protectedHeader = asBytes(first, `${what} protected header`)
  const header = readProtectedHeader(protectedHeader, `${what} protected header`)
  const id = header.get(labels.algorithm)
  if (typeof id !== 'number')
    throw new MalformedError(`${what} protected header`, 0, 'no algorithm that is a number')
  checkUnprotectedHeader(unprotectedHeader, header, `${what} unprotected header`)
  return {
    tag,
    id,
    protectedHeader,
    unprotectedHeader,
    payload: asBytes(payload, `${what} payload`),
    signature: asBytes(signature, `${what} signature`),
  }
}

/** Spec: RFC 9052 section 3: a critical parameter that is not known refuses the message. */
function readProtectedHeader(bytes: Bytes, field: string): CborMap {
  if (bytes.length > protectedHeaderBytesMax)
    throw new MalformedError(
      field,
      0,
      `${bytes.length} bytes, at most ${protectedHeaderBytesMax} are read`,
    )
  const header = parseCbor(bytes, field, envelopeLimits)
  if (!isCborMap(header)) throw new MalformedError(field, 0, 'expected a map')
  checkCount(header, field)
  if (header.has(labels.critical))
    throw new MalformedError(field, 0, 'critical parameters, and none is known here')
  return header
}

/** Spec: RFC 9052 section 3: no label in both headers; algorithm and critical ones only under the signature. */
function checkUnprotectedHeader(
  header: Cbor,
  protectedHeader: CborMap,
  field: string,
): asserts header is CborMap {
  if (!isCborMap(header)) throw new MalformedError(field, 0, 'expected a map')
  checkCount(header, field)
  for (const label of header.keys())
    if (protectedHeader.has(label) || label === labels.algorithm || label === labels.critical)
      throw new MalformedError(field, 0, `parameter ${label} may not stand here`)
}

function checkCount(header: CborMap, field: string): void {
  if (header.size > headerParametersMax)
    throw new MalformedError(
      field,
      0,
      `${header.size} parameters, at most ${headerParametersMax} are read`,
    )
}

function asBytes(value: Cbor, field: string): Bytes {
  if (!(value instanceof Uint8Array)) throw new MalformedError(field, 0, 'expected a byte string')
  return value
}
