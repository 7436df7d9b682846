import {
  derTags,
  DerReader,
  encodeHex,
  MalformedError,
  parseUtf8,
  type Bytes,
  type UnixSeconds,
} from '@cloister/codec'
import { p256Key, type P256Key } from '#crypto'
import { parseEcdsaSignature } from './ecdsa-signature.ts'
import { readExtensions, type Extensions } from './extensions.ts'
import { objectIds } from './object-ids.ts'

/** What an X.509 certificate with a P-256 key says. Nothing here is verified. */
export type Certificate = {
  readonly tbs: Bytes
  readonly signature: Bytes
  /** Serial number: two's complement, big-endian, hexadecimal. */
  readonly serial: string
  /** Distinguished names, as the DER bytes in hexadecimal: compared, never shown. */
  readonly issuer: string
  readonly subject: string
  /** Common name of the subject, empty where there is none. */
  readonly commonName: string
  readonly notBefore: UnixSeconds
  readonly notAfter: UnixSeconds
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Bytes
  /** The public key's point in hexadecimal: it names the key. */
  readonly point: string
  readonly key: P256Key
  readonly extensions: Extensions
}

/**
 * Reads a certificate: version 3, ECDSA P-256 with SHA-256 throughout, no unknown critical extension.
 *
 * Nothing is trusted yet. Spec: RFC 5280 section 4.1.
 *
 * @throws {MalformedError} naming the field, where the bytes are not such a certificate.
 */
export function parseCertificate(der: Bytes, field: string): Certificate {
  const outer = new DerReader(der)
  const certificate = outer.inside(field)
  outer.end(field)
  const tbsElement = certificate.any(`${field} tbsCertificate`)
  const signatureAlgorithm = readSignatureAlgorithm(certificate, field)
  const signature = parseEcdsaSignature(certificate, `${field} signature`)
  certificate.end(field)

  const tbsReader = new DerReader(tbsElement.whole)
  const tbs = tbsReader.inside(`${field} tbsCertificate`)
  const versionTag = tbs.inside(`${field} version`, 0xa0)
  if (versionTag.unsigned(`${field} version`) !== 2)
    throw new MalformedError(`${field} version`, versionTag.offset, 'expected version 3')
  versionTag.end(`${field} version`)
  const serial = tbs.integer(`${field} serial number`)
  if (readSignatureAlgorithm(tbs, field) !== signatureAlgorithm)
    throw new MalformedError(`${field} signature algorithm`, 0, 'the two algorithms differ')
  const issuer = tbs.element(`${field} issuer`, derTags.sequence)
  const validity = tbs.inside(`${field} validity`)
  const notBefore = validity.time(`${field} notBefore`)
  const notAfter = validity.time(`${field} notAfter`)
  validity.end(`${field} validity`)
  const subject = tbs.element(`${field} subject`, derTags.sequence)
  const spki = tbs.element(`${field} public key`, derTags.sequence)
  const point = readP256Point(spki.whole, `${field} public key`)
  const extensions = readExtensions(tbs.inside(`${field} extensions`, 0xa3), field)
  tbs.end(`${field} tbsCertificate`)

  return {
    tbs: tbsElement.whole,
    signature,
    serial: encodeHex(serial),
    issuer: encodeHex(issuer.whole),
    subject: encodeHex(subject.whole),
    commonName: readCommonName(subject.whole, `${field} subject`),
    notBefore,
    notAfter,
    spki: spki.whole,
    point: encodeHex(point),
    key: p256Key(point),
    extensions,
  }
}

/** Reads an AlgorithmIdentifier, which must be ecdsa-with-SHA256 without parameters. */
export function readSignatureAlgorithm(r: DerReader, field: string): string {
  const algorithm = r.inside(`${field} signature algorithm`)
  const id = algorithm.objectId(`${field} signature algorithm`)
  if (id !== objectIds.ecdsaWithSha256)
    throw new MalformedError(
      `${field} signature algorithm`,
      0,
      `got ${id}, expected ECDSA, SHA-256`,
    )
  algorithm.end(`${field} signature algorithm`)
  return id
}

function readP256Point(spki: Bytes, field: string): Bytes {
  const r = new DerReader(spki).inside(field)
  const algorithm = r.inside(field)
  const type = algorithm.objectId(field)
  const curve = type === objectIds.ecPublicKey ? algorithm.objectId(field) : ''
  algorithm.end(field)
  if (curve !== objectIds.p256) throw new MalformedError(field, 0, 'not a P-256 key')
  const { bytes, unused } = r.bits(field)
  r.end(field)
  if (unused !== 0 || bytes.length !== 65 || bytes[0] !== 4)
    throw new MalformedError(field, 0, 'not an uncompressed point')
  return bytes.subarray(1)
}

function readCommonName(name: Bytes, field: string): string {
  const r = new DerReader(name).inside(field)
  let found = ''
  while (r.remaining > 0) {
    const set = r.inside(field, derTags.set)
    while (set.remaining > 0) {
      const attribute = set.inside(field)
      const type = attribute.objectId(field)
      const value = attribute.any(field)
      attribute.end(field)
      if (type === objectIds.commonName) found = parseUtf8(value.content, field)
    }
  }
  return found
}
