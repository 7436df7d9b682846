import type { Bytes } from '@cloister/codec'
import { parseEnclaveReport, type EnclaveReport } from '../dcap/enclave-report.ts'
import { openQuote, type QuoteHeader, type QuoteSignatures } from '../dcap/quote.ts'

/** Every field of an SGX quote. Nothing here is trusted: views over bytes that nobody vouches for. */
export type SgxQuote = QuoteSignatures & {
  readonly header: QuoteHeader
  readonly report: EnclaveReport
}

/**
 * Reads an SGX quote of version 3, 4 or 5, by its declared lengths. Zeros after it are padding.
 *
 * Spec: Intel SGX DCAP ECDSA quoting library API, A.4 (version 3); Intel TDX DCAP quoting library API, A.3 and A.4.
 *
 * @throws {UnsupportedFormatError} on a version, key type, technology or vendor not judged here.
 * @throws {MalformedError} naming the field, on anything else that is not a quote.
 */
export function parseSgxQuote(bytes: Bytes): SgxQuote {
  const { header, kind: _, body, ...signatures } = openQuote(bytes, 'sgx')
  return { header, report: parseEnclaveReport(body), ...signatures }
}
