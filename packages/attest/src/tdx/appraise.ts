import { encodeHex, MalformedError, type Bytes, type UnixSeconds } from '@cloister/codec'
import { ecdsaSha256, publicKey, sha256 } from '#crypto'
import { refusalAsAnswer, type Appraisal, type Given } from '../appraisal.ts'
import {
  DcapMemory,
  intelRoots,
  verifyCollateral,
  type VerifiedCollateral,
} from '../dcap/collateral.ts'
import { matchQeIdentity } from '../dcap/qe-identity.ts'
import type { SgxExtension } from '../dcap/sgx-extension.ts'
import type { TdxEvidence } from '../evidence.ts'
import { malformedAs, Refusal, refuseUnless } from '../reject.ts'
import type { Certificate } from '../x509/certificate.ts'
import { earliest, requireSigner, verifyChain, type Chain } from '../x509/chain.ts'
import { addTcbClaims, readTdxClaims, type TdxClaims } from './claims.ts'
import { judgeTdxClaims } from './policy.ts'
import { parseTdxQuote, pckChainText, UnsupportedFormatError, type TdxQuote } from './parse.ts'
import { judgeTdxTcb } from './tcb.ts'

/**
 * Appraises a TDX quote. Pure: no network, no clock, and nothing in `memory` changes the answer.
 *
 * Checks are made in the order of `rejectCodes`, and the first that fails is the answer.
 */
export function appraiseTdx(
  evidence: TdxEvidence,
  given: Given,
  memory: DcapMemory = new DcapMemory(),
): Promise<Appraisal<TdxClaims>> {
  return refusalAsAnswer(() => appraiseOrRefuse(evidence.quote, given, memory))
}

async function appraiseOrRefuse(
  bytes: Bytes,
  given: Given,
  memory: DcapMemory,
): Promise<Appraisal<TdxClaims>> {
  const quote = readQuote(bytes)
  const { chain, leaf, platform } = readPck(quote, given.now, memory)
  const anchor = await verifyPckChain(chain, given, memory)
  const collateral = await verifyGivenCollateral(given, chain, memory)

  await verifyQeReport(quote, leaf)
  const qeLevel = collateral && matchQeIdentity(quote.qeReport, collateral.qeIdentity, 'TD_QE')
  // Spec: Intel quote verification library, 4.1.2.4.16. The key is bound to the quoting enclave above.
  const key = publicKey({ kind: 'ec', curve: 'P-256', point: quote.attestationKey })
  refuseUnless(
    await key.verify(ecdsaSha256, quote.signed, quote.signature),
    'QUOTE_SIGNATURE',
    'header and body',
  )

  const claims = await readTdxClaims(quote, platform, anchor)
  const chainUntil = earliest(chain.map((certificate) => certificate.notAfter))
  if (collateral === undefined) {
    const { reasons } = judgeTdxClaims(claims, given.policy, given.now, undefined)
    return { authentic: 'chain-only', claims, until: chainUntil, reasons }
  }
  const tcb = judgeTdxTcb(quote.report, platform, collateral.tcbInfo, qeLevel)
  const full = addTcbClaims(claims, tcb, collateral)
  const { reasons, graceUntil } = judgeTdxClaims(full, given.policy, given.now, tcb.dateSeconds)
  const ends = [chainUntil, collateral.until, ...(graceUntil === undefined ? [] : [graceUntil])]
  return { authentic: true, claims: full, until: earliest(ends), reasons }
}

async function verifyGivenCollateral(
  { collateral, anchors, now }: Given,
  chain: Chain,
  memory: DcapMemory,
): Promise<VerifiedCollateral | undefined> {
  if (collateral === 'none') return undefined
  if (collateral.intel === undefined) throw new Refusal('COLLATERAL_MISSING', "Intel's documents")
  return await verifyCollateral(collateral.intel, chain, { anchors, now }, memory)
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
  memory: DcapMemory,
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
async function verifyPckChain(chain: Chain, given: Given, memory: DcapMemory): Promise<string> {
  const [leaf, authority] = chain
  if (leaf !== undefined) requireSigner(leaf, 'SGX PCK Certificate', 'CHAIN_INVALID', 'PCK chain')
  refuseUnless(
    /SGX PCK (?:Platform|Processor) CA/.test(authority?.commonName ?? ''),
    'CHAIN_INVALID',
    'PCK chain: not issued by a PCK platform or processor CA',
  )
  return await verifyChain(chain, 'PCK chain', given, memory.certificates, 'anew', intelRoots)
}

/**
 * The PCK signs the quoting enclave's report, whose report data binds the attestation key.
 *
 * Spec: Intel quote verification library, 4.1.2.4.12 and 13.
 */
async function verifyQeReport(quote: TdxQuote, leaf: Certificate): Promise<void> {
  const { qeReport } = quote
  const holds = await leaf.key.verify(ecdsaSha256, qeReport.raw, quote.qeReportSignature)
  refuseUnless(holds, 'QE_REPORT_SIGNATURE', 'report of the quoting enclave')
  const bound = encodeHex(await sha256(quote.attestationKey, quote.qeAuthData))
  const expected = `${bound}${'00'.repeat(32)}`
  refuseUnless(
    encodeHex(qeReport.reportData) === expected,
    'QE_REPORT_DATA',
    () => `attestation key: got ${encodeHex(qeReport.reportData)}, expected ${expected}`,
  )
}
