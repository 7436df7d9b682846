import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { productionAnchor, type AmdCollateral } from '@cloister/attest'
import {
  encodeBase64,
  encodeHex,
  encodePem,
  unixSeconds,
  type Bytes,
  type UnixSeconds,
} from '@cloister/codec'
import { evidenceRoot } from './evidence.ts'

/** What `expected.json` says of a sample, and of its report. */
export type SnpExpected = {
  readonly format: string
  readonly verifyAtEpoch: number
  readonly expected: {
    readonly authentic: boolean
    readonly reject: string | null
    readonly rejectAnyOf?: readonly string[]
    readonly product: 'Milan' | 'Genoa' | 'Turin'
    readonly signingKey: 'VCEK' | 'VLEK'
    readonly debug: boolean
    readonly reportedTcb: object
    readonly crlChecked?: boolean
  }
  readonly fields: Readonly<Record<string, unknown>>
  readonly endorsementKeyExtensions: Readonly<Record<string, unknown>>
  readonly endorsementKeyValidity: readonly [string, string]
}

/** One sample: the report, its certificates and what is expected of them. */
export type SnpSample = {
  readonly report: Bytes
  readonly amd: AmdCollateral
  readonly now: UnixSeconds
  readonly json: SnpExpected
}

/** Reads a sample folder. */
export function readSnpSample(name: string): SnpSample {
  const folder = join(evidenceRoot, 'snp', name)
  const json: SnpExpected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'))
  const leaf = read(join(folder, existsSync(join(folder, 'vcek.der')) ? 'vcek.der' : 'vlek.der'))
  const crl = join(folder, 'crl.der')
  return {
    report: read(join(folder, 'report.bin')),
    amd: {
      certificateChain: pem(leaf) + readFileSync(join(folder, 'cert_chain.pem'), 'utf8'),
      ...(existsSync(crl) && { crl: encodeHex(read(crl)) }),
    },
    now: unixSeconds(json.verifyAtEpoch),
    json,
  }
}

/** AMD's certificates, as they stand beside the evidence. */
export function readAnchor(name: string): Bytes {
  return read(join(evidenceRoot, 'anchors', `${name}.der`))
}

/** AMD's roots. */
export const amd = [
  productionAnchor('amd-ark-milan'),
  productionAnchor('amd-ark-genoa'),
  productionAnchor('amd-ark-turin'),
]

/** A certificate in PEM. */
export function pem(der: Bytes): string {
  return encodePem(encodeBase64(der), 'CERTIFICATE')
}

function read(path: string): Bytes {
  return new Uint8Array(readFileSync(path))
}
