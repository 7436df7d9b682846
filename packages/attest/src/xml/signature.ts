import { encodeUtf8, MalformedError, parseBase64, type Bytes } from '@cloister/codec'
import type { HashName, SignatureAlgorithm } from '#crypto'
import { canonicalXml } from './canonical.ts'
import { attributeOf, ElementReader, textOf } from './element-reader.ts'
import type { XmlElement } from './parse.ts'

/** An enveloped signature, read and not verified. */
export type EnvelopedSignature = {
  /** SignedInfo as Canonical XML 1.1: what is signed. */
  readonly signedInfo: Bytes
  readonly algorithm: SignatureAlgorithm
  /** r then s. */
  readonly signature: Bytes
  /** The document without its signature as Canonical XML 1.1: what the digest is of. */
  readonly content: Bytes
  readonly digestHash: HashName
  readonly digest: Bytes
  /** Base64 of the certificates in KeyInfo, without white space. */
  readonly certificates: readonly string[]
}

const dsig = 'http://www.w3.org/2000/09/xmldsig#'

/** Spec: Canonical XML 1.1 section 5. */
const canonicalizations = new Map([['http://www.w3.org/2006/12/xml-c14n11', true]])

/** Spec: XML Signature 1.1 section 6.6.4. */
const envelopings = new Map([[`${dsig}enveloped-signature`, true]])

/** Spec: RFC 6931 section 2.3.6. */
const signatureAlgorithms: ReadonlyMap<string, SignatureAlgorithm> = new Map([
  ['http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256', { scheme: 'ecdsa', hash: 'SHA-256' }],
  ['http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384', { scheme: 'ecdsa', hash: 'SHA-384' }],
])

/** Spec: XML Signature 1.1 section 6.2, RFC 6931 section 2.1. */
const digestAlgorithms: ReadonlyMap<string, HashName> = new Map([
  ['http://www.w3.org/2001/04/xmlenc#sha256', 'SHA-256'],
  ['http://www.w3.org/2001/04/xmldsig-more#sha384', 'SHA-384'],
])

/** Most certificates in one KeyInfo. */
const certificatesMax = 10

/**
 * Reads the one signature of a document: a child of its root, over all of the document but itself, with one reference,
 * Canonical XML 1.1 and X.509 certificates. Anything else that XML Signature allows is refused, so what is signed is
 * always the whole document. Spec: XML Signature 1.1 sections 4 and 6.6.4.
 *
 * @throws {MalformedError} naming `field`.
 */
export function parseEnvelopedSignature(root: XmlElement, field: string): EnvelopedSignature {
  const all = signaturesIn(root)
  const [element] = all
  if (element === undefined || all.length > 1 || !root.content.includes(element))
    throw new MalformedError(
      field,
      0,
      `got ${all.length} signatures, expected one, directly in the root element`,
    )
  const signature = new ElementReader(element, field)
  const info = signature.next(dsig, 'SignedInfo')
  const value = signature.next(dsig, 'SignatureValue')
  const keyInfo = signature.next(dsig, 'KeyInfo')
  signature.end()
  const signed = new ElementReader(info, field)
  oneOf(signed.next(dsig, 'CanonicalizationMethod'), canonicalizations, field)
  const method = signed.next(dsig, 'SignatureMethod')
  const reference = readReference(signed.next(dsig, 'Reference'), field)
  signed.end()
  return {
    signedInfo: encodeUtf8(canonicalXml([root, element, info])),
    algorithm: oneOf(method, signatureAlgorithms, field),
    signature: parseBase64(bareText(value, field), `${field} SignatureValue`),
    content: encodeUtf8(canonicalXml([root], element)),
    ...reference,
    certificates: certificatesIn(keyInfo, field),
  }
}

/** A reference to the whole document: what is left of it without this signature, as Canonical XML 1.1. */
function readReference(
  element: XmlElement,
  field: string,
): Pick<EnvelopedSignature, 'digest' | 'digestHash'> {
  if (attributeOf(element, 'URI') !== '')
    throw new MalformedError(field, 0, 'a reference that is not to the whole document')
  const reference = new ElementReader(element, field)
  const transforms = new ElementReader(reference.next(dsig, 'Transforms'), field)
  oneOf(transforms.next(dsig, 'Transform'), envelopings, field)
  oneOf(transforms.next(dsig, 'Transform'), canonicalizations, field)
  transforms.end()
  const digestHash = oneOf(reference.next(dsig, 'DigestMethod'), digestAlgorithms, field)
  const text = bareText(reference.next(dsig, 'DigestValue'), field)
  reference.end()
  return { digestHash, digest: parseBase64(text, `${field} DigestValue`) }
}

function signaturesIn(element: XmlElement): readonly XmlElement[] {
  if (element.namespace === dsig && element.name === 'Signature') return [element]
  return element.content.flatMap((child) => (typeof child === 'string' ? [] : signaturesIn(child)))
}

function certificatesIn(keyInfo: XmlElement, field: string): readonly string[] {
  const outer = new ElementReader(keyInfo, field)
  const data = new ElementReader(outer.next(dsig, 'X509Data'), field)
  outer.end()
  if (data.remaining > certificatesMax)
    throw new MalformedError(
      field,
      0,
      `${data.remaining} certificates, at most ${certificatesMax} are read`,
    )
  const found: string[] = []
  while (data.remaining > 0) found.push(bareText(data.next(dsig, 'X509Certificate'), field))
  return found
}

/** What an element's Algorithm stands for. An algorithm with parameters has elements in it: none here does. */
function oneOf<T>(element: XmlElement, known: ReadonlyMap<string, T>, field: string): T {
  const name = attributeOf(element, 'Algorithm') ?? ''
  const found = known.get(name)
  if (found === undefined || new ElementReader(element, field).remaining > 0)
    throw new MalformedError(
      field,
      0,
      `<${element.name}>: got ${JSON.stringify(name.slice(0, 80))}, expected ${[...known.keys()].join(' or ')}`,
    )
  return found
}

function bareText(element: XmlElement, field: string): string {
  return textOf(element, field).replaceAll(/[ \t\n\r]+/g, '')
}
