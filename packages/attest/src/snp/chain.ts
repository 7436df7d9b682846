import type { UnixSeconds } from '@cloister/codec'
import {
  anchorName,
  anchorSpkiSha256,
  findAnchor,
  productionAnchor,
  type Anchor,
} from '../anchors.ts'
import { malformedAs, Refusal, refuseUnless } from '../reject.ts'
import type { Certificate } from '../x509/certificate.ts'
import { earliest, type CertificateMemory, type Chain } from '../x509/chain.ts'
import { keyUsageBits, mayUse } from '../x509/extensions.ts'
import { findAuthority, rootOf, type Authority } from './authority.ts'
import { amdRoots, productLines, type ProductLine } from './product.ts'
import { sayTime } from '../say-time.ts'

/** A chain whose names, root, signatures and times hold. */
export type VerifiedChain = {
  /** VCEK: of one chip at one TCB. VLEK: of a cloud provider, at one TCB. */
  readonly kind: 'VCEK' | 'VLEK'
  readonly line: ProductLine
  readonly leaf: Certificate
  readonly authority: Authority
  readonly root: Authority
  readonly anchor: string
  /** When the first of its certificates ends. */
  readonly until: UnixSeconds
}

const what = 'AMD certificates'

type Given = { readonly anchors: readonly Anchor[]; readonly now: UnixSeconds }

/** Certificates that may be each other's issuers, from names alone. */
type NamedChain = Pick<VerifiedChain, 'kind' | 'line' | 'leaf' | 'authority' | 'root'> & {
  readonly given: Chain
}

/**
 * Verifies VCEK or VLEK, its authority (ASK or ASVK) and the root (ARK), in PEM. Where the last two are left out, AMD's
 * own are used as this package knows them.
 *
 * In this order: roles, the root's key, every signature, every validity. Spec: 57230, tables of the certificates.
 *
 * @throws {Refusal} PARSE, COLLATERAL_MISSING, CHAIN_INVALID, UNTRUSTED_ROOT, CHAIN_SIGNATURE or
 * CERT_EXPIRED_OR_NOT_YET_VALID.
 */
export async function verifySnpChain(
  pem: string,
  { anchors, now }: Given,
  memory: CertificateMemory,
): Promise<VerifiedChain> {
  const given = malformedAs('PARSE', () => memory.chain(pem, what, now))
  const chain = nameChain(given)
  const anchor = await requireAnchor(chain, anchors, memory)
  await requireSignatures(chain, memory)
  const { kind, line, leaf, authority, root } = chain
  for (const each of [leaf, authority, root])
    refuseUnless(
      each.notBefore <= now && now <= each.notAfter,
      'CERT_EXPIRED_OR_NOT_YET_VALID',
      () =>
        `${what}: ${quoted(each)} is valid from ${sayTime(each.notBefore)} to ${sayTime(each.notAfter)}, now is ${sayTime(now)}`,
    )
  const until = earliest([leaf.notAfter, authority.notAfter, root.notAfter])
  return { kind, line, leaf, authority, root, anchor, until }
}

/** Spec: 57230, tables of the certificates: common names, keys, algorithms, constraints. */
function nameChain(given: Chain): NamedChain {
  const [leaf, authorityCertificate, rootCertificate] = given
  if (leaf === undefined || given.length > 3)
    throw new Refusal('CHAIN_INVALID', `${what}: got ${given.length}, expected 1 to 3`)
  const kind = leafKinds[leaf.commonName]
  if (kind === undefined)
    throw new Refusal(
      'CHAIN_INVALID',
      `${what}: got ${quoted(leaf)} first, expected "SEV-VCEK" or "SEV-VLEK"`,
    )
  refuseUnless(
    !leaf.extensions.ca,
    'CHAIN_INVALID',
    () => `${what}: ${quoted(leaf)} is an authority`,
  )
  refuseUnless(
    leaf.numbers.kind === 'ec' && leaf.numbers.curve === 'P-384',
    'CHAIN_INVALID',
    () => `${what}: the key of ${quoted(leaf)} is not on P-384`,
  )
  for (const certificate of given) requireAlgorithm(certificate)

  if (authorityCertificate === undefined) {
    const known = findAuthority(leaf.issuer)
    if (known === undefined)
      throw new Refusal('COLLATERAL_MISSING', `${what}: who issued ${quoted(leaf)} is not known`)
    const { line, signs, authority } = known
    refuseUnless(
      signs === kind,
      'CHAIN_INVALID',
      () => `${what}: ${quoted(leaf)} is issued by ${quoted(authority)}, which signs a ${signs}`,
    )
    return { kind, line, leaf, authority, root: rootOf(line), given }
  }
  const prefix = kind === 'VCEK' ? 'SEV-' : 'SEV-VLEK-'
  const line = productLines.find((name) => authorityCertificate.commonName === prefix + name)
  if (line === undefined)
    throw new Refusal(
      'CHAIN_INVALID',
      `${what}: got ${quoted(authorityCertificate)} second, expected "${prefix}" and a product line`,
    )
  const root = rootCertificate ?? rootOf(line)
  requireAuthority(authorityCertificate, 0)
  if (rootCertificate !== undefined) {
    requireAuthority(rootCertificate, 1)
    refuseUnless(
      rootCertificate.commonName === `ARK-${line}` &&
        rootCertificate.issuer === rootCertificate.subject,
      'CHAIN_INVALID',
      () =>
        `${what}: got ${quoted(rootCertificate)} last, expected "ARK-${line}", issued by itself`,
    )
  }
  refuseUnless(
    authorityCertificate.issuer === root.subject,
    'CHAIN_INVALID',
    () => `${what}: ${quoted(authorityCertificate)} is not issued by ${quoted(root)}`,
  )
  return { kind, line, leaf, authority: authorityCertificate, root, given }
}

const leafKinds: Readonly<Record<string, 'VCEK' | 'VLEK'>> = {
  'SEV-VCEK': 'VCEK',
  'SEV-VLEK': 'VLEK',
}

/** RSA-PSS with SHA-384. Spec: 57230, tables of the certificates. */
function requireAlgorithm(certificate: Certificate): void {
  const { scheme, hash } = certificate.algorithm
  refuseUnless(
    scheme === 'rsa-pss' && hash === 'SHA-384',
    'CHAIN_INVALID',
    () => `${what}: ${quoted(certificate)} is signed with ${scheme} and ${hash}`,
  )
}

/** RSA-4096, and may sign certificates above `below` further authorities. */
function requireAuthority(certificate: Certificate, below: number): void {
  const { extensions, numbers } = certificate
  refuseUnless(
    extensions.ca &&
      mayUse(extensions, keyUsageBits.keyCertSign) &&
      (extensions.pathLength === undefined || extensions.pathLength >= below),
    'CHAIN_INVALID',
    () => `${what}: ${quoted(certificate)} is not an authority here`,
  )
  refuseUnless(
    numbers.kind === 'rsa' && numbers.modulus.length === 512,
    'CHAIN_INVALID',
    () => `${what}: the key of ${quoted(certificate)} is not RSA-4096`,
  )
}

async function requireAnchor(
  { given, line }: NamedChain,
  anchors: readonly Anchor[],
  memory: CertificateMemory,
): Promise<string> {
  const [, , root] = given
  const name = amdRoots[line]
  const digest =
    root === undefined ? anchorSpkiSha256(productionAnchor(name)) : await memory.spkiSha256(root)
  const anchor = findAnchor(anchors, digest, [name])
  if (anchor === undefined)
    throw new Refusal('UNTRUSTED_ROOT', `${what}: root key ${digest} is not an anchor`)
  return anchorName(anchor)
}

/**
 * Each given certificate is signed by who stands above it, and names it. A leaf of another authority's is common
 * (another product line, another kind): it has no signature of this one's.
 */
async function requireSignatures(chain: NamedChain, memory: CertificateMemory): Promise<void> {
  const { given, authority, root } = chain
  const issuers = [authority, root, root]
  for (const [index, certificate] of given.entries()) {
    const issuer = issuers[index] ?? root
    const holds =
      certificate.issuer === issuer.subject && (await memory.signatures.holds(certificate, issuer))
    refuseUnless(
      holds,
      'CHAIN_SIGNATURE',
      () => `${what}: ${quoted(certificate)} is not signed by ${quoted(issuer)}`,
    )
  }
}

function quoted({ commonName }: { readonly commonName: string }): string {
  return JSON.stringify(commonName.slice(0, 64))
}
