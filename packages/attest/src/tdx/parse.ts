import { MalformedError, Reader, type Bytes } from '@cloister/codec'
import { openQuote, type QuoteHeader, type QuoteSignatures } from '../dcap/quote.ts'

/** The 48-byte header of a TDX quote. Spec: Intel TDX DCAP quoting library API, A.3.1. */
export type TdxQuoteHeader = QuoteHeader<4 | 5>

/** What the TDX module reports about a TD. Spec: Intel TDX DCAP quoting library API, A.3.2. */
export type TdReport = {
  readonly teeTcbSvn: Bytes
  readonly mrSeam: Bytes
  readonly mrSignerSeam: Bytes
  readonly seamAttributes: Bytes
  readonly tdAttributes: Bytes
  readonly xfam: Bytes
  readonly mrtd: Bytes
  readonly mrConfigId: Bytes
  readonly mrOwner: Bytes
  readonly mrOwnerConfig: Bytes
  readonly rtmrs: readonly [Bytes, Bytes, Bytes, Bytes]
  readonly reportData: Bytes
  /** TD 1.5 only. */
  readonly migration: { readonly teeTcbSvn2: Bytes; readonly mrServiceTd: Bytes } | undefined
}

/** Every field of a TDX quote. Nothing here is trusted: views over bytes that nobody vouches for. */
export type TdxQuote = QuoteSignatures & {
  readonly header: TdxQuoteHeader
  readonly report: TdReport
}

/**
 * Reads a TDX quote of version 4 or 5, by its declared lengths. Zeros after it are padding.
 *
 * Spec: Intel TDX DCAP quoting library API, A.3 (version 4) and A.4 (version 5).
 *
 * @throws {UnsupportedFormatError} on a version, key type, technology or vendor not judged here.
 * @throws {MalformedError} naming the field, on anything else that is not a quote.
 */
export function parseTdxQuote(bytes: Bytes): TdxQuote {
  const { header, kind, body, ...signatures } = openQuote(bytes, 'tdx')
  const { version } = header
  if (version === 3) throw new MalformedError('version', 0, 'got 3, expected 4 or 5')
  const report = readReport(new Reader(body), kind === 'td-1.5')
  return { header: { ...header, version }, report, ...signatures }
}

function readReport(r: Reader, migration: boolean): TdReport {
  return {
    teeTcbSvn: r.bytes('TEE_TCB_SVN', 16),
    mrSeam: r.bytes('MRSEAM', 48),
    mrSignerSeam: r.bytes('MRSIGNERSEAM', 48),
    seamAttributes: r.bytes('SEAMATTRIBUTES', 8),
    tdAttributes: r.bytes('TDATTRIBUTES', 8),
    xfam: r.bytes('XFAM', 8),
    mrtd: r.bytes('MRTD', 48),
    mrConfigId: r.bytes('MRCONFIGID', 48),
    mrOwner: r.bytes('MROWNER', 48),
    mrOwnerConfig: r.bytes('MROWNERCONFIG', 48),
    rtmrs: [r.bytes('RTMR0', 48), r.bytes('RTMR1', 48), r.bytes('RTMR2', 48), r.bytes('RTMR3', 48)],
    reportData: r.bytes('REPORTDATA', 64),
    migration: migration
      ? { teeTcbSvn2: r.bytes('TEE_TCB_SVN_2', 16), mrServiceTd: r.bytes('MRSERVICETD', 48) }
      : undefined,
  }
}
