import type { ComponentStatus } from '@cloister/attest'
import { assert, encodeHex, type Bytes } from '@cloister/codec'
import type { Authority, PckCa } from './authority.ts'
import { toPem, type Validity } from './certificate.ts'
import type { EnclaveContent } from './enclave-report.ts'
import { sized } from './layout.ts'
import { sealQuote, type ForgedParts } from './quote-envelope.ts'
import { signQuote, type QuoteRequest, type TdSigner } from './quote.ts'
import { quotingEnclaves } from './quoting-enclave.ts'
import { signEnclaveQuote, type EnclaveQuoteRequest } from './sgx-quote.ts'
import { deriveBytes, deriveSigningKey } from './signing-key.ts'
import { emulatorFmspc, type IntelTee } from './tcb-documents.ts'
import { platformSvns, quotingEnclaveSvns, type PlatformStatus } from './tcb-levels.ts'

/** What can be chosen about a machine. */
export type PlatformOptions = {
  /** Names the machine: equal seeds, equal machine. At least 16 bytes. */
  readonly machineSeed: Bytes
  readonly tcb?: PlatformStatus | 'NotSupported'
  readonly module?: ComponentStatus
  readonly quotingEnclave?: ComponentStatus
  readonly revoked?: boolean
  /** Who certifies it: the Platform CA (the default) or, a single-socket machine, the Processor CA. */
  readonly ca?: PckCa
  /** 6 bytes that name its family: its TCB info has to be asked for by the same. Default: the emulator's own. */
  readonly fmspc?: Bytes
  /** 16 bytes that name the machine in evidence, in place of those that follow from its seed. */
  readonly ppid?: Bytes
  /** When the certificates of its chain are valid, where not as always. */
  readonly validity?: Partial<Record<'pck' | 'ca' | 'root', Partial<Validity>>>
  /** What its quoting enclave reports in place of the genuine: another signer, or a digest of another key. */
  readonly quotingEnclaveFields?: Partial<EnclaveContent>
}

/** An emulated machine. */
export type Platform = {
  /** The machine's hardware id, 16 bytes. */
  readonly ppid: Bytes
  readonly fmspc: Bytes
  readonly pckSerial: Bytes
  readonly ca: PckCa
  /** PEM: the PCK certificate, its authority, the root. */
  readonly pckChainPem: string
  /** What its quotes of certification type 3 and its owner ask for the certificate by. */
  readonly names: PlatformNames
  quote(request: QuoteRequest): Bytes
  quoteEnclave(request: EnclaveQuoteRequest): Bytes
  /**
   * Signs any bytes in place of a header and body with the machine's genuine keys, and vouches for them with any
   * parts: what a fuzzer needs to get past the signatures.
   */
  forge(
    signed: Bytes,
    how: { readonly tee: IntelTee; readonly layout: 3 | 4 },
    parts?: ForgedParts,
  ): Bytes
}

/** Names of a machine in requests for its PCK certificate. */
export type PlatformNames = {
  /** 384 bytes that stand for the PPID, as nobody but the manufacturer can read them. */
  readonly encryptedPpid: Bytes
  /** 16 bytes that name the quoting enclave's installation. */
  readonly qeId: Bytes
  /** The TCB that the certificate is for: 16 SVNs, and the PCE's. */
  readonly cpuSvn: Bytes
  readonly pceSvn: number
}

/** Makes a machine: its keys and ids follow from the manufacturer's seed and its own. */
export function createPlatform(
  seed: Bytes,
  authority: Authority,
  options: PlatformOptions,
): Platform {
  const { machineSeed } = options
  assert(
    machineSeed.length >= 16,
    `a machine's seed has 16 bytes or more, got ${machineSeed.length}`,
  )
  const machine = `machine/${encodeHex(machineSeed)}`
  const svns = platformSvns(options.tcb ?? 'UpToDate', options.module ?? 'UpToDate')
  const fmspc = sized(options.fmspc ?? emulatorFmspc, 6, 'FMSPC').slice()
  const ppid = sized(options.ppid ?? deriveBytes(seed, `${machine}/ppid`, 16), 16, 'PPID').slice()
  const encryptedPpid = deriveBytes(seed, `${machine}/encrypted-ppid`, 384)
  const pckKey = deriveSigningKey(seed, `${machine}/pck`)
  const instanceId = deriveBytes(seed, `${machine}/platform-instance`, 16)
  const content = {
    ppid,
    components: svns.components,
    pceSvn: svns.pceSvn,
    fmspc,
    platformInstanceId: options.ca === 'processor' ? undefined : instanceId,
  }
  const pck = authority.certifyPck(pckKey, content, options.validity?.pck)
  const ca = authority.certify(`${pck.ca}Ca`, options.validity?.ca)
  const root = authority.certify('root', options.validity?.root)
  const signer: TdSigner = {
    pckKey,
    attestationKey: deriveSigningKey(seed, `${machine}/attestation`),
    pckChainPem: toPem(pck.der, ca.der, root.der),
    ppid,
    encryptedPpid,
    cpuSvn: svns.components,
    pceSvn: svns.pceSvn,
    teeTcbSvn: svns.teeTcbSvn,
    quotingEnclaveSvn: quotingEnclaveSvns[options.quotingEnclave ?? 'UpToDate'],
    ...(options.quotingEnclaveFields && { quotingEnclaveFields: options.quotingEnclaveFields }),
  }
  return {
    ppid,
    fmspc,
    pckSerial: pck.serial,
    ca: pck.ca,
    pckChainPem: signer.pckChainPem,
    names: {
      encryptedPpid,
      qeId: deriveBytes(seed, `${machine}/qe-id`, 16),
      cpuSvn: Uint8Array.from(svns.components),
      pceSvn: svns.pceSvn,
    },
    quote: (request) => signQuote(request, signer),
    quoteEnclave: (request) => signEnclaveQuote(request, signer),
    forge: (signed, { tee, layout }, parts) =>
      sealQuote(signed, layout, quotingEnclaves[tee], signer, 5, parts),
  }
}
