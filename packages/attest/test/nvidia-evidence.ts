import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { NvidiaEvidence } from '@cloister/attest'
import { unixSeconds, type UnixSeconds } from '@cloister/codec'
import { evidenceRoot } from './evidence.ts'

/** What `expected.json` says of one manifest beside a report. */
export type ExpectedRim = {
  readonly file: string
  readonly colloquialVersion: string
  readonly active: number
  readonly xmlSignature: boolean
  readonly referenceDigest: boolean
  readonly chainToNvidiaRimRoot: boolean
  readonly certValidity: readonly [string, string]
  readonly mismatchedIndexes: readonly number[]
  readonly measurementsMatch: boolean
}

/** What `expected.json` says of one manifest alone. */
export type ListedRim = Omit<
  ExpectedRim,
  'colloquialVersion' | 'mismatchedIndexes' | 'measurementsMatch'
> & { readonly version: string; readonly name: string; readonly expected: 'valid' | 'reject' }

/** One sample: what the device signed, the manifests beside it, and what is expected. */
export type NvidiaSample = {
  readonly evidence: NvidiaEvidence
  readonly rims: readonly string[]
  readonly verifyAt: UnixSeconds
  readonly architecture: string
  readonly expected: {
    readonly authentic: boolean
    readonly reject: string | null
    readonly nonce: string
    readonly fwidPresentInReport: boolean
    readonly fwidMatchesLeafCert: boolean | null
    readonly trailingBytes: number
    readonly signatureOffset: number
    readonly rims: readonly ExpectedRim[]
  }
  readonly fields: {
    readonly spdmVersion: string
    readonly requestCode: string
    readonly responseCode: string
    readonly slot: number
    readonly numberOfBlocks: number
    readonly responseNonce: string
    readonly driverVersion: string
    readonly vbiosVersion: string
    readonly vbiosRimKey: string
    readonly leafSubject: string
    readonly deviceSubject: string
    readonly chain: readonly string[]
    readonly opaque: Readonly<Record<string, { readonly hex: string }>>
    readonly measurements: Readonly<
      Record<string, { readonly type: number; readonly value: string }>
    >
  }
}

const folder = join(evidenceRoot, 'nvidia')

/** Reads a sample's folder. */
export function readNvidiaSample(name: string): NvidiaSample {
  const read = (file: string): string => readFileSync(join(folder, name, file), 'utf8')
  const { tee, arch, verifyAt, expected, fields } = JSON.parse(read('expected.json'))
  const measurements = new Uint8Array(readFileSync(join(folder, name, 'evidence.bin')))
  return {
    evidence: { tee, measurements, certificateChain: read('certificate_chain.pem') },
    rims: expected.rims.map(({ file }: ExpectedRim) => read(file)),
    verifyAt: unixSeconds(Date.parse(verifyAt) / 1000),
    architecture: arch,
    expected,
    fields,
  }
}

/** The 35 manifests, and what is expected of each. */
export function readListedRims(): readonly (ListedRim & { readonly text: string })[] {
  const listed: ListedRim[] = JSON.parse(readFileSync(join(folder, 'rims/expected.json'), 'utf8'))
  return listed.map((rim) => ({
    ...rim,
    text: readFileSync(join(folder, 'rims', rim.file), 'utf8'),
  }))
}
