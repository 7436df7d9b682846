import { equalBytes, MalformedError, parseHex, type UnixSeconds } from '@cloister/codec'
import { digest } from '#crypto'
import { anchorName, isDevnetAnchor, type Anchor } from '../anchors.ts'
import type { Given } from '../appraisal.ts'
import { malformedAs, Refusal, type RejectCode } from '../reject.ts'
import { certificateStatus, type CertificateStatus } from '../x509/certificate-status.ts'
import type { Certificate } from '../x509/certificate.ts'
import { earliest, requireSigner, verifyChain, type Chain } from '../x509/chain.ts'
import { parseOcspResponse, type OcspResponse } from '../x509/ocsp.ts'
import type { NvidiaMemory } from './memory.ts'
import { parseRim, type Rim } from './rim.ts'

/** A manifest, and what holds of it: each of these apart from the others. */
export type CheckedRim = {
  readonly rim: Rim
  /** Whether SignedInfo carries the signature of the first certificate. */
  readonly signatureHolds: boolean
  /** Whether the digest in SignedInfo is the manifest's. */
  readonly digestHolds: boolean
  /** `expired`: everything holds but the time. A reject code: what else does not. */
  readonly chain: 'good' | 'expired' | RejectCode
  /** When all its certificates are valid. */
  readonly notBefore: UnixSeconds
  readonly notAfter: UnixSeconds
  /** Of its signer and those above: looked at where all else but the time holds. */
  readonly revocation: 'good' | 'not-checked' | 'revoked'
  /** When the first thing that it rests on ends. */
  readonly until: UnixSeconds
}

/** What holds of a manifest under some anchors at any time. */
export type RimVerdict = Pick<CheckedRim, 'signatureHolds' | 'digestHolds' | 'chain'>

/** A manifest as it was given: one that can't be read says why. */
export type GivenRim = CheckedRim | { readonly malformed: string }

/** The root that chains of manifests end at. */
const rimRoots = ['nvidia-rim-root'] as const

/** Whether NVIDIA issued a manifest, and stands by it; whether its time is over is left open. */
export function isGenuine(checked: CheckedRim): boolean {
  const { signatureHolds, digestHolds, chain, revocation } = checked
  return (
    signatureHolds &&
    digestHolds &&
    (chain === 'good' || chain === 'expired') &&
    revocation !== 'revoked'
  )
}

/**
 * Reads the OCSP responses of a collateral.
 *
 * @throws {Refusal} OCSP_INVALID_OR_EXPIRED where one can't be read.
 */
export function readResponses(given: Given, memory: NvidiaMemory): readonly OcspResponse[] {
  const { collateral, now } = given
  const texts = collateral === 'none' ? [] : (collateral.nvidia?.ocspResponses ?? [])
  return texts.map((hex, index) => {
    const field = `OCSP response ${index + 1}`
    return malformedAs('OCSP_INVALID_OR_EXPIRED', () =>
      memory.responses.get(
        hex,
        now,
        () => parseOcspResponse(parseHex(hex, field), field),
        ({ answers }) =>
          answers.length === 0 ? now : earliest(answers.map(({ nextUpdate }) => nextUpdate)),
      ),
    )
  })
}

/**
 * Finds out whether any certificate of a device is revoked: all below the root, and the leaf where a response speaks of
 * it. NVIDIA's responders know nothing of leaves: the device's own boot ROM issues them.
 *
 * Undefined where a certificate is not spoken of, or its responder does not know it; else when the first answer ends.
 *
 * @throws {Refusal} CERT_REVOKED or OCSP_INVALID_OR_EXPIRED.
 */
export async function deviceRevocation(
  chain: Chain,
  responses: readonly OcspResponse[],
  now: UnixSeconds,
  memory: NvidiaMemory,
): Promise<UnixSeconds | undefined> {
  const statuses = await chainStatuses(chain, responses, now, memory)
  for (const [index, found] of statuses.entries())
    if (found?.status === 'revoked' || found?.status === 'hold')
      throw new Refusal(
        'CERT_REVOKED',
        `device chain: ${JSON.stringify(chain[index]?.commonName.slice(0, 64))} is ${found.status === 'hold' ? 'on hold' : 'revoked'}`,
      )
  const [leaf, ...authorities] = statuses
  return goodUntil(leaf === undefined ? authorities : statuses)
}

/**
 * Reads and checks the manifests of a collateral. A bad one refuses nothing: it only counts for nothing.
 *
 * @throws {Refusal} OCSP_INVALID_OR_EXPIRED where a response about a signer is not one to believe.
 */
export async function checkRims(
  given: Given,
  anchor: string,
  responses: readonly OcspResponse[],
  memory: NvidiaMemory,
): Promise<readonly GivenRim[]> {
  const texts = given.collateral === 'none' ? [] : (given.collateral.nvidia?.rims ?? [])
  const trusted = { now: given.now, anchors: anchorsFor(anchor, given.anchors) }
  const checked: GivenRim[] = []
  for (const [index, text] of texts.entries()) {
    const field = `manifest ${index + 1}`
    const read = readable(() => readRim(text, field, given.now, memory))
    checked.push(
      'malformed' in read ? read : await checkRim(read, field, trusted, responses, memory),
    )
  }
  return checked
}

/** A development root's manifest says nothing about a machine of the vendor's. */
function anchorsFor(deviceAnchor: string, anchors: readonly Anchor[]): readonly Anchor[] {
  return isDevnetAnchor(deviceAnchor)
    ? anchors
    : anchors.filter(({ kind }) => kind !== 'insecure-devnet')
}

type ReadRim = { readonly rim: Rim; readonly chain: Chain; readonly signer: Certificate }
type Trusted = { readonly now: UnixSeconds; readonly anchors: readonly Anchor[] }

function readRim(text: string, field: string, now: UnixSeconds, memory: NvidiaMemory): ReadRim {
  const chainOf = (rim: Rim): Chain =>
    memory.certificates.chain(memory.certificatesOf(rim), `${field} chain`, now)
  const until = (rim: Rim): UnixSeconds => chainOf(rim)[0]?.notAfter ?? now
  const rim = memory.rims.get(text, now, () => parseRim(text, field), until)
  const chain = chainOf(rim)
  const [signer] = chain
  if (signer === undefined) throw new MalformedError(field, 0, 'no certificate')
  return { rim, chain, signer }
}

function readable(read: () => ReadRim): ReadRim | { readonly malformed: string } {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof MalformedError) return { malformed: cause.message }
    throw cause
  }
}

async function checkRim(
  { rim, chain, signer }: ReadRim,
  field: string,
  trusted: Trusted,
  responses: readonly OcspResponse[],
  memory: NvidiaMemory,
): Promise<CheckedRim> {
  const notBefore = latest(chain.map((certificate) => certificate.notBefore))
  const notAfter = earliest(chain.map((certificate) => certificate.notAfter))
  const key = trusted.anchors.map(anchorName).join()
  const verdict = await memory.verdict(rim, key, async () => ({
    signatureHolds: await memory.certificates.signatures.holds(memory.signed(rim), signer),
    digestHolds: await isDigestOf(rim),
    chain: await judgeChain(signer, chain, field, { ...trusted, now: notBefore }, memory),
  }))
  const isNow = notBefore <= trusted.now && trusted.now <= notAfter
  const checked = {
    ...verdict,
    chain: verdict.chain === 'good' && !isNow ? 'expired' : verdict.chain,
    rim,
    notBefore,
    notAfter,
    revocation: 'not-checked',
    until: notAfter,
  } as const
  if (!isGenuine(checked)) return checked
  const statuses = await chainStatuses(chain, responses, trusted.now, memory)
  if (statuses.some((found) => found?.status === 'revoked' || found?.status === 'hold'))
    return { ...checked, revocation: 'revoked' }
  const until = goodUntil(statuses)
  if (until === undefined) return checked
  return { ...checked, revocation: 'good', until: earliest([notAfter, until]) }
}

/** Whether the digest that a manifest's signature covers is that of the manifest. */
async function isDigestOf({ signature }: Rim): Promise<boolean> {
  return equalBytes(await digest(signature.digestHash, signature.content), signature.digest)
}

/** Judges a chain at a time when all its certificates are valid. Where there is none, it is one that has expired. */
async function judgeChain(
  signer: Certificate,
  chain: Chain,
  field: string,
  trusted: Trusted,
  memory: NvidiaMemory,
): Promise<CheckedRim['chain']> {
  try {
    requireSigner(signer, '', 'CHAIN_INVALID', field)
    await verifyChain(chain, field, trusted, memory.certificates, 'remembered', rimRoots)
    return 'good'
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal
    return refusal.reject === 'CERT_EXPIRED_OR_NOT_YET_VALID' ? 'expired' : refusal.reject
  }
}

function latest(times: readonly UnixSeconds[]): UnixSeconds {
  return times.reduce((most, time) => (time > most ? time : most))
}

/** The status of every certificate of a chain but its root. */
async function chainStatuses(
  chain: Chain,
  responses: readonly OcspResponse[],
  now: UnixSeconds,
  memory: NvidiaMemory,
): Promise<readonly (CertificateStatus | undefined)[]> {
  const statuses: (CertificateStatus | undefined)[] = []
  for (let index = 0; index < chain.length - 1; index++)
    statuses.push(await certificateStatus(chain, index, responses, now, memory.statuses))
  return statuses
}

/** When the first of answers that are all good ends. */
function goodUntil(statuses: readonly (CertificateStatus | undefined)[]): UnixSeconds | undefined {
  const ends = statuses.flatMap((found) => (found?.status === 'good' ? [found.until] : []))
  return ends.length === statuses.length && ends.length > 0 ? earliest(ends) : undefined
}
