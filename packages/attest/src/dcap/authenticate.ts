import { encodeHex, equalBytes, type UnixSeconds } from '@cloister/codec'
import { ecdsaSha256, sha256 } from '#crypto'
import type { Given } from '../appraisal.ts'
import { malformedAs, Refusal, refuseUnless } from '../reject.ts'
import type { Certificate } from '../x509/certificate.ts'
import { earliest, requireSigner, verifyChain, type Chain } from '../x509/chain.ts'
import {
  matchNamedPlatform,
  parseNamedPlatform,
  pckChainText,
  type NamedPlatform,
} from './certification.ts'
import {
  intelRoots,
  requireDocuments,
  verifyCollateral,
  type DcapMemory,
  type Technology,
  type VerifiedCollateral,
} from './collateral.ts'
import type { IntelCollateral } from './collateral-documents.ts'
import { matchQeIdentity } from './qe-identity.ts'
import type { QuoteSignatures } from './quote.ts'
import type { SgxExtension } from './sgx-extension.ts'
import type { ComponentLevel, TcbInfo } from './tcb-info.ts'

/** The PCK chain of a quote, read but not verified. */
export type PckChain = {
  readonly chain: Chain
  readonly leaf: Certificate
  readonly platform: SgxExtension
  /** What the quote says of its platform, where the chain came from elsewhere. */
  readonly named: NamedPlatform | undefined
}

/** What vouches for a quote whose checks all hold. */
export type Vouched<I extends TcbInfo> = {
  /** Name of the anchor that the PCK chain ends at; `none` where no chain was at hand. */
  readonly anchor: string
  /** When the first certificate of the PCK chain ends; without a chain now: nothing says that it holds any longer. */
  readonly until: UnixSeconds
  /** Undefined where collateral `'none'` was given: then revocation and TCB are unknown. */
  readonly collateral: VerifiedCollateral<I> | undefined
  /** The quoting enclave's TCB level, with collateral; undefined where it is older than all. */
  readonly qeLevel: ComponentLevel | undefined
}

/**
 * Finds the PCK chain: in the quote (certification type 5), or in the collateral (types 1 to 3, which name the
 * platform). Undefined where collateral `'none'` is given and the quote carries no chain.
 *
 * Spec: Intel SGX PCK Certificate and CRL Profile, section 1: a chain is leaf, authority and root.
 *
 * @throws {Refusal} PARSE, PCK_CERT_UNAVAILABLE, COLLATERAL_MISSING or CHAIN_INVALID.
 */
export function findPckChain(
  quote: QuoteSignatures,
  { collateral, now }: Given,
  memory: DcapMemory,
): PckChain | undefined {
  const own = malformedAs('PARSE', () => pckChainText(quote))
  const named = malformedAs('PARSE', () => parseNamedPlatform(quote))
  refuseUnless(
    own !== undefined || named !== undefined,
    'PCK_CERT_UNAVAILABLE',
    () => `certification data type: got ${quote.certificationType}, expected 5, 1, 2 or 3`,
  )
  const intel = collateral === 'none' ? undefined : collateral.intel
  const pem = own ?? intel?.pckCertificateChain
  if (pem === undefined && collateral !== 'none')
    throw new Refusal('PCK_CERT_UNAVAILABLE', 'the quote names its platform and carries no chain')
  if (collateral !== 'none') requireDocuments(intelOf(intel))
  if (pem === undefined) return undefined

  const broken = own === undefined ? 'CHAIN_INVALID' : 'PARSE'
  const chain = malformedAs(broken, () => memory.certificates.chain(pem, 'PCK chain', now))
  const [leaf] = chain
  if (leaf === undefined || chain.length !== 3)
    throw new Refusal('CHAIN_INVALID', `PCK chain: got ${chain.length} certificates, expected 3`)
  return { chain, leaf, platform: malformedAs(broken, () => memory.platform(leaf)), named }
}

/**
 * Checks everything that vouches for a quote: the PCK chain and whose it is, collateral, the quoting enclave, the
 * quote's signature, in this order. Without a chain the quoting enclave's report is taken at its word.
 *
 * @throws {Refusal} saying what does not hold.
 */
export async function authenticateQuote<I extends TcbInfo>(
  quote: QuoteSignatures,
  pck: PckChain | undefined,
  given: Given,
  technology: Technology<I>,
  memory: DcapMemory,
): Promise<Vouched<I>> {
  const anchor = pck === undefined ? 'none' : await verifyPckChain(pck, given, memory)
  const collateral =
    pck === undefined || given.collateral === 'none'
      ? undefined
      : await verifyCollateral(
          intelOf(given.collateral.intel),
          pck.chain,
          given,
          memory,
          technology,
        )
  if (pck !== undefined) await verifyQeReport(quote, pck.leaf)
  await requireBoundKey(quote)
  const qeLevel =
    collateral && matchQeIdentity(quote.qeReport, collateral.qeIdentity, technology.qeIdentityId)
  const until = earliest(pck?.chain.map((certificate) => certificate.notAfter) ?? [given.now])
  // Spec: Intel quote verification library, 4.1.2.4.16. The key is bound to the quoting enclave above.
  const key = memory.attestationKey(quote.attestationKey, given.now, until)
  refuseUnless(
    await key.verify(ecdsaSha256, quote.signed, quote.signature),
    'QUOTE_SIGNATURE',
    'header and body',
  )
  return { anchor, until, collateral, qeLevel }
}

function intelOf(intel: IntelCollateral | undefined): IntelCollateral {
  if (intel === undefined) throw new Refusal('COLLATERAL_MISSING', "Intel's documents")
  return intel
}

/** Spec: Intel quote verification library, 4.1.2.4.4; PCK Certificate Profile, 1.3. */
async function verifyPckChain(
  { chain, leaf, platform, named }: PckChain,
  given: Given,
  memory: DcapMemory,
): Promise<string> {
  requireSigner(leaf, 'SGX PCK Certificate', 'CHAIN_INVALID', 'PCK chain')
  refuseUnless(
    /SGX PCK (?:Platform|Processor) CA/.test(chain[1]?.commonName ?? ''),
    'CHAIN_INVALID',
    'PCK chain: not issued by a PCK platform or processor CA',
  )
  const anchor = await verifyChain(
    chain,
    'PCK chain',
    given,
    memory.certificates,
    'anew',
    intelRoots,
  )
  if (named !== undefined) matchNamedPlatform(named, platform)
  return anchor
}

/** The PCK signs the quoting enclave's report. Spec: Intel quote verification library, 4.1.2.4.12. */
async function verifyQeReport(quote: QuoteSignatures, leaf: Certificate): Promise<void> {
  const holds = await leaf.key.verify(ecdsaSha256, quote.qeReport.raw, quote.qeReportSignature)
  refuseUnless(holds, 'QE_REPORT_SIGNATURE', 'report of the quoting enclave')
}

/**
 * The quoting enclave's report data binds the attestation key, and the rest of it is zero.
 *
 * Spec: Intel quote verification library, 4.1.2.4.13.
 */
async function requireBoundKey(quote: QuoteSignatures): Promise<void> {
  const expected = new Uint8Array(64)
  expected.set(await sha256(quote.attestationKey, quote.qeAuthData))
  const { reportData } = quote.qeReport
  refuseUnless(
    equalBytes(reportData, expected),
    'QE_REPORT_DATA',
    () => `attestation key: got ${encodeHex(reportData)}, expected ${encodeHex(expected)}`,
  )
}
