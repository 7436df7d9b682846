import { encodeHex, encodeUtf8, MalformedError, parseBase64, parsePemBlocks } from '@cloister/codec'
import { parseNamedPlatform, pckChainText } from '../dcap/certification.ts'
import { openQuote } from '../dcap/quote.ts'
import { parseSgxExtension } from '../dcap/sgx-extension.ts'
import type { SgxEvidence, TdxEvidence } from '../evidence.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { chainLimits } from '../x509/chain.ts'
import { objectIds } from '../x509/object-ids.ts'

/** A family of Intel's machines, as its documents are asked for. */
export type IntelPlatformName = {
  readonly tee: 'sgx' | 'tdx'
  /** 12 hexadecimal digits. */
  readonly fmspc: string
  /** Which authority issued the PCK certificate: each has a revocation list of its own. */
  readonly ca: 'processor' | 'platform'
}

/** One PCK certificate, as it is asked for where a quote does not carry it. Hexadecimal. */
export type PckName = {
  /** 16 bytes: names the quoting enclave's machine to a caching service. */
  readonly qeId: string
  /** Absent where the quote has the PPID in clear: Intel's own service takes it encrypted only. */
  readonly encryptedPpid?: string
  readonly cpuSvn: string
  readonly pceSvn: string
  readonly pceId: string
}

/**
 * What a quote needs: documents about its platform, or first the PCK certificate that says which platform it is.
 *
 * Nothing is verified. @throws {MalformedError} where the quote is not in its format, or names no platform.
 */
export function intelNeeds(evidence: SgxEvidence | TdxEvidence): IntelPlatformName | PckName {
  const quote = openQuote(evidence.quote, evidence.tee)
  const chain = pckChainText(quote)
  if (chain !== undefined) return intelPlatformOf(evidence.tee, chain)
  const named = parseNamedPlatform(quote)
  if (named === undefined)
    throw new MalformedError(
      'PCK certification data type',
      0,
      `got ${quote.certificationType}, expected 1, 2, 3 or 5`,
    )
  const ppidBytes = quote.certificationData.length - (named.pceId === undefined ? 18 : 20)
  return {
    qeId: encodeHex(quote.header.userData.subarray(0, 16)),
    ...(named.ppid === undefined && {
      encryptedPpid: encodeHex(quote.certificationData.subarray(0, ppidBytes)),
    }),
    cpuSvn: named.cpuSvn,
    // The service takes the number as it lies in the quote, lower byte first.
    pceSvn: encodeHex(Uint8Array.of(named.pceSvn & 0xff, named.pceSvn >> 8)),
    pceId: named.pceId ?? '0000',
  }
}

/**
 * The platform that a PCK chain (PEM) is of.
 *
 * Nothing is verified. @throws {MalformedError} where it is no such chain.
 */
export function intelPlatformOf(tee: 'sgx' | 'tdx', pckChain: string): IntelPlatformName {
  const [leaf, authority] = parsePemBlocks(pckChain, 'CERTIFICATE', 'PCK chain', chainLimits).map(
    (block) => parseCertificate(parseBase64(block, 'PCK chain'), 'PCK chain'),
  )
  const extension = leaf?.extensions.values.get(objectIds.sgxExtension)
  if (extension === undefined || authority === undefined)
    throw new MalformedError('PCK chain', 0, 'expected a PCK certificate and its authority')
  const { fmspc } = parseSgxExtension(extension)
  return { tee, fmspc, ca: authority.commonName.includes('Platform CA') ? 'platform' : 'processor' }
}

/**
 * The same quote with its PCK chain in it (certification type 5). No signature covers that envelope, so a chain that
 * was fetched can be judged without any other document.
 *
 * @throws {MalformedError} where the quote is not in its format.
 */
export function withPckChain<E extends SgxEvidence | TdxEvidence>(
  evidence: E,
  pckChain: string,
): E {
  const { quote: bytes, tee } = evidence
  const { header, signed, certificationData, size } = openQuote(bytes, tee)
  const chain = encodeUtf8(pckChain)
  const start = size - certificationData.length - 6 // Type and length stand before the data.
  const quote = new Uint8Array(start + 6 + chain.length)
  quote.set(bytes.subarray(0, start))
  quote.set(chain, start + 6)
  const view = new DataView(quote.buffer)
  view.setUint16(start, 5, true)
  view.setUint32(start + 2, chain.length, true)
  view.setUint32(signed.length, quote.length - signed.length - 4, true)
  // From version 4 on, a type and a length of their own stand after signature and key.
  const outer = signed.length + 4 + 64 + 64 + 2
  if (header.version !== 3) view.setUint32(outer, quote.length - outer - 4, true)
  return { ...evidence, quote }
}
