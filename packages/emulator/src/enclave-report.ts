import { concatBytes, type Bytes } from '@cloister/codec'
import { littleEndian, sized } from './layout.ts'

/** What a report says about an enclave. */
export type EnclaveContent = {
  readonly cpuSvn: readonly number[]
  /** ATTRIBUTES.FLAGS. */
  readonly attributes: bigint
  readonly mrEnclave: Bytes
  readonly mrSigner: Bytes
  readonly isvProdId: number
  readonly isvSvn: number
  /** 64 bytes. */
  readonly reportData: Bytes
  /** Bits of MISCSELECT. */
  readonly miscSelect?: number
  /** 64 bytes that the enclave was configured with at its start, and their version (KSS). */
  readonly configId?: Bytes
  readonly configSvn?: number
}

/** The body of an enclave's report, 384 bytes. Spec: Intel SGX DCAP ECDSA quoting library API, A.4. */
export function enclaveReport(content: EnclaveContent): Bytes {
  return concatBytes(
    sized(Uint8Array.from(content.cpuSvn), 16, 'CPUSVN'),
    littleEndian(content.miscSelect ?? 0, 4),
    new Uint8Array(28), // reserved and ISVEXTPRODID
    littleEndian(content.attributes, 8),
    xfrm,
    sized(content.mrEnclave, 32, 'MRENCLAVE'),
    new Uint8Array(32),
    sized(content.mrSigner, 32, 'MRSIGNER'),
    new Uint8Array(32),
    sized(content.configId ?? new Uint8Array(64), 64, 'CONFIGID'),
    littleEndian(content.isvProdId, 2),
    littleEndian(content.isvSvn, 2),
    littleEndian(content.configSvn ?? 0, 2),
    new Uint8Array(58), // reserved and ISVFAMILYID
    sized(content.reportData, 64, 'report data'),
  )
}

/** x87, SSE, AVX and AVX-512. */
const xfrm = Uint8Array.of(0xe7, 0, 0, 0, 0, 0, 0, 0)
