import { concatBytes, encodeUtf8, type Bytes } from '@cloister/codec'
import { littleEndian, sized } from './layout.ts'
import {
  quoteHeader,
  sealQuote,
  type CertificationType,
  type QuoteSigner,
} from './quote-envelope.ts'
import { quotingEnclaves } from './quoting-enclave.ts'
import { sha384 } from './signing-key.ts'
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
  readonly certificationType?: CertificationType
  /** MRSEAM, 48 bytes: another TDX module. */
  readonly mrSeam?: Bytes
  /** MRSIGNERSEAM, 48 bytes: a module of another signer than Intel, whose is zero. */
  readonly mrSignerSeam?: Bytes
  /** SEAMATTRIBUTES: zero for a production module. */
  readonly seamAttributes?: bigint
}

/** What a machine signs quotes of TDs with. */
export type TdSigner = QuoteSigner & { readonly teeTcbSvn: readonly number[] }

/**
 * Signs a TDX quote, byte for byte in Intel's layout.
 *
 * Spec: Intel TDX DCAP Quoting Library API, A.3 (version 4) and A.4 (version 5).
 */
export function signQuote(request: QuoteRequest, signer: TdSigner): Bytes {
  const version = request.version ?? 4
  const header = quoteHeader(version, 'tdx', signer)
  const signed = concatBytes(header, ...reportBody(request, signer, version))
  return sealQuote(signed, 4, quotingEnclaves.tdx, signer, request.certificationType ?? 5)
}

const debugBit = 1n << 0n
const septVeDisable = 1n << 28n
const mrSeam = sha384(encodeUtf8('Cloister Emulator TDX module, version 1.5'))
const xfam = Uint8Array.of(0xe7, 0, 6, 0, 0, 0, 0, 0)

function reportBody(request: QuoteRequest, signer: TdSigner, version: 4 | 5): readonly Bytes[] {
  const attributes =
    (request.tdAttributes ?? septVeDisable) | (request.debug === true ? debugBit : 0n)
  const teeTcbSvn = sized(Uint8Array.from(signer.teeTcbSvn), 16, 'TEE TCB SVN')
  const body = concatBytes(
    teeTcbSvn,
    sized(request.mrSeam ?? mrSeam, 48, 'MRSEAM'),
    sized(request.mrSignerSeam ?? new Uint8Array(48), 48, 'MRSIGNERSEAM'),
    littleEndian(request.seamAttributes ?? 0n, 8),
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
