import { encodeHex, parseBase64Url, parseHex, unixSeconds, type UnixSeconds } from '@cloister/codec'
import { publicKey, sha256, type KeyNumbers } from '#crypto'
import {
  anchorName,
  anchorSpkiSha256,
  findAnchor,
  productionAnchor,
  type ProductionAnchorName,
} from '../anchors.ts'
import type { Given } from '../appraisal.ts'
import { malformedAs, Refusal, refuseUnless } from '../reject.ts'
import { keyName, type Certificate } from '../x509/certificate.ts'
import { earliest, verifyChain, type CertificateMemory, type Chain } from '../x509/chain.ts'
import { keyUsageBits, mayUse } from '../x509/extensions.ts'
import { objectIds } from '../x509/object-ids.ts'
import { isSignedBy } from '../x509/signed.ts'
import { authorityKeys, type AuthorityKey } from './authority-keys.ts'
import { sayTime } from '../say-time.ts'

/** What a chain of certificates says about an attestation key. */
export type AttestationKeyChain = {
  readonly numbers: KeyNumbers
  /** The anchor that it leads to. Undefined where it leads to none: then nothing vouches for the key. */
  readonly vouching:
    | {
        readonly anchor: string
        readonly until: UnixSeconds
        /** Whether who issued it says where a list of what it took back lies. */
        readonly listsExist: boolean
      }
    | undefined
}

const what = 'AK certificate chain'
const vtpmRoots: readonly ProductionAnchorName[] = [
  'google-ek-ak-ca-root',
  'google-tpm-ek-root-1',
  'azure-virtual-tpm-root-ca-2023',
]

/** tcg-kp-EKCertificate (Google's AKs have it too) and tcg-kp-AIKCertificate. Spec: TCG EK Credential Profile, 3.2.16. */
const purposes = ['2.23.133.8.1', '2.23.133.8.3']

/** Reads the chain of certificates that came with a quote. @throws {Refusal} PARSE. */
export function readAttestationKeyChain(
  pem: string,
  now: UnixSeconds,
  memory: CertificateMemory,
): Chain {
  return malformedAs('PARSE', () => memory.chain(pem, what, now))
}

/**
 * Verifies the chain of an attestation key's certificate: to a root in it, or, where it ends below one, to an
 * authority that this package knows.
 *
 * A chain to a root that is no anchor vouches for nothing, like none at all. One that is broken is a refusal.
 *
 * @throws {Refusal} CHAIN_INVALID, CHAIN_SIGNATURE or CERT_EXPIRED_OR_NOT_YET_VALID.
 */
export async function verifyAttestationKeyChain(
  chain: Chain,
  given: Given,
  memory: CertificateMemory,
): Promise<AttestationKeyChain> {
  const [leaf] = chain
  const last = chain.at(-1)
  if (leaf === undefined || last === undefined) throw new Refusal('CHAIN_INVALID', what)
  requireAttestationKey(leaf)
  const found =
    last.issuer === last.subject
      ? await verifyToRoot(chain, given, memory)
      : await verifyToKnownAuthority(chain, last, given)
  return { numbers: leaf.numbers, vouching: found && { ...found, listsExist: namesLists(chain) } }
}

/** It may sign, is no authority, and where its purposes are limited, they are a TPM's. */
function requireAttestationKey({ extensions, commonName }: Certificate): void {
  const name = `${what}: ${JSON.stringify(commonName.slice(0, 64))}`
  refuseUnless(!extensions.ca, 'CHAIN_INVALID', `${name} is an authority`)
  const maySign = mayUse(extensions, keyUsageBits.digitalSignature)
  refuseUnless(maySign, 'CHAIN_INVALID', `${name} may not sign`)
  refuseUnless(
    extensions.extendedKeyUsage?.some((purpose) => purposes.includes(purpose)) ?? true,
    'CHAIN_INVALID',
    `${name} is not for a TPM's key`,
  )
}

type Found = { readonly anchor: string; readonly until: UnixSeconds }

async function verifyToRoot(
  chain: Chain,
  given: Given,
  memory: CertificateMemory,
): Promise<Found | undefined> {
  try {
    const anchor = await verifyChain(chain, what, given, memory, 'anew', vtpmRoots)
    return { anchor, until: earliest(chain.map(({ notAfter }) => notAfter)) }
  } catch (refusal) {
    if (refusal instanceof Refusal && refusal.reject === 'UNTRUSTED_ROOT') return undefined
    throw refusal
  }
}

/** A chain of one or two certificates, issued by an authority whose key is a constant here. */
async function verifyToKnownAuthority(
  chain: Chain,
  last: Certificate,
  { anchors, now }: Given,
): Promise<Found | undefined> {
  const digest = encodeHex(await sha256(parseHex(last.issuer)))
  const known = authorityKeys.find(({ subjectSha256 }) => subjectSha256 === digest)
  if (known === undefined) return undefined
  const anchor = findAnchor(anchors, anchorSpkiSha256(productionAnchor(known.root)), vtpmRoots)
  if (anchor === undefined) return undefined
  const authority = authorityOf(known)
  for (const [index, certificate] of chain.entries()) {
    const name = `${what}: certificate ${index + 1}`
    const issuer = chain[index + 1]
    refuseUnless(
      index === 0 || isAuthority(certificate, index - 1),
      'CHAIN_INVALID',
      `${name} is not an authority over the one before`,
    )
    refuseUnless(
      issuer === undefined || certificate.issuer === issuer.subject,
      'CHAIN_INVALID',
      `${name} is not issued by the next`,
    )
    refuseUnless(
      await isSignedBy(certificate, issuer ?? authority),
      'CHAIN_SIGNATURE',
      `${name}, issued by ${known.name}`,
    )
  }
  const times = [...chain, authority]
  for (const { notBefore, notAfter } of times)
    refuseUnless(
      notBefore <= now && now <= notAfter,
      'CERT_EXPIRED_OR_NOT_YET_VALID',
      `${what}: a certificate in it, or that of ${known.name}, is valid from ${sayTime(notBefore)} to ${sayTime(notAfter)}, now is ${sayTime(now)}`,
    )
  return { anchor: anchorName(anchor), until: earliest(times.map(({ notAfter }) => notAfter)) }
}

function isAuthority({ extensions }: Certificate, below: number): boolean {
  const { ca, pathLength } = extensions
  return ca && mayUse(extensions, keyUsageBits.keyCertSign) && (pathLength ?? below) >= below
}

function authorityOf({ modulus, notBefore, notAfter }: AuthorityKey) {
  const numbers = {
    kind: 'rsa',
    modulus: parseBase64Url(modulus, 'modulus'),
    exponent: Uint8Array.of(1, 0, 1),
  } as const
  return {
    numbers,
    key: publicKey(numbers),
    keyName: keyName(numbers),
    notBefore: unixSeconds(notBefore),
    notAfter: unixSeconds(notAfter),
  }
}

function namesLists(chain: Chain): boolean {
  return chain.some(({ extensions }) => extensions.values.has(objectIds.crlDistributionPoints))
}
