import { encodeHex, MalformedError, type Bytes, type UnixSeconds } from '@cloister/codec'
import { p256Key, sha256 } from '#crypto'
import type { Appraisal, Given } from '../appraisal.ts'
import { CollateralMemory, malformedAs, verifyCollateral } from '../dcap/collateral.ts'
import { matchQeIdentity } from '../dcap/qe-identity.ts'
import { parseSgxExtension, type SgxExtension } from '../dcap/sgx-extension.ts'
import { judgeClaims } from '../policy-reasons.ts'
import { Refusal, refuseUnless } from '../reject.ts'
import type { Certificate } from '../x509/certificate.ts'
import { earliest, requireSigner, verifyChain, type Chain } from '../x509/chain.ts'
import { addTcbClaims, readTdxClaims } from './claims.ts'
import { parseTdxQuote, pckChainText, UnsupportedFormatError, type TdxQuote } from './parse.ts'
import { judgeTdxTcb } from './tcb.ts'

/** What appraisals of TDX quotes remember. It changes how long one takes, never what it concludes. */
export class TdxMemory extends CollateralMemory {
  readonly #platforms = new WeakMap<Certificate, SgxExtension>()

  /** What a PCK certificate says about its platform. @throws {MalformedError} */
  platform(leaf: Certificate): SgxExtension {
    const known = this.#platforms.get(leaf)
    if (known !== undefined) return known
    if (leaf.extensions.sgx === undefined)
      throw new MalformedError('PCK certificate', 0, 'has no SGX extension')
    const read = parseSgxExtension(leaf.extensions.sgx)
    this.#platforms.set(leaf, read)
    return read
  }
}

/**
 * Appraises a TDX quote. Pure: no network, no clock, and nothing in `memory` changes the answer.
 *
 * Checks are made in the order of `rejectCodes`, and the first that fails is the answer.
 */
export async function appraiseTdxQuote(
  bytes: Bytes,
  given: Given,
  memory: TdxMemory,
): Promise<Appraisal> {
  try {
    return await appraiseOrRefuse(bytes, given, memory)
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal
    return { authentic: false, reject: refusal.reject, where: refusal.where }
  }
}

async function appraiseOrRefuse(bytes: Bytes, given: Given, memory: TdxMemory): Promise<Appraisal> {
  const quote = readQuote(bytes)
  const { chain, leaf, platform } = readPck(quote, given.now, memory)
  const anchor = await verifyPckChain(chain, given, memory)
  const collateral =
    given.collateral === 'none'
      ? undefined
      : await verifyCollateral(given.collateral, chain, given, memory)

  await verifyQeReport(quote, leaf)
  const qeLevel = collateral && matchQeIdentity(quote.qeReport, collateral.qeIdentity, 'TD_QE')
  // Spec: Intel quote verification library, 4.1.2.4.16. The key is bound to the quoting enclave above.
  const key = p256Key(quote.attestationKey)
  refuseUnless(
    await key.verify(quote.signed, quote.signature),
    'QUOTE_SIGNATURE',
    'header and body',
  )

  const claims = await readTdxClaims(quote, platform, anchor)
  const chainUntil = earliest(chain.map((certificate) => certificate.notAfter))
  if (collateral === undefined) {
    const { reasons } = judgeClaims(claims, given.policy, given.now, undefined)
    return { authentic: 'chain-only', claims, until: chainUntil, reasons }
  }
  const tcb = judgeTdxTcb(quote.report, platform, collateral.tcbInfo, qeLevel)
  const full = addTcbClaims(claims, tcb, collateral)
  const { reasons, graceUntil } = judgeClaims(full, given.policy, given.now, tcb.dateSeconds)
  const ends = [chainUntil, collateral.until, ...(graceUntil === undefined ? [] : [graceUntil])]
  return { authentic: true, claims: full, until: earliest(ends), reasons }
}

function readQuote(bytes: Bytes): TdxQuote {
  try {
    return parseTdxQuote(bytes)
  } catch (cause) {
    if (cause instanceof UnsupportedFormatError)
      throw new Refusal('UNSUPPORTED_FORMAT', cause.message, { cause })
    if (cause instanceof MalformedError) throw new Refusal('PARSE', cause.message, { cause })
    throw cause
  }
}

/** A PCK chain is the leaf, its authority and the root. Spec: Intel PCK Certificate Profile, 1. */
function readPck(
  quote: TdxQuote,
  now: UnixSeconds,
  memory: TdxMemory,
): { readonly chain: Chain; readonly leaf: Certificate; readonly platform: SgxExtension } {
  refuseUnless(
    quote.certificationType === 5,
    'PCK_CERT_UNAVAILABLE',
    () => `certification data type: got ${quote.certificationType}, expected 5 (PCK chain)`,
  )
  const chain = malformedAs('PARSE', () =>
    memory.certificates.chain(pckChainText(quote), 'PCK chain', now),
  )
  const [leaf] = chain
  if (leaf === undefined || chain.length !== 3)
    throw new Refusal('CHAIN_INVALID', `PCK chain: got ${chain.length} certificates, expected 3`)
  return { chain, leaf, platform: malformedAs('PARSE', () => memory.platform(leaf)) }
}

/** Spec: Intel quote verification library, 4.1.2.4.4; PCK Certificate Profile, 1.3. */
async function verifyPckChain(chain: Chain, given: Given, memory: TdxMemory): Promise<string> {
  const [leaf, authority] = chain
  if (leaf !== undefined) requireSigner(leaf, 'SGX PCK Certificate', 'CHAIN_INVALID', 'PCK chain')
  refuseUnless(
    /SGX PCK (?:Platform|Processor) CA/.test(authority?.commonName ?? ''),
    'CHAIN_INVALID',
    'PCK chain: not issued by a PCK platform or processor CA',
  )
  return await verifyChain(chain, 'PCK chain', given, memory.certificates, 'anew')
}

/**
 * The PCK signs the quoting enclave's report, whose report data binds the attestation key.
 *
 * Spec: Intel quote verification library, 4.1.2.4.12 and 13.
 */
async function verifyQeReport(quote: TdxQuote, leaf: Certificate): Promise<void> {
  const { qeReport } = quote
  const holds = await leaf.key.verify(qeReport.raw, quote.qeReportSignature)
  refuseUnless(holds, 'QE_REPORT_SIGNATURE', 'report of the quoting enclave')
  const bound = encodeHex(await sha256(quote.attestationKey, quote.qeAuthData))
  const expected = `${bound}${'00'.repeat(32)}`
  refuseUnless(
    encodeHex(qeReport.reportData) === expected,
    'QE_REPORT_DATA',
    () => `attestation key: got ${encodeHex(qeReport.reportData)}, expected ${expected}`,
  )
}
