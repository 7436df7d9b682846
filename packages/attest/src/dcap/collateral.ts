import { encodeHex, MalformedError, parseHex, type Bytes, type UnixSeconds } from '@cloister/codec'
import { publicKey, type PublicKey } from '#crypto'
import type { Anchor } from '../anchors.ts'
import { collateralCharactersMax } from '../collateral.ts'
import { Recall, SignedText } from '../memory.ts'
import { malformedAs, Refusal, refuseUnless, type RejectCode } from '../reject.ts'
import type { Certificate } from '../x509/certificate.ts'
import {
  CertificateMemory,
  earliest,
  requireSigner,
  verifyChain,
  type Chain,
} from '../x509/chain.ts'
import { keyUsageBits, mayUse } from '../x509/extensions.ts'
import { objectIds } from '../x509/object-ids.ts'
import { parseRevocationList, type RevocationList } from '../x509/revocation-list.ts'
import type { IntelCollateral } from './collateral-documents.ts'
import { parseQeIdentity, type QeIdentity } from './qe-identity.ts'
import { parseSgxExtension, type SgxExtension } from './sgx-extension.ts'
import type { SgxTcbInfo, TcbInfo, TdxTcbInfo } from './tcb-info.ts'
import { sayTime } from '../say-time.ts'

/** Collateral whose chains, revocation lists, signatures and times hold. */
export type VerifiedCollateral<I extends TcbInfo = TcbInfo> = {
  readonly tcbInfo: I
  readonly qeIdentity: QeIdentity
  readonly rootCrlNumber: number
  readonly pckCrlNumber: number
  /** When the first part of it ends. */
  readonly until: UnixSeconds
}

/** A list with a number, which Intel's lists all have. */
type NumberedList = RevocationList & { readonly number: number }

/**
 * Most characters of one revocation list, in hexadecimal: about ten thousand certificates. Intel's have fewer than
 * 20 000.
 */
const listCharactersMax = 1024 * 1024

/** The root that Intel's chains end at. */
export const intelRoots = ['intel-sgx-root-ca'] as const

/** What appraisals of quotes remember: what certificates and documents say, and whose they are. */
export class DcapMemory {
  /** Certificates of every chain. */
  readonly certificates = new CertificateMemory()
  /** Revocation lists by their hexadecimal. */
  readonly lists = new Recall<RevocationList>()
  /** TCB info by its text, for each technology. */
  readonly sgxTcbInfos = new Recall<SgxTcbInfo>()
  readonly tdxTcbInfos = new Recall<TdxTcbInfo>()
  /** QE identities by their text. */
  readonly qeIdentities = new Recall<QeIdentity>()
  /** Signed documents by their text. */
  readonly documents = new Recall<SignedText>()
  readonly #attestationKeys = new Recall<PublicKey>()
  readonly #platforms = new WeakMap<Certificate, SgxExtension>()

  /** An attestation key by its point, kept as long as the chain that vouches for it: importing it takes a while. */
  attestationKey(point: Bytes, now: UnixSeconds, until: UnixSeconds): PublicKey {
    return this.#attestationKeys.get(
      encodeHex(point),
      now,
      () => publicKey({ kind: 'ec', curve: 'P-256', point }),
      () => until,
    )
  }

  /** What a PCK certificate says about its platform. @throws {MalformedError} */
  platform(leaf: Certificate): SgxExtension {
    const known = this.#platforms.get(leaf)
    if (known !== undefined) return known
    const extension = leaf.extensions.values.get(objectIds.sgxExtension)
    if (extension === undefined)
      throw new MalformedError('PCK certificate', 0, 'has no SGX extension')
    const read = parseSgxExtension(extension)
    this.#platforms.set(leaf, read)
    return read
  }
}

/** What differs in collateral between the two technologies. */
export type Technology<I extends TcbInfo> = {
  readonly qeIdentityId: 'QE' | 'TD_QE'
  readonly parseTcbInfo: (text: string) => I
  readonly tcbInfos: (memory: DcapMemory) => Recall<I>
}

type Given = { readonly anchors: readonly Anchor[]; readonly now: UnixSeconds }

/** The issuer chains of a collateral, read but not verified. */
type Chains = { readonly crl: Chain | undefined; readonly tcb: Chain; readonly qe: Chain }

/**
 * Verifies collateral for one PCK chain, which has been verified before: issuer chains, revocation
 * lists, signatures, times, in this order.
 *
 * Spec: Intel SGX and TDX quote verification library, 4.1.2.3 to 4.1.2.7; RFC 5280 section 6.3.
 *
 * @throws {Refusal} saying which document.
 */
export async function verifyCollateral<I extends TcbInfo>(
  collateral: IntelCollateral,
  pckChain: Chain,
  given: Given,
  memory: DcapMemory,
  technology: Technology<I>,
): Promise<VerifiedCollateral<I>> {
  const { now } = given
  const chains = readChains(collateral, now, memory)
  await verifyIssuers(chains, pckChain, given, memory)
  const lists = await verifyRevocation(collateral, pckChain, chains, now, memory)
  await verifySigned(
    'TCB_INFO_SIGNATURE',
    collateral.tcbInfo,
    collateral.tcbInfoSignature,
    chains.tcb,
    memory,
    now,
  )
  await verifySigned(
    'QE_IDENTITY_SIGNATURE',
    collateral.qeIdentity,
    collateral.qeIdentitySignature,
    chains.qe,
    memory,
    now,
  )
  const { tcbInfo, qeIdentity } = readDocuments(collateral, now, memory, technology)
  requireCurrent(tcbInfo, now, 'TCB_INFO_NOT_YET_VALID', 'TCB_INFO_EXPIRED')
  requireCurrent(qeIdentity, now, 'QE_IDENTITY_NOT_YET_VALID', 'QE_IDENTITY_EXPIRED')
  const certificates = [...(chains.crl ?? []), ...chains.tcb, ...chains.qe]
  return {
    tcbInfo,
    qeIdentity,
    rootCrlNumber: lists.root.number,
    pckCrlNumber: lists.pck.number,
    until: earliest([
      tcbInfo.nextUpdate,
      qeIdentity.nextUpdate,
      lists.root.nextUpdate,
      lists.pck.nextUpdate,
      ...certificates.map((certificate) => certificate.notAfter),
    ]),
  }
}

/**
 * Each issuer chain ends at the very root that the PCK chain ends at. That another root is an anchor too does not
 * count: a devnet's documents would speak of a machine of Intel's.
 */
async function verifyIssuers(
  chains: Chains,
  pckChain: Chain,
  given: Given,
  memory: DcapMemory,
): Promise<void> {
  const expected = await rootOf(pckChain, memory)
  const named = [
    ['PCK CRL issuer chain', chains.crl],
    ['TCB info issuer chain', chains.tcb],
    ['QE identity issuer chain', chains.qe],
  ] as const
  for (const [what, chain] of named) {
    if (chain === undefined) continue
    await verifyChain(chain, what, given, memory.certificates, 'remembered', intelRoots)
    const root = await rootOf(chain, memory)
    refuseUnless(
      root === expected,
      'UNTRUSTED_ROOT',
      () => `${what}: root key ${root}, the PCK chain has root key ${expected}`,
    )
  }
}

/** SHA-256 of the key that a chain ends at, in hexadecimal. */
async function rootOf(chain: Chain, { certificates }: DcapMemory): Promise<string> {
  const root = chain.at(-1)
  if (root === undefined) throw new Refusal('CHAIN_INVALID', 'no certificate')
  return await certificates.spkiSha256(root)
}

const endOf = (document: { readonly nextUpdate: UnixSeconds }): UnixSeconds => document.nextUpdate

function readDocuments<I extends TcbInfo>(
  { tcbInfo, qeIdentity }: IntelCollateral,
  now: UnixSeconds,
  memory: DcapMemory,
  technology: Technology<I>,
): { readonly tcbInfo: I; readonly qeIdentity: QeIdentity } {
  return {
    tcbInfo: malformedAs('TCB_INFO_UNSUPPORTED', () =>
      technology.tcbInfos(memory).get(tcbInfo, now, () => technology.parseTcbInfo(tcbInfo), endOf),
    ),
    qeIdentity: malformedAs('QE_IDENTITY_UNSUPPORTED', () =>
      memory.qeIdentities.get(qeIdentity, now, () => parseQeIdentity(qeIdentity), endOf),
    ),
  }
}

/**
 * Refuses collateral that is too long, or lacks a document without which nothing can be checked. An absent revocation
 * list is refused later, by its name.
 *
 * @throws {Refusal} PARSE or COLLATERAL_MISSING.
 */
export function requireDocuments(collateral: IntelCollateral): void {
  const characters = Object.values(collateral).reduce((sum, text) => sum + text.length, 0)
  refuseUnless(
    characters <= collateralCharactersMax,
    'PARSE',
    () => `collateral: more than ${collateralCharactersMax} characters`,
  )
  for (const key of [
    'tcbInfo',
    'tcbInfoSignature',
    'tcbInfoIssuerChain',
    'qeIdentity',
    'qeIdentitySignature',
    'qeIdentityIssuerChain',
  ] as const)
    refuseUnless(collateral[key] !== '', 'COLLATERAL_MISSING', key)
}

function readChains(collateral: IntelCollateral, now: UnixSeconds, memory: DcapMemory): Chains {
  const read = (pem: string, what: string): Chain => {
    const chain = malformedAs('CHAIN_INVALID', () => memory.certificates.chain(pem, what, now))
    // Spec: 4.1.2.3: an issuer chain is the issuer and the root, nothing else.
    refuseUnless(
      chain.length === 2,
      'CHAIN_INVALID',
      () => `${what}: got ${chain.length} certificates, expected 2`,
    )
    return chain
  }
  return {
    // The PCK list is checked with the key of the PCK certificate's own issuer, so its chain may be absent.
    crl:
      collateral.pckCrlIssuerChain === ''
        ? undefined
        : read(collateral.pckCrlIssuerChain, 'PCK CRL issuer chain'),
    tcb: read(collateral.tcbInfoIssuerChain, 'TCB info issuer chain'),
    qe: read(collateral.qeIdentityIssuerChain, 'QE identity issuer chain'),
  }
}

/**
 * The root's list covers every authority and signer below it, the PCK list covers the leaf.
 * Both are current, and signed by the issuer of *this* chain's certificates.
 */
async function verifyRevocation(
  collateral: IntelCollateral,
  [leaf, authority, root]: Chain,
  chains: Chains,
  now: UnixSeconds,
  memory: DcapMemory,
): Promise<{ readonly root: NumberedList; readonly pck: NumberedList }> {
  if (leaf === undefined || authority === undefined || root === undefined)
    throw new Refusal('CHAIN_INVALID', 'PCK chain: expected 3 certificates')
  const rootList = await verifyList('root CA CRL', collateral.rootCaCrl, root, now, memory)
  const pckList = await verifyList('PCK CRL', collateral.pckCrl, authority, now, memory)
  const below = [
    authority,
    ...[chains.crl, chains.tcb, chains.qe].flatMap((chain) => chain?.[0] ?? []),
  ]
  for (const certificate of below)
    refuseUnless(
      !rootList.revoked.has(certificate.serial),
      'CERT_REVOKED',
      () => `root CA CRL: ${certificate.commonName} ${certificate.serial}`,
    )
  refuseUnless(
    !pckList.revoked.has(leaf.serial),
    'CERT_REVOKED',
    () => `PCK CRL: ${leaf.commonName} ${leaf.serial}`,
  )
  return { root: rootList, pck: pckList }
}

async function verifyList(
  what: string,
  hex: string,
  issuer: Certificate,
  now: UnixSeconds,
  memory: DcapMemory,
): Promise<NumberedList> {
  refuseUnless(hex !== '', 'CRL_MISSING', what)
  refuseUnless(
    hex.length <= listCharactersMax,
    'CRL_INVALID_OR_EXPIRED',
    () => `${what}: ${hex.length} characters, at most ${listCharactersMax} are read`,
  )
  const list = malformedAs('CRL_INVALID_OR_EXPIRED', () =>
    memory.lists.get(
      hex,
      now,
      () => parseRevocationList(parseHex(hex, what), what),
      (read) => read.nextUpdate,
    ),
  )
  // A list of another issuer says nothing about this certificate.
  refuseUnless(
    list.issuer === issuer.subject,
    'CRL_MISSING',
    () => `${what}: not issued by ${issuer.commonName}`,
  )
  const { signatures } = memory.certificates
  const holds =
    mayUse(issuer.extensions, keyUsageBits.crlSign) &&
    (signatures.knows(list, issuer) || (await signatures.holds(list, issuer)))
  refuseUnless(holds, 'CRL_INVALID_OR_EXPIRED', () => `${what}: signature`)
  refuseUnless(
    list.thisUpdate <= now && now <= list.nextUpdate,
    'CRL_INVALID_OR_EXPIRED',
    () =>
      `${what}: valid from ${sayTime(list.thisUpdate)} to ${sayTime(list.nextUpdate)}, now is ${sayTime(now)}`,
  )
  const { number } = list
  if (number === undefined) throw new Refusal('CRL_INVALID_OR_EXPIRED', `${what}: no number`)
  return { ...list, number }
}

async function verifySigned(
  reject: 'TCB_INFO_SIGNATURE' | 'QE_IDENTITY_SIGNATURE',
  text: string,
  signatureHex: string,
  [signer]: Chain,
  memory: DcapMemory,
  now: UnixSeconds,
): Promise<void> {
  const what = reject === 'TCB_INFO_SIGNATURE' ? 'TCB info' : 'QE identity'
  if (signer === undefined) throw new Refusal('CHAIN_INVALID', `${what}: no signer`)
  requireSigner(signer, 'SGX TCB Signing', reject, what)
  // The exact text is what is signed: a document written anew from its fields would not do.
  const signed = malformedAs(reject, () =>
    memory.documents
      .get(
        text,
        now,
        () => new SignedText(text),
        () => signer.notAfter,
      )
      .with(signatureHex, () => signatureBytes(signatureHex, what)),
  )
  const { signatures } = memory.certificates
  const holds = signatures.knows(signed, signer) || (await signatures.holds(signed, signer))
  refuseUnless(holds, reject, what)
}

function signatureBytes(hex: string, what: string): Bytes {
  const signature = parseHex(hex, `${what} signature`)
  if (signature.length !== 64)
    throw new MalformedError(`${what} signature`, 0, `got ${signature.length} bytes, expected 64`)
  return signature
}

function requireCurrent(
  { issueDate, nextUpdate }: { readonly issueDate: UnixSeconds; readonly nextUpdate: UnixSeconds },
  now: UnixSeconds,
  early: RejectCode,
  late: RejectCode,
): void {
  refuseUnless(
    issueDate <= now,
    early,
    () => `issued at ${sayTime(issueDate)}, now is ${sayTime(now)}`,
  )
  refuseUnless(
    now <= nextUpdate,
    late,
    () => `next update at ${sayTime(nextUpdate)}, now is ${sayTime(now)}`,
  )
}
