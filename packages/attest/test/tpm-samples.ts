import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Collateral, TpmEvidence } from '@cloister/attest'
import {
  encodeBase64,
  encodePem,
  parseHex,
  unixSeconds,
  type Bytes,
  type UnixSeconds,
} from '@cloister/codec'
import { parseCertificate, type Certificate } from '../src/x509/certificate.ts'
import { evidenceRoot } from './evidence.ts'

/** What `expected.json` says of a TPM sample. */
export type ExpectedTpm = {
  readonly authentic: boolean
  readonly reject: string | null
  readonly pcrDigestMatches: boolean | null
  readonly sigAlg: string
  readonly hashAlg: string
  readonly akBoundToHardwareReport?: boolean
  readonly hclReportType?: 'SNP' | 'TDX'
  readonly userData?: string
  readonly akCertChain?: boolean
  readonly akAttributes?: Readonly<Record<string, unknown>>
  readonly akCertValidity?: readonly [string, string]
  readonly policy?: string
}

/** One sample of a TPM quote. */
export type TpmSample = {
  readonly evidence: TpmEvidence
  readonly collateral: Collateral
  readonly now: UnixSeconds
  readonly expected: ExpectedTpm
  /** What the quote says; one bank in each. */
  readonly fields: Readonly<Record<string, unknown>> & {
    readonly pcrSelect: readonly [readonly [string, readonly number[]]]
  }
}

/** Samples say no time: any inside their certificates' validity does. Azure's are judged at 2026-06-30. */
const inside = unixSeconds(Date.UTC(2026, 5, 30) / 1000)

/** Reads a sample folder as its README lays it out. */
export function readTpmSample(name: string): TpmSample {
  const folder = join(evidenceRoot, 'tpm', name)
  const has = (file: string): boolean => existsSync(join(folder, file))
  const text = (file: string): string => readFileSync(join(folder, file), 'utf8')
  const bytes = (file: string): Bytes => new Uint8Array(readFileSync(join(folder, file)))
  const { expected, fields } = JSON.parse(text('expected.json'))
  const [[bank]] = fields.pcrSelect
  const evidence: TpmEvidence = {
    tee: 'tpm2',
    quote: bytes('quote.tpms_attest.bin'),
    signature: bytes(has('signature.tpmt.bin') ? 'signature.tpmt.bin' : 'signature.bin'),
    attestationKey: bytes(has('ak.tpmt_public.bin') ? 'ak.tpmt_public.bin' : 'ak.spki.der'),
    ...(has('ak_cert_chain.pem') && { certificateChain: text('ak_cert_chain.pem') }),
    ...(has('pcrs.json') && { pcrs: { [bank]: readPcrs(JSON.parse(text('pcrs.json'))) } }),
    ...(has('tcg_event_log.bin') && { eventLog: bytes('tcg_event_log.bin') }),
    ...(has('hcl_report.bin') && { hcl: bytes('hcl_report.bin') }),
    ...(has('td_quote.bin') && { hardwareQuote: bytes('td_quote.bin') }),
  }
  const collateral = has('vcek.der')
    ? { amd: { certificateChain: encodePem(encodeBase64(bytes('vcek.der')), 'CERTIFICATE') } }
    : {}
  return { evidence, collateral, now: inside, expected, fields }
}

/** Certificates of Google's and Azure's authorities over vTPMs, roots among them. */
export function authorityCertificates(): readonly Certificate[] {
  const folder = join(evidenceRoot, 'anchors')
  return readdirSync(folder)
    .filter((file) => /^(?:gcp|azure)-.*\.der$/.test(file))
    .map((file) => parseCertificate(new Uint8Array(readFileSync(join(folder, file))), file))
}

function readPcrs(list: readonly string[]): Readonly<Record<string, Bytes>> {
  return Object.fromEntries(list.map((hex, index) => [index, parseHex(hex)]))
}
