import { DerReader, encodeHex, parseHex, type Bytes, type UnixSeconds } from '@cloister/codec'
import { digest } from '#crypto'
import { Refusal, refuseUnless } from '../reject.ts'
import type { Certificate } from './certificate.ts'
import { type CertificateMemory, type Chain } from './chain.ts'
import type { OcspAnswer, OcspResponse } from './ocsp.ts'

/** What responders say of one certificate of a chain, and how long they say so. */
export type CertificateStatus =
  | { readonly status: 'good'; readonly until: UnixSeconds }
  | { readonly status: 'revoked' | 'hold' | 'unknown' }

/** The purpose of a certificate that may sign responses. Spec: RFC 6960 section 4.2.2.2. */
const ocspSigning = '1.3.6.1.5.5.7.3.9'

/**
 * Finds out the status of the certificate at `index` of a verified chain. Undefined where no response speaks of it.
 *
 * A response counts where it names the certificate's issuer (name and key) and serial number. It has to be signed by
 * that issuer, or by a certificate for signing responses that the issuer or an authority above it in the chain issued:
 * who can certify the issuer anew can vouch for a responder too. The worst of several answers counts.
 * Spec: RFC 6960 sections 2.4, 3.2 and 4.2.2.2.
 *
 * @throws {Refusal} OCSP_INVALID_OR_EXPIRED where a response that speaks of it is not one to believe.
 */
export async function certificateStatus(
  chain: Chain,
  index: number,
  responses: readonly OcspResponse[],
  now: UnixSeconds,
  memory: CertificateMemory,
): Promise<CertificateStatus | undefined> {
  const [certificate, issuer] = [chain[index], chain[index + 1]]
  if (certificate === undefined || issuer === undefined) return undefined
  const what = JSON.stringify(certificate.commonName.slice(0, 64))
  const found: OcspAnswer[] = []
  for (const response of responses)
    for (const answer of response.answers) {
      if (!(await speaksOf(answer, certificate, issuer))) continue
      refuseUnless(
        answer.thisUpdate <= now && now <= answer.nextUpdate,
        'OCSP_INVALID_OR_EXPIRED',
        () =>
          `answer about ${what} is valid from ${answer.thisUpdate} to ${answer.nextUpdate}, now is ${now}`,
      )
      await verifyResponse(response, chain.slice(index + 1), what, now, memory)
      found.push(answer)
    }
  const worst = (['revoked', 'hold', 'unknown'] as const).find((status) =>
    found.some((answer) => answer.status === status),
  )
  if (worst !== undefined) return { status: worst }
  const [first, ...rest] = found.map(({ nextUpdate }) => nextUpdate)
  if (first === undefined) return undefined
  return {
    status: 'good',
    until: rest.reduce((least, time) => (time < least ? time : least), first),
  }
}

async function speaksOf(
  answer: OcspAnswer,
  certificate: Certificate,
  issuer: Certificate,
): Promise<boolean> {
  if (answer.serial !== certificate.serial) return false
  const name = encodeHex(await digest(answer.hash, parseHex(issuer.subject, 'subject')))
  if (name !== answer.issuerName) return false
  return encodeHex(await digest(answer.hash, keyBits(issuer))) === answer.issuerKey
}

/** Checks who signed a response; `authorities` are those of the chain, the certificate's issuer first. */
async function verifyResponse(
  response: OcspResponse,
  authorities: Chain,
  what: string,
  now: UnixSeconds,
  memory: CertificateMemory,
): Promise<void> {
  const [issuer] = authorities
  const candidates = [...(issuer === undefined ? [] : [issuer]), ...response.certificates]
  for (const responder of candidates) {
    if (!(await isNamed(responder, response.responder))) continue
    if (responder.keyName !== issuer?.keyName)
      await verifyDelegate(responder, authorities, what, now, memory)
    refuseUnless(
      await memory.signatures.holds(response, responder),
      'OCSP_INVALID_OR_EXPIRED',
      () => `signature of the answer about ${what}`,
    )
    return
  }
  throw new Refusal('OCSP_INVALID_OR_EXPIRED', `answer about ${what}: its responder is not known`)
}

async function isNamed(
  certificate: Certificate,
  { by, value }: OcspResponse['responder'],
): Promise<boolean> {
  if (by === 'name') return certificate.subject === value
  return encodeHex(await digest('SHA-1', keyBits(certificate))) === value
}

/** Spec: RFC 6960 section 4.2.2.2. */
async function verifyDelegate(
  responder: Certificate,
  authorities: Chain,
  what: string,
  now: UnixSeconds,
  memory: CertificateMemory,
): Promise<void> {
  const wrong = (detail: string): string => `responder of the answer about ${what}: ${detail}`
  refuseUnless(
    responder.extensions.extendedKeyUsage?.includes(ocspSigning) === true,
    'OCSP_INVALID_OR_EXPIRED',
    () => wrong('it may not sign responses'),
  )
  refuseUnless(
    responder.notBefore <= now && now <= responder.notAfter,
    'OCSP_INVALID_OR_EXPIRED',
    () => wrong(`valid from ${responder.notBefore} to ${responder.notAfter}, now is ${now}`),
  )
  for (const authority of authorities)
    if (
      authority.subject === responder.issuer &&
      (await memory.signatures.holds(responder, authority))
    )
      return
  throw new Refusal('OCSP_INVALID_OR_EXPIRED', wrong('no authority of this chain issued it'))
}

/** The key in a certificate, without the bytes that say of which kind it is. */
function keyBits(certificate: Certificate): Bytes {
  const info = new DerReader(certificate.spki).inside('public key')
  info.any('public key')
  return info.bits('public key').bytes
}
