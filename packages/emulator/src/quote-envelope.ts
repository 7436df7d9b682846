import { concatBytes, encodeUtf8, parseHex, type Bytes } from '@cloister/codec'
import type { EnclaveContent } from './enclave-report.ts'
import { littleEndian } from './layout.ts'
import { authData, quotingEnclaveReport, type QuotingEnclave } from './quoting-enclave.ts'
import type { SigningKey } from './signing-key.ts'

/** How a quote gives its PCK certificate: 5 carries the chain; 1 and 3 name the platform, its PPID in clear or encrypted. */
export type CertificationType = 1 | 3 | 5

/** What a machine signs quotes with. */
export type QuoteSigner = {
  readonly attestationKey: SigningKey
  readonly pckKey: SigningKey
  /** Leaf, its authority, root. */
  readonly pckChainPem: string
  readonly ppid: Bytes
  /** 384 bytes that stand for the PPID, as nobody but the manufacturer can read them. */
  readonly encryptedPpid: Bytes
  readonly cpuSvn: readonly number[]
  readonly pceSvn: number
  readonly quotingEnclaveSvn: number
  readonly quotingEnclaveFields?: Partial<EnclaveContent>
}

/** Parts of a quote that take the place of the genuine ones. Everything is signed as it stands, whatever it is. */
export type ForgedParts = {
  /** In place of the quoting enclave's report; its binding of the attestation key is then whatever it says. */
  readonly qeReport?: Bytes
  readonly qeAuthData?: Bytes
  readonly certificationType?: number
  readonly certificationData?: Bytes
}

/**
 * Signs header and body as a quoting enclave does, and puts behind them what vouches for that.
 *
 * Spec: Intel SGX DCAP ECDSA quoting library API, A.4 (version 3); Intel TDX DCAP quoting library API, A.3 and A.4.
 */
export function sealQuote(
  signed: Bytes,
  layout: 3 | 4,
  enclave: QuotingEnclave,
  signer: QuoteSigner,
  certificationType: CertificationType,
  forged: ForgedParts = {},
): Bytes {
  const auth = forged.qeAuthData ?? authData
  const report = forged.qeReport ?? quotingEnclaveReport(enclave, signer, auth)
  const data = forged.certificationData ?? certificationData(certificationType, signer)
  const certification = concatBytes(
    report,
    signer.pckKey.signRaw(report),
    littleEndian(auth.length, 2),
    auth,
    littleEndian(forged.certificationType ?? certificationType, 2),
    littleEndian(data.length, 4),
    data,
  )
  const signature = concatBytes(
    signer.attestationKey.signRaw(signed),
    signer.attestationKey.point,
    ...(layout === 3
      ? []
      : [littleEndian(quotingEnclaveCertification, 2), littleEndian(certification.length, 4)]),
    certification,
  )
  return concatBytes(signed, littleEndian(signature.length, 4), signature)
}

/** The 48-byte header of a quote. */
export function quoteHeader(version: 3 | 4 | 5, tee: 'sgx' | 'tdx', signer: QuoteSigner): Bytes {
  const userData = new Uint8Array(20)
  userData.set(encodeUtf8('CLOISTER EMULATOR'))
  const svns =
    version === 3
      ? [littleEndian(signer.quotingEnclaveSvn, 2), littleEndian(signer.pceSvn, 2)]
      : [new Uint8Array(4)]
  return concatBytes(
    littleEndian(version, 2),
    littleEndian(2, 2), // ECDSA with P-256
    littleEndian(tee === 'sgx' ? 0 : 0x81, 4),
    ...svns,
    parseHex(intelQeVendorId),
    userData,
  )
}

const quotingEnclaveCertification = 6
const intelQeVendorId = '939a7233f79c4ca9940a0db3957f0607'

function certificationData(type: CertificationType, signer: QuoteSigner): Bytes {
  if (type === 5) return encodeUtf8(signer.pckChainPem)
  return concatBytes(
    type === 1 ? signer.ppid : signer.encryptedPpid,
    Uint8Array.from(signer.cpuSvn),
    littleEndian(signer.pceSvn, 2),
    new Uint8Array(2), // PCE id
  )
}
