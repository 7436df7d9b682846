import type { ComponentStatus } from '@cloister/attest'
import { assert, encodeHex, type Bytes } from '@cloister/codec'
import type { Authority, PckCa } from './authority.ts'
import { toPem } from './certificate.ts'
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
  const ppid = deriveBytes(seed, `${machine}/ppid`, 16)
  const encryptedPpid = deriveBytes(seed, `${machine}/encrypted-ppid`, 384)
  const pckKey = deriveSigningKey(seed, `${machine}/pck`)
  const pck = authority.certifyPck(pckKey, {
    ppid,
    components: svns.components,
    pceSvn: svns.pceSvn,
    fmspc: emulatorFmspc,
    platformInstanceId:
      options.ca === 'processor'
        ? undefined
        : deriveBytes(seed, `${machine}/platform-instance`, 16),
  })
  const signer: TdSigner = {
    pckKey,
    attestationKey: deriveSigningKey(seed, `${machine}/attestation`),
    pckChainPem: toPem(pck.der, pck.issuer.der, authority.root.der),
    ppid,
    encryptedPpid,
    cpuSvn: svns.components,
    pceSvn: svns.pceSvn,
    teeTcbSvn: svns.teeTcbSvn,
    quotingEnclaveSvn: quotingEnclaveSvns[options.quotingEnclave ?? 'UpToDate'],
  }
  return {
    ppid,
    fmspc: emulatorFmspc,
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
