import { DerReader, encodeHex, parseHex, type Bytes, type UnixSeconds } from '@cloister/codec'
import { digest } from '#crypto'
import type { SignatureMemory } from '../memory.ts'
import { Refusal, refuseUnless } from '../reject.ts'
import type { Certificate } from './certificate.ts'
import { earliest, type CertificateMemory, type Chain } from './chain.ts'
import { keyUsageBits, mayUse } from './extensions.ts'
import type { OcspAnswer, OcspResponse } from './ocsp.ts'
import { sayTime } from '../say-time.ts'

/** What responders say of one certificate of a chain, and how long they say so. */
export type CertificateStatus =
  | { readonly status: 'good'; readonly until: UnixSeconds }
  | { readonly status: 'revoked' | 'hold' | 'unknown' }

/** An answer about a certificate, whose signature holds, and when the certificate of its responder is valid. */
type Applicable = {
  readonly answer: OcspAnswer
  readonly responder: Pick<Certificate, 'notBefore' | 'notAfter'>
}

/** What is remembered of responses: which of them speak of a certificate, and bear its responder's signature. */
export class StatusMemory {
  readonly certificates: CertificateMemory
  readonly #applicable = new WeakMap<
    Chain,
    WeakMap<OcspResponse, Map<number, readonly Applicable[]>>
  >()

  constructor(certificates: CertificateMemory) {
    this.certificates = certificates
  }

  /** What was found before about the certificate at `index`. */
  recall(chain: Chain, index: number, response: OcspResponse): readonly Applicable[] | undefined {
    return this.#applicable.get(chain)?.get(response)?.get(index)
  }

  /** Keeps what was found. A refusal is never kept. */
  keep(chain: Chain, index: number, response: OcspResponse, found: readonly Applicable[]): void {
    const byResponse = this.#applicable.get(chain) ?? new WeakMap()
    this.#applicable.set(chain, byResponse)
    const byIndex = byResponse.get(response) ?? new Map<number, readonly Applicable[]>()
    byResponse.set(response, byIndex)
    byIndex.set(index, found)
  }
}

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
  memory: StatusMemory,
): Promise<CertificateStatus | undefined> {
  const [certificate, issuer] = [chain[index], chain[index + 1]]
  if (certificate === undefined || issuer === undefined) return undefined
  const found: OcspAnswer[] = []
  for (const response of responses) {
    const applicable =
      memory.recall(chain, index, response) ??
      (await findAnswers(response, chain, index, certificate, issuer, memory))
    for (const { answer, responder } of applicable) {
      requireCurrent('answer', certificate, answer.thisUpdate, answer.nextUpdate, now)
      requireCurrent('responder', certificate, responder.notBefore, responder.notAfter, now)
      found.push(answer)
    }
  }
  const worst = (['revoked', 'hold', 'unknown'] as const).find((status) =>
    found.some((answer) => answer.status === status),
  )
  if (worst !== undefined) return { status: worst }
  const [first, ...rest] = found.map(({ nextUpdate }) => nextUpdate)
  return first === undefined ? undefined : { status: 'good', until: earliest([first, ...rest]) }
}

function requireCurrent(
  what: string,
  certificate: Certificate,
  from: UnixSeconds,
  to: UnixSeconds,
  now: UnixSeconds,
): void {
  refuseUnless(
    from <= now && now <= to,
    'OCSP_INVALID_OR_EXPIRED',
    () =>
      `${what} about ${quoted(certificate)} is valid from ${sayTime(from)} to ${sayTime(to)}, now is ${sayTime(now)}`,
  )
}

/** The answers of a response that speak of a certificate. Its signature is checked where there is one. */
async function findAnswers(
  response: OcspResponse,
  chain: Chain,
  index: number,
  certificate: Certificate,
  issuer: Certificate,
  memory: StatusMemory,
): Promise<readonly Applicable[]> {
  const answers: OcspAnswer[] = []
  for (const answer of response.answers)
    if (answer.serial === certificate.serial && (await namesIssuer(answer, issuer)))
      answers.push(answer)
  let found: readonly Applicable[] = []
  if (answers.length > 0) {
    const authorities = chain.slice(index + 1)
    const responder = await verifyResponse(response, authorities, quoted(certificate), memory)
    found = answers.map((answer) => ({ answer, responder }))
  }
  memory.keep(chain, index, response, found)
  return found
}

async function namesIssuer(answer: OcspAnswer, issuer: Certificate): Promise<boolean> {
  const name = encodeHex(await digest(answer.hash, parseHex(issuer.subject, 'subject')))
  if (name !== answer.issuerName) return false
  return encodeHex(await digest(answer.hash, keyBits(issuer))) === answer.issuerKey
}

/** Checks who signed a response, and gives that certificate; `authorities` are those of the chain, the issuer first. */
async function verifyResponse(
  response: OcspResponse,
  authorities: Chain,
  what: string,
  memory: StatusMemory,
): Promise<Certificate> {
  const { signatures } = memory.certificates
  const [issuer] = authorities
  const candidates = [...authorities.slice(0, 1), ...response.certificates]
  for (const responder of candidates) {
    if (!(await isNamed(responder, response.responder))) continue
    if (responder.keyName !== issuer?.keyName)
      await verifyDelegate(responder, authorities, what, signatures)
    refuseUnless(
      await signatures.holds(response, responder),
      'OCSP_INVALID_OR_EXPIRED',
      () => `signature of the answer about ${what}`,
    )
    return responder
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

/**
 * A delegate is certified for signing responses, its key may sign, and an authority of the chain issued it. RFC 6960
 * wants that to be the issuer in question, or whom the verifier chooses to trust: NVIDIA's own verifier takes any
 * authority from there up.
 *
 * Spec: RFC 6960 section 4.2.2.2; RFC 5280 section 4.2.1.12: both extensions have to allow the purpose.
 */
async function verifyDelegate(
  responder: Certificate,
  authorities: Chain,
  what: string,
  signatures: SignatureMemory,
): Promise<void> {
  const wrong = (detail: string): string => `responder of the answer about ${what}: ${detail}`
  refuseUnless(
    responder.extensions.extendedKeyUsage?.includes(ocspSigning) === true,
    'OCSP_INVALID_OR_EXPIRED',
    () => wrong('it may not sign responses'),
  )
  refuseUnless(
    mayUse(responder.extensions, keyUsageBits.digitalSignature),
    'OCSP_INVALID_OR_EXPIRED',
    () => wrong('its key may not sign'),
  )
  for (const authority of authorities)
    if (authority.subject === responder.issuer && (await signatures.holds(responder, authority)))
      return
  throw new Refusal('OCSP_INVALID_OR_EXPIRED', wrong('no authority of this chain issued it'))
}

function quoted({ commonName }: Certificate): string {
  return JSON.stringify(commonName.slice(0, 64))
}

/** The key in a certificate, without the bytes that say of which kind it is. */
function keyBits(certificate: Certificate): Bytes {
  const info = new DerReader(certificate.spki).inside('public key')
  info.any('public key')
  return info.bits('public key').bytes
}
