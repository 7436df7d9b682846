import {
  encodeHex,
  MalformedError,
  parseBase64,
  parsePemBlocks,
  unixSeconds,
  type Bytes,
  type UnixSeconds,
} from '@cloister/codec'
import { sha256 } from '#crypto'
import { anchorName, findAnchor, type Anchor, type ProductionAnchorName } from '../anchors.ts'
import { Recall, SignatureMemory } from '../memory.ts'
import { Refusal, refuseUnless, type RejectCode } from '../reject.ts'
import { parseCertificate, type Certificate } from './certificate.ts'
import { keyUsageBits, mayUse } from './extensions.ts'
import type { RevocationList } from './revocation-list.ts'
import { isSignedBy } from './signed.ts'
import { sayTime } from '../say-time.ts'

/** How many certificates and characters one chain may have. */
export const chainLimits = { blocksMax: 10, charactersMax: 64 * 1024 }

/** Certificates from the leaf to the root, each said to be issued by the next. */
export type Chain = readonly Certificate[]

/** What appraisals remember about certificates: what they say, and which signatures hold. */
export class CertificateMemory {
  /** Signatures by keys of authorities and of Intel's signers. */
  readonly signatures = new SignatureMemory()
  /** Revocation lists by their hexadecimal. */
  readonly lists = new Recall<RevocationList>()
  readonly #certificates = new Recall<Certificate>()
  readonly #certificatesByDer = new Recall<Certificate>()
  readonly #chains = new Recall<Chain>()
  readonly #spkiDigests = new WeakMap<Certificate, string>()

  /** Reads a chain of PEM certificates. @throws {MalformedError} naming `field`. */
  chain(pem: string, field: string, now: UnixSeconds): Chain {
    return this.#chains.get(
      pem,
      now,
      () => this.#readChain(pem, field, now),
      (chain) => earliest(chain.map((certificate) => certificate.notAfter)),
    )
  }

  /** Reads a chain of DER certificates. @throws {MalformedError} naming `field`. */
  chainOfDer(certificates: readonly Bytes[], field: string, now: UnixSeconds): Chain {
    const { blocksMax } = chainLimits
    if (certificates.length === 0 || certificates.length > blocksMax)
      throw new MalformedError(field, 0, `expected 1 to ${blocksMax} certificates`)
    return certificates.map((der, index) =>
      this.#certificatesByDer.get(
        singleBytes.decode(der),
        now,
        () => parseCertificate(der.slice(), `${field} certificate ${index + 1}`),
        (certificate) => certificate.notAfter,
      ),
    )
  }

  /** SHA-256 of a certificate's SubjectPublicKeyInfo, in hexadecimal. */
  async spkiSha256(certificate: Certificate): Promise<string> {
    const known = this.#spkiDigests.get(certificate)
    if (known !== undefined) return known
    const digest = encodeHex(await sha256(certificate.spki))
    this.#spkiDigests.set(certificate, digest)
    return digest
  }

  #readChain(pem: string, field: string, now: UnixSeconds): Chain {
    const blocks = parsePemBlocks(pem, 'CERTIFICATE', field, chainLimits)
    if (blocks.length === 0) throw new MalformedError(field, 0, 'no certificate')
    return blocks.map((block, index) => {
      const name = `${field} certificate ${index + 1}`
      return this.#certificates.get(
        block,
        now,
        () => parseCertificate(parseBase64(block, name), name),
        (certificate) => certificate.notAfter,
      )
    })
  }
}

/** Gives each byte a character of its own, so that different bytes are never one text; faster than base64. */
const singleBytes = new TextDecoder('latin1')

/** The end of what has none: the last second that four digits of a year can say. */
export const noEnd: UnixSeconds = unixSeconds(253_402_300_799)

/** The earliest of some times. */
export function earliest(times: readonly UnixSeconds[]): UnixSeconds {
  const [first, ...rest] = times
  if (first === undefined) throw new RangeError('Cannot take the earliest of no times')
  return rest.reduce((least, time) => (time < least ? time : least), first)
}

/**
 * Checks a chain to one of `anchors` and gives that anchor's name.
 *
 * In this order: names, authority and path lengths; the root's key; every signature; every validity.
 * The leaf's own signature is computed anew each time where `leaf` says so, all others are remembered.
 * `roots` are the vendor roots that may stand above such a chain: another vendor's is not trusted here.
 * Spec: RFC 5280 section 6.1; Intel SGX PCK Certificate and CRL Profile, section 1.
 *
 * @throws {Refusal} CHAIN_INVALID, UNTRUSTED_ROOT, CHAIN_SIGNATURE or CERT_EXPIRED_OR_NOT_YET_VALID.
 */
export async function verifyChain(
  chain: Chain,
  what: string,
  given: { readonly anchors: readonly Anchor[]; readonly now: UnixSeconds },
  memory: CertificateMemory,
  leaf: 'anew' | 'remembered',
  roots: readonly ProductionAnchorName[],
): Promise<string> {
  const root = checkStructure(chain, what)
  const digest = await memory.spkiSha256(root)
  const anchor = findAnchor(given.anchors, digest, roots)
  if (anchor === undefined)
    throw new Refusal('UNTRUSTED_ROOT', `${what}: root key ${digest} is not an anchor`)

  const { signatures } = memory
  // No closures in these loops: chains are walked often, and what they would capture is most of the memory spent.
  let index = 0
  for (const certificate of chain) {
    const issuer = chain[index + 1] ?? certificate // The root is its own issuer.
    // What is known is not waited for: most signatures of a warm appraisal are.
    const holds =
      index === 0 && leaf === 'anew'
        ? await isSignedBy(certificate, issuer)
        : signatures.knows(certificate, issuer) || (await signatures.holds(certificate, issuer))
    if (!holds) throw new Refusal('CHAIN_SIGNATURE', `${what}: signature of ${quoted(certificate)}`)
    index++
  }
  for (const certificate of chain) requireValid(certificate, what, given.now)
  return anchorName(anchor)
}

function requireValid(certificate: Certificate, what: string, now: UnixSeconds): void {
  const { notBefore, notAfter } = certificate
  // Said of what holds: no comparison with a time that is no number does.
  if (notBefore <= now && now <= notAfter) return
  throw new Refusal(
    'CERT_EXPIRED_OR_NOT_YET_VALID',
    `${what}: ${quoted(certificate)} is valid from ${sayTime(notBefore)} to ${sayTime(notAfter)}, now is ${sayTime(now)}`,
  )
}

/** Refuses unless a chain's leaf is an end entity that may sign and bears this name. */
export function requireSigner(
  leaf: Certificate,
  commonName: string,
  reject: RejectCode,
  what: string,
): void {
  refuseUnless(!leaf.extensions.ca, reject, () => `${what}: ${quoted(leaf)} is an authority`)
  refuseUnless(
    mayUse(leaf.extensions, keyUsageBits.digitalSignature),
    reject,
    () => `${what}: ${quoted(leaf)} may not sign`,
  )
  refuseUnless(
    leaf.commonName.includes(commonName),
    reject,
    () => `${what}: got ${quoted(leaf)}, expected "${commonName}"`,
  )
}

function checkStructure(chain: Chain, what: string): Certificate {
  const root = chain.at(-1)
  if (root === undefined) throw new Refusal('CHAIN_INVALID', `${what}: no certificate`)
  let index = 0
  for (const certificate of chain) {
    const issuer = chain[index + 1] ?? certificate
    if (certificate.issuer !== issuer.subject)
      throw new Refusal(
        'CHAIN_INVALID',
        `${what}: ${quoted(certificate)} is not issued by ${quoted(issuer)}`,
      )
    if (index > 0) requireAuthority(certificate, index - 1, what)
    index++
  }
  refuseUnless(
    root.extensions.ca,
    'CHAIN_INVALID',
    () => `${what}: ${quoted(root)} is not an authority`,
  )
  return root
}

/** Refuses unless a certificate may stand above a path of `below` authorities. */
function requireAuthority(certificate: Certificate, below: number, what: string): void {
  const { ca, pathLength } = certificate.extensions
  if (!ca || !mayUse(certificate.extensions, keyUsageBits.keyCertSign))
    throw new Refusal('CHAIN_INVALID', `${what}: ${quoted(certificate)} is not an authority`)
  if (pathLength !== undefined && pathLength < below)
    throw new Refusal(
      'CHAIN_INVALID',
      `${what}: path below ${quoted(certificate)} is longer than ${pathLength}`,
    )
}

function quoted(certificate: Certificate): string {
  return JSON.stringify(certificate.commonName.slice(0, 64))
}
