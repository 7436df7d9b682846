import { Reader, type Bytes } from '@cloister/codec'

/** What the processor reports about an enclave, 384 bytes: the one quoted, or the one that signed the quote. */
export type EnclaveReport = {
  readonly raw: Bytes
  readonly cpuSvn: Bytes
  readonly miscSelect: Bytes
  readonly isvExtProdId: Bytes
  readonly attributes: Bytes
  readonly mrEnclave: Bytes
  readonly mrSigner: Bytes
  readonly configId: Bytes
  readonly isvProdId: number
  readonly isvSvn: number
  readonly configSvn: number
  readonly isvFamilyId: Bytes
  readonly reportData: Bytes
}

/** Size of an enclave report. */
export const enclaveReportBytes = 384

/**
 * Reads an enclave report. Nothing in it is trusted before its signature, and its reserved bytes decide nothing.
 *
 * Spec: Intel SGX DCAP ECDSA quoting library API, A.4 (enclave report body).
 */
export function parseEnclaveReport(raw: Bytes): EnclaveReport {
  const r = new Reader(raw)
  const cpuSvn = r.bytes('CPUSVN', 16)
  const miscSelect = r.bytes('MISCSELECT', 4)
  r.skip('reserved', 12)
  const isvExtProdId = r.bytes('ISVEXTPRODID', 16)
  const attributes = r.bytes('ATTRIBUTES', 16)
  const mrEnclave = r.bytes('MRENCLAVE', 32)
  r.skip('reserved', 32)
  const mrSigner = r.bytes('MRSIGNER', 32)
  r.skip('reserved', 32)
  const configId = r.bytes('CONFIGID', 64)
  const isvProdId = r.u16('ISVPRODID')
  const isvSvn = r.u16('ISVSVN')
  const configSvn = r.u16('CONFIGSVN')
  r.skip('reserved', 42)
  const isvFamilyId = r.bytes('ISVFAMILYID', 16)
  const reportData = r.bytes('report data', 64)
  r.end('enclave report')
  return {
    raw,
    cpuSvn,
    miscSelect,
    isvExtProdId,
    attributes,
    mrEnclave,
    mrSigner,
    configId,
    isvProdId,
    isvSvn,
    configSvn,
    isvFamilyId,
    reportData,
  }
}
