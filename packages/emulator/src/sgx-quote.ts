import { concatBytes, type Bytes } from '@cloister/codec'
import { enclaveReport } from './enclave-report.ts'
import { littleEndian } from './layout.ts'
import {
  quoteHeader,
  sealQuote,
  type CertificationType,
  type QuoteSigner,
} from './quote-envelope.ts'
import { quotingEnclaves } from './quoting-enclave.ts'

/** What an SGX quote is asked to say. */
export type EnclaveQuoteRequest = {
  /** 32 bytes each. */
  readonly mrEnclave: Bytes
  readonly mrSigner: Bytes
  readonly isvProdId?: number
  readonly isvSvn?: number
  /** 64 bytes. */
  readonly reportData: Bytes
  /** A debug enclave: its memory is readable, so that every verifier must refuse it. */
  readonly debug?: boolean
  /** ATTRIBUTES.FLAGS in place of INIT and MODE64BIT. */
  readonly attributes?: bigint
  readonly miscSelect?: number
  /** 64 bytes, and their version: what the enclave was configured with (KSS). */
  readonly configId?: Bytes
  readonly configSvn?: number
  /** 3 where nothing is said: what SGX machines sign in the field. */
  readonly version?: 3 | 4 | 5
  readonly certificationType?: CertificationType
}

/** Signs an SGX quote, byte for byte in Intel's layout. */
export function signEnclaveQuote(request: EnclaveQuoteRequest, signer: QuoteSigner): Bytes {
  const version = request.version ?? 3
  const attributes = (request.attributes ?? initialized) | (request.debug === true ? debugBit : 0n)
  const body = enclaveReport({
    ...request,
    cpuSvn: signer.cpuSvn,
    attributes,
    isvProdId: request.isvProdId ?? 0,
    isvSvn: request.isvSvn ?? 0,
  })
  const typed = version === 5 ? [littleEndian(1, 2), littleEndian(body.length, 4)] : []
  const signed = concatBytes(quoteHeader(version, 'sgx', signer), ...typed, body)
  const layout = version === 3 ? 3 : 4
  return sealQuote(signed, layout, quotingEnclaves.sgx, signer, request.certificationType ?? 5)
}

/** INIT and MODE64BIT. */
const initialized = 0x05n
const debugBit = 0x02n
