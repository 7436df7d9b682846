import {
  derTags,
  DerReader,
  encodeHex,
  MalformedError,
  type Bytes,
  type UnixSeconds,
} from '@cloister/codec'
import type { HashName, SignatureAlgorithm } from '#crypto'
import { parseCertificate, type Certificate } from './certificate.ts'
import { eachExtension } from './extensions.ts'
import { readSignatureAlgorithm } from './signature-algorithm.ts'
import { readSignature } from './signed.ts'

/** What an OCSP response says of one certificate. */
export type OcspAnswer = {
  readonly hash: HashName
  /** Hashes of the issuer's name and key, in hexadecimal, by {@link OcspAnswer} `hash`. */
  readonly issuerName: string
  readonly issuerKey: string
  /** As {@link Certificate} writes it. */
  readonly serial: string
  /** `hold` is revoked for now. `unknown`: the responder does not know the certificate. */
  readonly status: 'good' | 'revoked' | 'hold' | 'unknown'
  readonly thisUpdate: UnixSeconds
  readonly nextUpdate: UnixSeconds
}

/** An OCSP response. Nothing here is verified. */
export type OcspResponse = {
  readonly tbs: Bytes
  readonly algorithm: SignatureAlgorithm
  readonly form: 'der'
  readonly signature: Bytes
  /** Who answers: a distinguished name, or SHA-1 of a key; both in hexadecimal. */
  readonly responder: { readonly by: 'name' | 'key'; readonly value: string }
  readonly answers: readonly OcspAnswer[]
  readonly certificates: readonly Certificate[]
}

/** What one response may have. */
export const ocspLimits = { bytesMax: 64 * 1024, answersMax: 32, certificatesMax: 4 }

const ids = {
  basic: '1.3.6.1.5.5.7.48.1.1',
  nonce: '1.3.6.1.5.5.7.48.1.2',
}

const hashes: Readonly<Record<string, HashName>> = {
  '1.3.14.3.2.26': 'SHA-1',
  '2.16.840.1.101.3.4.2.1': 'SHA-256',
  '2.16.840.1.101.3.4.2.2': 'SHA-384',
  '2.16.840.1.101.3.4.2.3': 'SHA-512',
}

/** Spec: RFC 6960 section 4.2.1, OCSPResponseStatus. */
const failures: Readonly<Record<number, string>> = {
  1: 'malformedRequest',
  2: 'internalError',
  3: 'tryLater',
  5: 'sigRequired',
  6: 'unauthorized',
}

/**
 * Reads a basic OCSP response that says when each answer ends. One that says so nowhere is good for the moment in which
 * it is asked for, and not for a record of it: it is refused.
 *
 * A nonce is read over: it binds a response to a request, and a record of one has none to compare with.
 * Spec: RFC 6960 section 4.2.1.
 *
 * @throws {MalformedError} naming the field.
 */
export function parseOcspResponse(der: Bytes, field: string): OcspResponse {
  if (der.length > ocspLimits.bytesMax)
    throw new MalformedError(
      field,
      0,
      `${der.length} bytes, at most ${ocspLimits.bytesMax} are read`,
    )
  const basic = new DerReader(openEnvelope(der, field)).inside(field)
  const tbsElement = basic.element(`${field} responseData`, derTags.sequence)
  const { algorithm } = readSignatureAlgorithm(basic, field)
  const signature = readSignature(basic, algorithm, `${field} signature`)
  const certificates = readCertificates(basic, field)
  basic.end(field)

  const tbs = new DerReader(tbsElement.whole).inside(`${field} responseData`)
  const version = tbs.peek() === 0xa0 ? tbs.inside(`${field} version`, 0xa0) : undefined
  if (version !== undefined && version.unsigned(`${field} version`) !== 0)
    throw new MalformedError(`${field} version`, 0, 'expected version 1')
  const responder = readResponder(tbs, field)
  tbs.time(`${field} producedAt`)
  const list = tbs.inside(`${field} responses`)
  const answers: OcspAnswer[] = []
  while (list.remaining > 0) {
    if (answers.length === ocspLimits.answersMax)
      throw new MalformedError(field, list.offset, `more than ${ocspLimits.answersMax} answers`)
    answers.push(readAnswer(list.inside(`${field} answer`), `${field} answer`))
  }
  readExtensions(tbs, 0xa1, field)
  tbs.end(`${field} responseData`)
  return {
    tbs: tbsElement.whole,
    algorithm,
    form: 'der',
    signature,
    responder,
    answers,
    certificates,
  }
}

/** The bytes of the BasicOCSPResponse in a successful response. */
function openEnvelope(der: Bytes, field: string): Bytes {
  const outer = new DerReader(der)
  const response = outer.inside(field)
  outer.end(field)
  const [status = 0xff, ...more] = response.element(`${field} status`, derTags.enumerated).content
  if (status !== 0 || more.length > 0)
    throw new MalformedError(`${field} status`, 0, `got ${failures[status] ?? status}`)
  const wrapper = response.inside(field, 0xa0)
  response.end(field)
  const typed = wrapper.inside(field)
  wrapper.end(field)
  if (typed.objectId(`${field} type`) !== ids.basic)
    throw new MalformedError(`${field} type`, 0, 'expected a basic response')
  const content = typed.octets(field)
  typed.end(field)
  return content
}

function readCertificates(basic: DerReader, field: string): readonly Certificate[] {
  if (basic.peek() !== 0xa0) return []
  const wrapper = basic.inside(`${field} certificates`, 0xa0)
  const list = wrapper.inside(`${field} certificates`)
  wrapper.end(`${field} certificates`)
  const found: Certificate[] = []
  while (list.remaining > 0) {
    if (found.length === ocspLimits.certificatesMax)
      throw new MalformedError(field, list.offset, 'too many certificates')
    const { whole } = list.any(`${field} certificate`)
    found.push(parseCertificate(whole, `${field} certificate ${found.length + 1}`))
  }
  return found
}

function readResponder(tbs: DerReader, field: string): OcspResponse['responder'] {
  const name = `${field} responder`
  if (tbs.peek() === 0xa1) {
    const wrapper = tbs.inside(name, 0xa1)
    const value = encodeHex(wrapper.element(name, derTags.sequence).whole)
    wrapper.end(name)
    return { by: 'name', value }
  }
  const wrapper = tbs.inside(name, 0xa2)
  const value = encodeHex(wrapper.octets(name))
  wrapper.end(name)
  return { by: 'key', value }
}

function readAnswer(answer: DerReader, field: string): OcspAnswer {
  const id = answer.inside(`${field} certID`)
  const algorithm = id.inside(`${field} hash`)
  const hash = hashes[algorithm.objectId(`${field} hash`)]
  if (hash === undefined) throw new MalformedError(`${field} hash`, 0, 'expected SHA-1 or SHA-2')
  const issuerName = encodeHex(id.octets(`${field} issuer name`))
  const issuerKey = encodeHex(id.octets(`${field} issuer key`))
  const serial = encodeHex(id.integer(`${field} serial number`))
  id.end(`${field} certID`)
  const status = readStatus(answer, `${field} status`)
  const thisUpdate = answer.time(`${field} thisUpdate`)
  const next = answer.inside(`${field} nextUpdate`, 0xa0)
  const nextUpdate = next.time(`${field} nextUpdate`)
  next.end(`${field} nextUpdate`)
  readExtensions(answer, 0xa1, field)
  answer.end(field)
  return { hash, issuerName, issuerKey, serial, status, thisUpdate, nextUpdate }
}

const certificateHold = 6

function readStatus(answer: DerReader, field: string): OcspAnswer['status'] {
  if (answer.peek() === 0xa1) {
    const revoked = answer.inside(field, 0xa1)
    revoked.time(`${field} revocationTime`)
    if (revoked.remaining === 0) return 'revoked'
    const reason = revoked.inside(`${field} reason`, 0xa0)
    revoked.end(field)
    const { content } = reason.element(`${field} reason`, derTags.enumerated)
    reason.end(`${field} reason`)
    return content.length === 1 && content[0] === certificateHold ? 'hold' : 'revoked'
  }
  const { tag, content } = answer.any(field)
  if (content.length > 0 || (tag !== 0x80 && tag !== 0x82))
    throw new MalformedError(field, 0, 'expected good, revoked or unknown')
  return tag === 0x80 ? 'good' : 'unknown'
}

/** Reads extensions over, where they are. One that is critical could change what the response means. */
function readExtensions(r: DerReader, tag: number, field: string): void {
  if (r.peek() !== tag) return
  for (const { id, critical } of eachExtension(r.inside(field, tag), field))
    if (critical && id !== ids.nonce)
      throw new MalformedError(`${field} extension ${id}`, 0, 'critical, and not known here')
}
