import { concatBytes, encodeUtf8, parseHex, type Bytes } from '@cloister/codec'
import { littleEndian, sized } from './layout.ts'
import { quotingEnclave, quotingEnclaveReport } from './quoting-enclave.ts'
import { sha384, type SigningKey } from './signing-key.ts'
import { moduleSvns } from './tcb-levels.ts'

/** The 48-byte registers of a TD: what was built into it, and what it was extended with since. */
export type TdRegisters = {
  readonly mrtd: Bytes
  readonly rtmrs: readonly [Bytes, Bytes, Bytes, Bytes]
}

/** What a quote is asked to say. */
export type QuoteRequest = TdRegisters & {
  /** 64 bytes. */
  readonly reportData: Bytes
  /** A debug TD: its memory is readable, so that every verifier must refuse it. */
  readonly debug?: boolean
  /** TD_ATTRIBUTES in place of SEPT_VE_DISABLE alone. */
  readonly tdAttributes?: bigint
  /** 4: TD 1.0 body. 5: TD 1.5 body, with the body's type and size before it. */
  readonly version?: 4 | 5
  /** Version 5: the host has updated the TDX module since the TD started, and not relaunched the TD. */
  readonly moduleUpdatedSince?: boolean
}

/** What a machine signs quotes with. */
export type QuoteSigner = {
  readonly attestationKey: SigningKey
  readonly pckKey: SigningKey
  /** Leaf, Platform CA, root. */
  readonly pckChainPem: string
  readonly cpuSvn: readonly number[]
  readonly teeTcbSvn: readonly number[]
  readonly quotingEnclaveSvn: number
}

/**
 * Signs a TDX quote, byte for byte in Intel's layout.
 *
 * Spec: Intel TDX DCAP Quoting Library API, A.3 (version 4) and A.4 (version 5).
 */
export function signQuote(request: QuoteRequest, signer: QuoteSigner): Bytes {
  const version = request.version ?? 4
  const signed = concatBytes(quoteHeader(version), ...reportBody(request, signer, version))
  const chain = encodeUtf8(signer.pckChainPem)
  const report = quotingEnclaveReport(
    signer.attestationKey,
    signer.cpuSvn,
    signer.quotingEnclaveSvn,
  )
  const certification = concatBytes(
    report,
    signer.pckKey.signRaw(report),
    littleEndian(quotingEnclave.authData.length, 2),
    quotingEnclave.authData,
    littleEndian(pckCertificateChain, 2),
    littleEndian(chain.length, 4),
    chain,
  )
  const signature = concatBytes(
    signer.attestationKey.signRaw(signed),
    signer.attestationKey.point,
    littleEndian(quotingEnclaveCertification, 2),
    littleEndian(certification.length, 4),
    certification,
  )
  return concatBytes(signed, littleEndian(signature.length, 4), signature)
}

const pckCertificateChain = 5
const quotingEnclaveCertification = 6
const debugBit = 1n << 0n
const septVeDisable = 1n << 28n
const intelQeVendorId = '939a7233f79c4ca9940a0db3957f0607'
const mrSeam = sha384(encodeUtf8('Cloister Emulator TDX module, version 1.5'))
const xfam = Uint8Array.of(0xe7, 0, 6, 0, 0, 0, 0, 0)

function quoteHeader(version: number): Bytes {
  const userData = new Uint8Array(20)
  userData.set(encodeUtf8('CLOISTER EMULATOR'))
  return concatBytes(
    littleEndian(version, 2),
    littleEndian(2, 2), // ECDSA with P-256
    littleEndian(0x81, 4), // TDX
    new Uint8Array(4),
    parseHex(intelQeVendorId),
    userData,
  )
}

function reportBody(request: QuoteRequest, signer: QuoteSigner, version: 4 | 5): readonly Bytes[] {
  const attributes =
    (request.tdAttributes ?? septVeDisable) | (request.debug === true ? debugBit : 0n)
  const teeTcbSvn = sized(Uint8Array.from(signer.teeTcbSvn), 16, 'TEE TCB SVN')
  const body = concatBytes(
    teeTcbSvn,
    mrSeam,
    new Uint8Array(56), // MRSIGNERSEAM and SEAMATTRIBUTES: zero for Intel's module
    littleEndian(attributes, 8),
    xfam,
    sized(request.mrtd, 48, 'MRTD'),
    new Uint8Array(144), // MRCONFIGID, MROWNER, MROWNERCONFIG
    ...request.rtmrs.map((register, index) => sized(register, 48, `RTMR${index}`)),
    sized(request.reportData, 64, 'report data'),
  )
  if (version === 4) return [body]
  const teeTcbSvn2 = teeTcbSvn.slice()
  if (request.moduleUpdatedSince === true) teeTcbSvn2[0] = moduleSvns.UpToDate
  const body15 = concatBytes(body, teeTcbSvn2, new Uint8Array(48)) // MRSERVICETD: none
  return [littleEndian(3, 2), littleEndian(body15.length, 4), body15]
}
