import { DerReader, derTags, MalformedError, type Bytes, type UnixSeconds } from '@cloister/codec'

/**
 * When a certificate revocation list ends (nextUpdate).
 *
 * Spec: RFC 5280 section 5.1. Nothing is verified. @throws {MalformedError} where it is none.
 */
export function revocationListEnd(der: Bytes): UnixSeconds {
  const tbs = new DerReader(der).inside('revocation list').inside('revocation list')
  tbs.unsigned('revocation list version')
  tbs.element('revocation list algorithm', derTags.sequence)
  tbs.element('revocation list issuer', derTags.sequence)
  tbs.time('revocation list thisUpdate')
  return tbs.time('revocation list nextUpdate')
}

/** What has to be known of a certificate to ask whether it is revoked. Views. */
export type CertificateNames = {
  readonly serial: Bytes
  /** The whole name, DER. */
  readonly issuer: Bytes
  readonly subject: Bytes
  readonly notAfter: UnixSeconds
  /** The bits of the public key, without their count of unused bits. */
  readonly keyBits: Bytes
}

/** Reads these out of a certificate. Spec: RFC 5280 section 4.1. @throws {MalformedError} where it is none. */
export function certificateNames(der: Bytes): CertificateNames {
  const tbs = new DerReader(der).inside('certificate').inside('certificate')
  tbs.element('certificate version', 0xa0)
  const serial = tbs.integer('certificate serial number')
  tbs.element('certificate algorithm', derTags.sequence)
  const issuer = tbs.element('certificate issuer', derTags.sequence).whole
  const validity = tbs.inside('certificate validity')
  validity.time('certificate notBefore')
  const notAfter = validity.time('certificate notAfter')
  const subject = tbs.element('certificate subject', derTags.sequence).whole
  const key = tbs.inside('certificate public key')
  key.element('certificate public key algorithm', derTags.sequence)
  return { serial, issuer, subject, notAfter, keyBits: key.bits('certificate public key').bytes }
}

/**
 * When the first of an OCSP response's answers ends; undefined where one does not say.
 *
 * Spec: RFC 6960 section 4.2.1. Nothing is verified. @throws {MalformedError} where it is no response, or a refusal.
 */
export function ocspResponseEnd(der: Bytes): UnixSeconds | undefined {
  const outer = new DerReader(der).inside('OCSP response')
  const [status] = outer.element('OCSP response status', derTags.enumerated).content
  if (status !== 0)
    throw new MalformedError(
      'OCSP response status',
      0,
      `got ${status} (${ocspStatuses[status ?? -1] ?? 'unknown'}), expected 0 (successful)`,
    )
  const bytes = outer.inside('OCSP response', 0xa0).inside('OCSP response')
  if (bytes.objectId('OCSP response type') !== '1.3.6.1.5.5.7.48.1.1')
    throw new MalformedError('OCSP response type', 0, 'expected a basic response')
  const data = new DerReader(bytes.octets('OCSP response'))
    .inside('OCSP basic response')
    .inside('OCSP response data')
  data.optional('OCSP response version', 0xa0)
  data.any('OCSP responder')
  data.time('OCSP response producedAt')
  const answers = data.inside('OCSP answers')
  let first: UnixSeconds | undefined
  while (answers.remaining > 0) {
    const answer = answers.inside('OCSP answer')
    answer.element('OCSP answer certificate', derTags.sequence)
    answer.any('OCSP answer status')
    answer.time('OCSP answer thisUpdate')
    if (answer.peek() !== 0xa0) return undefined
    const end = answer.inside('OCSP answer nextUpdate', 0xa0).time('OCSP answer nextUpdate')
    first = first === undefined || end < first ? end : first
  }
  return first
}

/** Spec: RFC 6960 section 4.2.1, OCSPResponseStatus. */
const ocspStatuses: Readonly<Record<number, string>> = {
  1: 'malformedRequest',
  2: 'internalError',
  3: 'tryLater',
  5: 'sigRequired',
  6: 'unauthorized',
}
