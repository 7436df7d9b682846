import { concatBytes, encodeUtf8, type Bytes } from '@cloister/codec'
import { littleEndian } from './layout.ts'
import { sha256, type SigningKey } from './signing-key.ts'

/** What identifies the emulator's quoting enclave. Product 2 is the TD quoting enclave. */
export const quotingEnclave = {
  mrEnclave: sha256(encodeUtf8('Cloister Emulator TD quoting enclave, version 1')),
  mrSigner: sha256(encodeUtf8('Cloister Emulator quoting enclave signer')),
  isvProdId: 2,
  /** Authentication data: what Intel's quoting enclave writes, 00 to 1f. */
  authData: Uint8Array.from({ length: 32 }, (_, index) => index),
} as const

/**
 * The report of the quoting enclave, 384 bytes, in which it vouches for its attestation key.
 *
 * Spec: Intel TDX DCAP Quoting Library API, A.3.10 and A.4.
 */
export function quotingEnclaveReport(
  attestationKey: SigningKey,
  cpuSvn: readonly number[],
  isvSvn: number,
): Bytes {
  const { mrEnclave, mrSigner, isvProdId, authData } = quotingEnclave
  return concatBytes(
    Uint8Array.from(cpuSvn),
    new Uint8Array(32), // MISCSELECT and reserved
    Uint8Array.of(0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7, 0, 0, 0, 0, 0, 0, 0), // ATTRIBUTES: no debug
    mrEnclave,
    new Uint8Array(32),
    mrSigner,
    new Uint8Array(96),
    littleEndian(isvProdId, 2),
    littleEndian(isvSvn, 2),
    new Uint8Array(60),
    sha256(attestationKey.point, authData),
    new Uint8Array(32),
  )
}
