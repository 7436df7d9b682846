import { concatBytes, encodeUtf8, type Bytes } from '@cloister/codec'
import { enclaveReport, type EnclaveContent } from './enclave-report.ts'
import { sha256, type SigningKey } from './signing-key.ts'

/** An enclave that signs quotes: what identifies it. */
export type QuotingEnclave = { readonly mrEnclave: Bytes; readonly isvProdId: number }

/** The emulator's two quoting enclaves, one for each technology. Products 1 and 2 are Intel's numbers. */
export const quotingEnclaves: Readonly<Record<'sgx' | 'tdx', QuotingEnclave>> = {
  sgx: {
    mrEnclave: sha256(encodeUtf8('Cloister Emulator SGX quoting enclave, version 1')),
    isvProdId: 1,
  },
  tdx: {
    mrEnclave: sha256(encodeUtf8('Cloister Emulator TD quoting enclave, version 1')),
    isvProdId: 2,
  },
}

/** Who signed both. */
export const quotingEnclaveSigner: Bytes = sha256(
  encodeUtf8('Cloister Emulator quoting enclave signer'),
)

/** Authentication data: what Intel's quoting enclave writes, 00 to 1f. */
export const authData: Bytes = Uint8Array.from({ length: 32 }, (_, index) => index)

/**
 * The report of a quoting enclave, 384 bytes, in which it vouches for its attestation key.
 *
 * Spec: Intel TDX DCAP Quoting Library API, A.3.10 and A.4.
 */
export function quotingEnclaveReport(
  enclave: QuotingEnclave,
  signer: {
    readonly attestationKey: SigningKey
    readonly cpuSvn: readonly number[]
    readonly quotingEnclaveSvn: number
    readonly quotingEnclaveFields?: Partial<EnclaveContent>
  },
  auth: Bytes,
): Bytes {
  return enclaveReport({
    ...enclave,
    cpuSvn: signer.cpuSvn,
    attributes: provisioning,
    mrSigner: quotingEnclaveSigner,
    isvSvn: signer.quotingEnclaveSvn,
    reportData: concatBytes(sha256(signer.attestationKey.point, auth), new Uint8Array(32)),
    ...signer.quotingEnclaveFields,
  })
}

/** INIT, MODE64BIT and PROVISIONKEY: a quoting enclave has to derive keys that outlast its launch. */
const provisioning = 0x15n
