import { DerReader, encodeDer, MalformedError, parseHex, type Bytes } from '@cloister/codec'
import { coordinateBytes, type CurveName, type KeyNumbers } from '#crypto'
import { objectIds } from './object-ids.ts'

const curves: Readonly<Record<string, CurveName>> = {
  [objectIds.p256]: 'P-256',
  [objectIds.p384]: 'P-384',
  [objectIds.p521]: 'P-521',
}

/**
 * Reads a SubjectPublicKeyInfo: an uncompressed point on a named curve, or an RSA key of 2048 to 4096 bits.
 *
 * Spec: RFC 5480 section 2, RFC 3279 section 2.3.1.
 *
 * @throws {MalformedError} naming `field`.
 */
export function parsePublicKeyInfo(spki: Bytes, field: string): KeyNumbers {
  const outer = new DerReader(spki)
  const r = outer.inside(field)
  outer.end(field)
  const algorithm = r.inside(field)
  const type = algorithm.objectId(field)
  if (type === objectIds.ecPublicKey) {
    const curve = curves[algorithm.objectId(field)]
    algorithm.end(field)
    if (curve === undefined)
      throw new MalformedError(field, 0, 'not a key on P-256, P-384 or P-521')
    return readPoint(r, curve, field)
  }
  if (type !== objectIds.rsaEncryption)
    throw new MalformedError(field, 0, `got a key of type ${type}, expected EC or RSA`)
  if (algorithm.remaining > 0 && algorithm.any(field).tag !== 0x05)
    throw new MalformedError(field, 0, 'RSA parameters that are not NULL')
  algorithm.end(field)
  return readModulus(r, field)
}

function readPoint(r: DerReader, curve: CurveName, field: string): KeyNumbers {
  const { bytes, unused } = r.bits(field)
  r.end(field)
  if (unused !== 0 || bytes.length !== 1 + 2 * coordinateBytes[curve] || bytes[0] !== 4)
    throw new MalformedError(field, 0, 'not an uncompressed point')
  return { kind: 'ec', curve, point: bytes.subarray(1) }
}

function readModulus(r: DerReader, field: string): KeyNumbers {
  const { bytes, unused } = r.bits(field)
  r.end(field)
  if (unused !== 0) throw new MalformedError(field, 0, 'not whole bytes')
  const outer = new DerReader(bytes)
  const pair = outer.inside(field)
  outer.end(field)
  const modulus = magnitude(pair.integer(field), field)
  const exponent = magnitude(pair.integer(field), field)
  pair.end(field)
  if (modulus.length < 256 || modulus.length > 512 || exponent.length > 4)
    throw new MalformedError(
      field,
      0,
      `got RSA of ${modulus.length * 8} bits, expected 2048 to 4096`,
    )
  return { kind: 'rsa', modulus, exponent }
}

function magnitude(integer: Bytes, field: string): Bytes {
  if ((integer[0] ?? 0) >= 0x80) throw new MalformedError(field, 0, 'a negative number')
  return integer[0] === 0 ? integer.subarray(1) : integer
}

/** Writes a SubjectPublicKeyInfo, DER: the bytes that {@link parsePublicKeyInfo} reads, and that anchors are digests of. */
export function encodePublicKeyInfo(numbers: KeyNumbers): Bytes {
  if (numbers.kind === 'ec') {
    const { curve, point } = numbers
    return encodeDer(
      0x30,
      encodeDer(0x30, ecIdentifier, curveIdentifiers[curve]),
      encodeDer(0x03, Uint8Array.of(0, 4), point),
    )
  }
  const pair = encodeDer(0x30, positive(numbers.modulus), positive(numbers.exponent))
  return encodeDer(0x30, rsaAlgorithm, encodeDer(0x03, Uint8Array.of(0), pair))
}

/** DER of the identifiers above, tag and length included. */
const ecIdentifier = parseHex('06072a8648ce3d0201', 'identifier')
const curveIdentifiers: Readonly<Record<CurveName, Bytes>> = {
  'P-256': parseHex('06082a8648ce3d030107', 'identifier'),
  'P-384': parseHex('06052b81040022', 'identifier'),
  'P-521': parseHex('06052b81040023', 'identifier'),
}
const rsaAlgorithm = parseHex('300d06092a864886f70d0101010500', 'identifier')

function positive(number: Bytes): Bytes {
  return encodeDer(0x02, (number[0] ?? 0) >= 0x80 ? Uint8Array.of(0) : new Uint8Array(0), number)
}
