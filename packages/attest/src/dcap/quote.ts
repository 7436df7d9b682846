import { MalformedError, Reader, type Bytes } from '@cloister/codec'
import { UnsupportedFormatError } from '../reject.ts'
import { enclaveReportBytes, parseEnclaveReport, type EnclaveReport } from './enclave-report.ts'

/** What a quote speaks of: an enclave, or a TD of either version of the body. */
export type QuoteBodyKind = 'enclave' | 'td-1.0' | 'td-1.5'

/** The 48-byte header of every quote. Spec: Intel SGX DCAP quoting library API, A.4; TDX, A.3.1. */
export type QuoteHeader<V extends 3 | 4 | 5 = 3 | 4 | 5> = {
  readonly version: V
  readonly qeVendorId: Bytes
  readonly userData: Bytes
}

/** What a quoting enclave signed and what vouches for it. Nothing here is trusted. */
export type QuoteSignatures = {
  /** What the attestation key signs: header and body. */
  readonly signed: Bytes
  /** Signature over `signed`: r then s. */
  readonly signature: Bytes
  /** The attestation key's point: x then y. */
  readonly attestationKey: Bytes
  readonly qeReport: EnclaveReport
  readonly qeReportSignature: Bytes
  readonly qeAuthData: Bytes
  /** How the PCK certificate is given: 5 is a PEM chain; 1, 2 and 3 name the platform. */
  readonly certificationType: number
  readonly certificationData: Bytes
  /** Bytes of the quote itself; what follows is zero. */
  readonly size: number
}

/** Most bytes that evidence may have, padding included. */
export const quoteBytesMax = 64 * 1024

const headerBytes = 48

/** Header, body and signatures of a quote, its body not read yet. */
export type OpenedQuote = QuoteSignatures & {
  readonly header: QuoteHeader
  readonly kind: QuoteBodyKind
  readonly body: Bytes
}

/**
 * Opens a quote of version 3, 4 or 5, of an enclave or a TD, by its declared lengths. Zeros after it are padding.
 *
 * Spec: Intel SGX DCAP quoting library API, A.4 (version 3); Intel TDX DCAP quoting library API, A.3 and A.4.
 *
 * @throws {UnsupportedFormatError} on a version, key type, technology or vendor not judged here.
 * @throws {MalformedError} naming the field, on anything else that is not a quote.
 */
export function openQuote(bytes: Bytes, tee: 'sgx' | 'tdx'): OpenedQuote {
  if (bytes.length > quoteBytesMax)
    throw new MalformedError('quote', 0, `${bytes.length} bytes, at most ${quoteBytesMax} are read`)
  const r = new Reader(bytes)
  const header = readHeader(r, tee)
  const kind = header.version === 5 ? readBodyKind(r, tee) : tee === 'sgx' ? 'enclave' : 'td-1.0'
  const body = r.bytes('body', bodyBytes[kind])
  const signed = bytes.subarray(0, r.offset)
  const s = r.inside('signature data', r.u32('signature data size'))
  const signatures = readSignatures(s, header.version)
  s.end('signature data')
  const size = r.offset
  requireZeros(bytes, size)
  return { header, kind, body, signed, ...signatures, size }
}

/** Reads versions, technology and vendor. Version 3 is of SGX alone. */
function readHeader(r: Reader, tee: 'sgx' | 'tdx'): QuoteHeader {
  const version = r.u16('version')
  if (version !== 4 && version !== 5 && (version !== 3 || tee === 'tdx'))
    throw new UnsupportedFormatError(
      'version',
      0,
      `got ${version}, expected ${tee === 'sgx' ? '3, 4 or 5' : '4 or 5'}`,
    )
  const keyType = r.u16('attestation key type')
  if (keyType !== 2)
    throw new UnsupportedFormatError(
      'attestation key type',
      2,
      `got ${keyType}, expected 2 (P-256)`,
    )
  const teeType = r.u32('TEE type')
  const expected = teeTypes[tee]
  if (teeType !== expected)
    throw new UnsupportedFormatError(
      'TEE type',
      4,
      `got ${teeType}, expected ${expected} (${tee.toUpperCase()})`,
    )
  // The SVNs of quoting enclave and PCE in version 3, reserved since: what counts is in report and certificate.
  r.skip('SVNs', 4)
  const qeVendorId = r.bytes('QE vendor id', 16)
  if (!intelVendorId.every((byte, index) => byte === qeVendorId[index]))
    throw new UnsupportedFormatError('QE vendor id', 12, 'not Intel')
  return { version, qeVendorId, userData: r.bytes('user data', 20) }
}

const teeTypes = { sgx: 0, tdx: 0x81 } as const

const intelVendorId = [
  0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07,
]

const bodyBytes: Readonly<Record<QuoteBodyKind, number>> = {
  enclave: enclaveReportBytes,
  'td-1.0': 584,
  'td-1.5': 648,
}

/** The body's type and size, which version 5 puts before it. The type has to be the header's technology's. */
function readBodyKind(r: Reader, tee: 'sgx' | 'tdx'): QuoteBodyKind {
  const type = r.u16('body type')
  const kind = tee === 'sgx' ? sgxBodies[type] : tdxBodies[type]
  const size = r.u32('body size')
  if (kind === undefined)
    throw new UnsupportedFormatError(
      'body type',
      headerBytes,
      `got ${type}, expected ${tee === 'sgx' ? '1 (enclave)' : '2 (TD 1.0) or 3 (TD 1.5)'}`,
    )
  if (size !== bodyBytes[kind])
    throw new MalformedError(
      'body size',
      headerBytes + 2,
      `got ${size}, expected ${bodyBytes[kind]}`,
    )
  return kind
}

const sgxBodies: Readonly<Record<number, QuoteBodyKind>> = { 1: 'enclave' }
const tdxBodies: Readonly<Record<number, QuoteBodyKind>> = { 2: 'td-1.0', 3: 'td-1.5' }

/** What follows the body. From version 4 on the QE's report stands inside certification data of type 6. */
function readSignatures(s: Reader, version: 3 | 4 | 5): Omit<QuoteSignatures, 'signed' | 'size'> {
  const signature = s.bytes('signature', 64)
  const attestationKey = s.bytes('attestation key', 64)
  if (version === 3) return { signature, attestationKey, ...readQeCertification(s) }
  const { offset } = s
  const outerType = s.u16('certification data type')
  if (outerType !== 6)
    throw new UnsupportedFormatError(
      'certification data type',
      offset,
      `got ${outerType}, expected 6 (QE report)`,
    )
  const q = s.inside('QE certification data', s.u32('QE certification data size'))
  const certification = readQeCertification(q)
  q.end('QE certification data')
  return { signature, attestationKey, ...certification }
}

function readQeCertification(
  q: Reader,
): Omit<QuoteSignatures, 'signed' | 'size' | 'signature' | 'attestationKey'> {
  return {
    qeReport: parseEnclaveReport(q.bytes('QE report', enclaveReportBytes)),
    qeReportSignature: q.bytes('QE report signature', 64),
    qeAuthData: q.bytes('QE authentication data', q.u16('QE authentication data size')),
    certificationType: q.u16('PCK certification data type'),
    certificationData: q.bytes('PCK certification data', q.u32('PCK certification data size')),
  }
}

function requireZeros(bytes: Bytes, size: number): void {
  for (let at = size; at < bytes.length; at++)
    if (bytes[at] !== 0)
      throw new MalformedError('padding', at, 'bytes after the quote are not zero')
}
