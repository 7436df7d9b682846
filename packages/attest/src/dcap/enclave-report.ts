import { Reader, type Bytes } from '@cloister/codec'

/** The report of the enclave that signed a quote, 384 bytes. */
export type EnclaveReport = {
  readonly raw: Bytes
  readonly miscSelect: Bytes
  readonly attributes: Bytes
  readonly mrEnclave: Bytes
  readonly mrSigner: Bytes
  readonly isvProdId: number
  readonly isvSvn: number
  readonly reportData: Bytes
}

/** Size of an enclave report. */
export const enclaveReportBytes = 384

/**
 * Reads an enclave report. Nothing in it is trusted before its signature.
 *
 * Spec: Intel SGX DCAP ECDSA quoting library API, A.4 (enclave report body).
 */
export function parseEnclaveReport(raw: Bytes): EnclaveReport {
  const r = new Reader(raw)
  r.bytes('QE CPUSVN', 16)
  const miscSelect = r.bytes('QE MISCSELECT', 4)
  r.bytes('QE reserved', 28)
  const attributes = r.bytes('QE ATTRIBUTES', 16)
  const mrEnclave = r.bytes('QE MRENCLAVE', 32)
  r.bytes('QE reserved', 32)
  const mrSigner = r.bytes('QE MRSIGNER', 32)
  r.bytes('QE reserved', 96)
  const isvProdId = r.u16('QE ISVPRODID')
  const isvSvn = r.u16('QE ISVSVN')
  r.bytes('QE reserved', 60)
  const reportData = r.bytes('QE report data', 64)
  r.end('QE report')
  return { raw, miscSelect, attributes, mrEnclave, mrSigner, isvProdId, isvSvn, reportData }
}
