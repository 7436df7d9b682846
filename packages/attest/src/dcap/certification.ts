import { encodeHex, parseUtf8, Reader } from '@cloister/codec'
import { refuseUnless } from '../reject.ts'
import type { QuoteSignatures } from './quote.ts'
import type { SgxExtension } from './sgx-extension.ts'

/** A platform by what a quote without a chain says of it, in hexadecimal. */
export type NamedPlatform = {
  /** Absent where it is encrypted to Intel's registration service, which alone can read it. */
  readonly ppid: string | undefined
  /** The CPUSVN and PCESVN that the PCK was derived for. */
  readonly cpuSvn: string
  readonly pceSvn: number
  /** Absent in quotes of libraries built without PCE ids. */
  readonly pceId: string | undefined
}

/** Bytes of the PPID by certification type: in clear, and encrypted with RSA-2048 and RSA-3072. */
const ppidBytes: Readonly<Record<number, number>> = { 1: 16, 2: 256, 3: 384 }

/** Bytes of CPUSVN, PCESVN and the PCE id. */
const svnAndPceIdBytes = 20

/**
 * The PEM chain of a quote of certification type 5, without the zeros that may end it; undefined for another type.
 *
 * @throws {MalformedError} where it is no text.
 */
export function pckChainText(quote: QuoteSignatures): string | undefined {
  if (quote.certificationType !== 5) return undefined
  let end = quote.certificationData.length
  while (end > 0 && quote.certificationData[end - 1] === 0) end--
  return parseUtf8(quote.certificationData.subarray(0, end), 'PCK chain')
}

/**
 * The platform that a quote of certification type 1, 2 or 3 names; undefined for another type.
 *
 * Spec: Intel SGX DCAP ECDSA quoting library API, A.4 (QE certification data).
 *
 * @throws {MalformedError} where the data is too short or too long for its type.
 */
export function parseNamedPlatform(quote: QuoteSignatures): NamedPlatform | undefined {
  const size = ppidBytes[quote.certificationType]
  if (size === undefined) return undefined
  const r = new Reader(quote.certificationData)
  const ppid = r.bytes('PPID', size)
  const withPceId = r.remaining === svnAndPceIdBytes
  const cpuSvn = encodeHex(r.bytes('CPUSVN', 16))
  const pceSvn = r.u16('PCESVN')
  const pceId = withPceId ? encodeHex(r.bytes('PCE id', 2)) : undefined
  r.end('PCK certification data')
  return { ppid: size === 16 ? encodeHex(ppid) : undefined, cpuSvn, pceSvn, pceId }
}

/**
 * Refuses a certificate that is not of the platform and TCB which the quote names, as far as it names them: the PCK
 * depends on CPUSVN and PCESVN, so they are equal and not just close.
 *
 * @throws {Refusal} CERT_MISMATCH, saying which field and both values.
 */
export function matchNamedPlatform(named: NamedPlatform, pck: SgxExtension): void {
  const { ppid, cpuSvn, pceSvn, pceId } = named
  if (ppid !== undefined) requireEqual('PPID', pck.ppid, ppid)
  requireEqual('CPUSVN', pck.cpuSvn, cpuSvn)
  requireEqual('PCESVN', String(pck.pceSvn), String(pceSvn))
  if (pceId !== undefined) requireEqual('PCE id', pck.pceId, pceId)
}

function requireEqual(field: string, certified: string, named: string): void {
  refuseUnless(
    certified === named,
    'CERT_MISMATCH',
    () => `${field}: PCK certificate has ${certified}, the quote names ${named}`,
  )
}
