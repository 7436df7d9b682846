// The third-party verifier, unmodified, and the inputs that tests share.
import { createRequire } from 'node:module'
import type { IntelCollateral } from '@cloister/attest'
import { unixSeconds, type Bytes } from '@cloister/codec'
import {
  createManufacturer,
  type EnclaveQuoteRequest,
  type Manufacturer,
  type Platform,
  type QuoteRequest,
} from '../src/index.ts'

/** What `@phala/dcap-qvl` answers. */
export type QvlReport = { status: string; advisory_ids: string[]; report: unknown; ppid: Buffer }

type Qvl = {
  QuoteVerifier: {
    newProd(): QvlVerifier
    newWithRootCa(root: Buffer): QvlVerifier
  }
  getCollateral(url: string, quote: Buffer): Promise<QvlCollateral>
}

type QvlCollateral = Readonly<Record<string, unknown>>

type QvlVerifier = { verify(quote: Buffer, collateral: QvlCollateral, now: number): QvlReport }

export const qvl: Qvl = createRequire(import.meta.url)('@phala/dcap-qvl')

/** 2026-09-21T14:13:20Z, when everything in these tests is issued. */
export const now = unixSeconds(1_790_000_000)

export function testManufacturer(): Manufacturer {
  return createManufacturer({ seed: new Uint8Array(32).fill(0x5e), now })
}

export function machineSeed(number: number): Bytes {
  return new Uint8Array(16).fill(number)
}

/** Registers and report data that differ from one another, so that a swap shows. */
export function sampleRequest(changes: Partial<QuoteRequest> = {}): QuoteRequest {
  return {
    mrtd: register(0xa0),
    rtmrs: [register(0xb0), register(0xb1), register(0xb2), register(0xb3)],
    reportData: Uint8Array.from({ length: 64 }, (_, index) => index),
    ...changes,
  }
}

/** An enclave whose fields differ from one another, so that a swap shows. */
export function sampleEnclave(changes: Partial<EnclaveQuoteRequest> = {}): EnclaveQuoteRequest {
  return {
    mrEnclave: new Uint8Array(32).fill(0xe0),
    mrSigner: new Uint8Array(32).fill(0xe1),
    isvProdId: 7,
    isvSvn: 3,
    reportData: Uint8Array.from({ length: 64 }, (_, index) => index),
    ...changes,
  }
}

/** Collateral with its members spelled as Intel's tools and the third-party verifier spell them. */
export function underscored(collateral: IntelCollateral): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(collateral).map(([name, text]) => [spelled(name), text]))
}

function spelled(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** What the third-party verifier says of a TDX quote: its status, or its refusal. */
export function verdict(manufacturer: Manufacturer, quote: Bytes, at: number = now + 60): string {
  return said(manufacturer, quote, manufacturer.collateral(), at)
}

/** What the third-party verifier says of an SGX quote of `platform`. */
export function enclaveVerdict(
  manufacturer: Manufacturer,
  platform: Platform,
  quote: Bytes,
  at: number = now + 60,
): string {
  const collateral = manufacturer.collateral({ tee: 'sgx', ca: platform.ca })
  const pckCertificateChain = platform.pckChainPem
  return said(manufacturer, quote, { ...collateral, pckCertificateChain }, at)
}

function said(manufacturer: Manufacturer, quote: Bytes, collateral: IntelCollateral, at: number) {
  const verifier = qvl.QuoteVerifier.newWithRootCa(Buffer.from(manufacturer.rootDer))
  try {
    return verifier.verify(Buffer.from(quote), underscored(collateral), at).status
  } catch (refusal) {
    return refusal instanceof Error ? refusal.message : String(refusal)
  }
}

function register(value: number): Bytes {
  return new Uint8Array(48).fill(value)
}
