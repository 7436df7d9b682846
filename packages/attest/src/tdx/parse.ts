import { MalformedError, parseUtf8, Reader, type Bytes } from '@cloister/codec'
import {
  enclaveReportBytes,
  parseEnclaveReport,
  type EnclaveReport,
} from '../dcap/enclave-report.ts'

/** A quote in a format that exists, but that is not judged here. */
export class UnsupportedFormatError extends MalformedError {}

/** The 48-byte header of a TDX quote. Spec: Intel TDX DCAP quoting library API, A.3.1. */
export type TdxQuoteHeader = {
  readonly version: 4 | 5
  readonly qeVendorId: Bytes
  readonly userData: Bytes
}

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
export type TdxQuote = {
  readonly header: TdxQuoteHeader
  readonly report: TdReport
  /** What the attestation key signs: header and body. */
  readonly signed: Bytes
  /** Signature over `signed`: r then s. */
  readonly signature: Bytes
  /** The attestation key's point: x then y. */
  readonly attestationKey: Bytes
  readonly qeReport: EnclaveReport
  readonly qeReportSignature: Bytes
  readonly qeAuthData: Bytes
  /** How the PCK certificate is given: 5 is a PEM chain. */
  readonly certificationType: number
  readonly certificationData: Bytes
  /** Bytes of the quote itself; what follows is zero. */
  readonly size: number
}

/** Most bytes that evidence may have, padding included. */
export const quoteBytesMax = 64 * 1024

const intelVendorId = [
  0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07,
]

/**
 * Reads a TDX quote of version 4 or 5, by its declared lengths. Zeros after it are padding.
 *
 * Spec: Intel TDX DCAP quoting library API, A.3 (version 4) and A.4 (version 5).
 *
 * @throws {UnsupportedFormatError} on a version, key type, technology or vendor not judged here.
 * @throws {MalformedError} naming the field, on anything else that is not a quote.
 */
export function parseTdxQuote(bytes: Bytes): TdxQuote {
  if (bytes.length > quoteBytesMax)
    throw new MalformedError('quote', 0, `${bytes.length} bytes, at most ${quoteBytesMax} are read`)
  const r = new Reader(bytes)
  const header = readHeader(r)
  const report = header.version === 4 ? readReport10(r, undefined) : readReportOfVersion5(r)
  const signed = bytes.subarray(0, r.offset)

  const signatureSize = r.u32('signature data size')
  const s = new Reader(r.bytes('signature data', signatureSize))
  const signature = s.bytes('signature', 64)
  const attestationKey = s.bytes('attestation key', 64)
  const outerType = s.u16('certification data type')
  if (outerType !== 6)
    throw new UnsupportedFormatError(
      'certification data type',
      r.offset,
      `got ${outerType}, expected 6 (QE report)`,
    )
  const q = new Reader(s.bytes('QE certification data', s.u32('QE certification data size')))
  s.end('signature data')
  const qeReport = parseEnclaveReport(q.bytes('QE report', enclaveReportBytes))
  const qeReportSignature = q.bytes('QE report signature', 64)
  const qeAuthData = q.bytes('QE authentication data', q.u16('QE authentication data size'))
  const certificationType = q.u16('PCK certification data type')
  const certificationData = q.bytes('PCK certification data', q.u32('PCK certification data size'))
  q.end('QE certification data')

  const size = r.offset
  const padding = r.bytes('padding', r.remaining)
  const bad = padding.findIndex((byte) => byte !== 0)
  if (bad >= 0)
    throw new MalformedError('padding', size + bad, 'bytes after the quote are not zero')
  return {
    header,
    report,
    signed,
    signature,
    attestationKey,
    qeReport,
    qeReportSignature,
    qeAuthData,
    certificationType,
    certificationData,
    size,
  }
}

/**
 * The PEM chain that a quote of certification type 5 carries, without the zeros that may end it.
 *
 * @throws {MalformedError} where it is no text.
 */
export function pckChainText(quote: TdxQuote): string {
  let end = quote.certificationData.length
  while (end > 0 && quote.certificationData[end - 1] === 0) end--
  return parseUtf8(quote.certificationData.subarray(0, end), 'PCK chain')
}

function readHeader(r: Reader): TdxQuoteHeader {
  const version = r.u16('version')
  if (version !== 4 && version !== 5)
    throw new UnsupportedFormatError('version', 0, `got ${version}, expected 4 or 5`)
  const keyType = r.u16('attestation key type')
  if (keyType !== 2)
    throw new UnsupportedFormatError(
      'attestation key type',
      2,
      `got ${keyType}, expected 2 (P-256)`,
    )
  const teeType = r.u32('TEE type')
  if (teeType !== 0x81)
    throw new UnsupportedFormatError('TEE type', 4, `got ${teeType}, expected 129 (TDX)`)
  r.bytes('reserved', 4) // SVNs that version 4 and 5 no longer carry; no check depends on them.
  const qeVendorId = r.bytes('QE vendor id', 16)
  if (!intelVendorId.every((byte, index) => byte === qeVendorId[index]))
    throw new UnsupportedFormatError('QE vendor id', 12, 'not Intel')
  return { version, qeVendorId, userData: r.bytes('user data', 20) }
}

function readReportOfVersion5(r: Reader): TdReport {
  const type = r.u16('body type')
  const size = r.u32('body size')
  const expected = { 2: 584, 3: 648 }[type]
  if (expected === undefined)
    throw new UnsupportedFormatError(
      'body type',
      48,
      `got ${type}, expected 2 (TD 1.0) or 3 (TD 1.5)`,
    )
  if (size !== expected)
    throw new MalformedError('body size', 50, `got ${size}, expected ${expected}`)
  const b = new Reader(r.bytes('body', size))
  const report = readReport10(b, type === 3 ? readMigration : undefined)
  b.end('body')
  return report
}

function readMigration(r: Reader): TdReport['migration'] {
  return { teeTcbSvn2: r.bytes('TEE_TCB_SVN_2', 16), mrServiceTd: r.bytes('MRSERVICETD', 48) }
}

function readReport10(
  r: Reader,
  more: ((r: Reader) => TdReport['migration']) | undefined,
): TdReport {
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
    migration: more?.(r),
  }
}
