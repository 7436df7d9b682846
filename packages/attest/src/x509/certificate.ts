import {
  derTags,
  DerReader,
  encodeHex,
  MalformedError,
  parseUtf8,
  type Bytes,
  type UnixSeconds,
} from '@cloister/codec'
import { publicKey, type KeyNumbers, type PublicKey, type SignatureAlgorithm } from '#crypto'
import { readExtensions, type Extensions } from './extensions.ts'
import { objectIds } from './object-ids.ts'
import { parsePublicKeyInfo } from './public-key.ts'
import { readSignatureAlgorithm } from './signature-algorithm.ts'
import { readSignature } from './signed.ts'

/** What an X.509 certificate says. Nothing here is verified. */
export type Certificate = {
  readonly tbs: Bytes
  readonly algorithm: SignatureAlgorithm
  readonly form: 'der'
  /** As it stands in the BIT STRING. */
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
  readonly numbers: KeyNumbers
  /** The public key's numbers in hexadecimal, all of them: they name the key. */
  readonly keyName: string
  readonly key: PublicKey
  readonly extensions: Extensions
}

/**
 * Reads a certificate: version 3, an EC or RSA key, signed with SHA-256 or longer, no unknown critical extension.
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
  const { algorithm, text } = readSignatureAlgorithm(certificate, field)
  const signature = readSignature(certificate, algorithm, `${field} signature`)
  certificate.end(field)

  const tbsReader = new DerReader(tbsElement.whole)
  const tbs = tbsReader.inside(`${field} tbsCertificate`)
  const versionTag = tbs.inside(`${field} version`, 0xa0)
  if (versionTag.unsigned(`${field} version`) !== 2)
    throw new MalformedError(`${field} version`, versionTag.offset, 'expected version 3')
  versionTag.end(`${field} version`)
  const serial = tbs.integer(`${field} serial number`)
  if (readSignatureAlgorithm(tbs, field).text !== text)
    throw new MalformedError(`${field} signature algorithm`, 0, 'the two algorithms differ')
  const issuer = tbs.element(`${field} issuer`, derTags.sequence)
  const validity = tbs.inside(`${field} validity`)
  const notBefore = validity.time(`${field} notBefore`)
  const notAfter = validity.time(`${field} notAfter`)
  validity.end(`${field} validity`)
  const subject = tbs.element(`${field} subject`, derTags.sequence)
  const spki = tbs.element(`${field} public key`, derTags.sequence)
  const numbers = parsePublicKeyInfo(spki.whole, `${field} public key`)
  const extensions = readExtensions(tbs.inside(`${field} extensions`, 0xa3), field)
  tbs.end(`${field} tbsCertificate`)

  return {
    tbs: tbsElement.whole,
    algorithm,
    form: 'der',
    signature,
    serial: encodeHex(serial),
    issuer: encodeHex(issuer.whole),
    subject: encodeHex(subject.whole),
    commonName: readCommonName(subject.whole, `${field} subject`),
    notBefore,
    notAfter,
    spki: spki.whole,
    numbers,
    keyName: keyName(numbers),
    key: publicKey(numbers),
    extensions,
  }
}

/** A name that no other key has. */
export function keyName(numbers: KeyNumbers): string {
  return numbers.kind === 'ec'
    ? encodeHex(numbers.point)
    : `${encodeHex(numbers.modulus)}:${encodeHex(numbers.exponent)}`
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
