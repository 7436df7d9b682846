import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  parseCollateral,
  productionAnchor,
  strictPolicy,
  type Collateral,
  type Policy,
  type PolicyOverrides,
} from '@cloister/attest'
import { unixSeconds, type Bytes, type UnixSeconds } from '@cloister/codec'

/** Real evidence is not part of this repository: it is found beside it, or its tests are skipped. */
export const evidenceRoot = process.env['CLOISTER_EVIDENCE'] ?? '../shared/evidence'

const required = (process.env['CLOISTER_REQUIRE'] ?? '').split(',').includes('evidence')

/** Whether real evidence is there. Where it is required and absent, this throws. */
export function hasEvidence(tests: number): boolean {
  if (existsSync(join(evidenceRoot, 'tdx'))) return true
  const message = `SKIPPED ${tests} tests: no evidence at ${evidenceRoot} (set CLOISTER_EVIDENCE)`
  if (required) throw new Error(`CLOISTER_REQUIRE names evidence, but: ${message}`)
  console.warn(message)
  return false
}

/** The vendor's algorithm's answer, as `expected.json` states it. */
export type Expected = {
  readonly authentic: boolean | 'signature-chain-only'
  readonly reject: string | null
  readonly tcbStatus: string | null
  readonly platformTcbStatus?: string
  readonly sgxTcbStatus?: string
  readonly qeTcbStatus?: string
  readonly tdxModule?: object
  readonly tcbDate?: string
  readonly advisoryIDs?: readonly string[]
  readonly debug?: boolean
  readonly tdFlags?: Readonly<Record<string, boolean>>
  readonly tcbEvaluationDataNumber?: number
  readonly qeIdentityEvaluationDataNumber?: number
  readonly validWindow?: readonly [string, string]
}

/** What the quote says, as `expected.json` states it. */
export type Fields = Readonly<Record<string, unknown>> & {
  readonly quoteVersion: number
  readonly consumedBytes: number
  readonly pck: Readonly<Record<string, unknown>>
  readonly qe: Readonly<Record<string, unknown>>
}

/** One sample: the quote, its collateral and what is expected of it. */
export type Sample = {
  readonly name: string
  readonly quote: Bytes
  readonly collateral: Collateral | 'none'
  readonly verifyAt: UnixSeconds | undefined
  readonly expected: Expected
  readonly fields: Fields
}

/**
 * Names of the samples in a folder of the evidence. Where it is absent, as many as belong there: each then stands in
 * the count of tests, as skipped.
 */
export function samplesIn(folder: string, count: number): readonly string[] {
  const path = join(evidenceRoot, folder)
  return existsSync(path)
    ? readdirSync(path).filter((name) => name !== 'rims' && name !== 'nras')
    : Array.from({ length: count }, (_, index) => `sample ${index + 1}`)
}

/** Reads a sample folder. */
export function readSample(name: string): Sample {
  const folder = join(evidenceRoot, name)
  const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'))
  const collateral = join(folder, 'collateral.json')
  return {
    name,
    quote: new Uint8Array(readFileSync(join(folder, 'quote.bin'))),
    collateral: existsSync(collateral) ? parseCollateral(readFileSync(collateral, 'utf8')) : 'none',
    verifyAt: expected.verifyAtEpoch === null ? undefined : unixSeconds(expected.verifyAtEpoch),
    expected: expected.expected,
    fields: expected.fields,
  }
}

/** The 23 mutations of a TDX sample. */
export function readMutations(): readonly Mutation[] {
  const all: Mutation[] = JSON.parse(
    readFileSync(join(evidenceRoot, 'dcap-mutations.json'), 'utf8'),
  )
  return all.filter((mutation) => mutation.base.startsWith('tdx/'))
}

/** A patch over a sample, and the class of refusal expected. */
export type Mutation = {
  readonly id: string
  readonly base: string
  readonly expect: string
  readonly verifyAtDelta?: number
  readonly patch: readonly {
    readonly file?: string
    readonly offset?: number
    readonly xor?: number
    readonly set?: string
    readonly truncateTo?: number
    readonly collateral?: string
    readonly replace?: readonly [string, string]
    readonly flipLastByte?: boolean
    readonly copyFrom?: string
  }[]
}

const camel = (name: string): string =>
  name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

/** Applies a mutation to its base. */
export function mutate(sample: Sample, mutation: Mutation): Sample {
  let quote = sample.quote.slice()
  const base = intelTexts(sample.collateral)
  const collateral: Record<string, string> = { ...base }
  for (const patch of mutation.patch) {
    if (patch.collateral === undefined) {
      if (patch.truncateTo !== undefined) quote = quote.slice(0, patch.truncateTo)
      if (patch.xor !== undefined) quote[patch.offset!]! ^= patch.xor
      if (patch.set !== undefined) quote.set(Buffer.from(patch.set, 'hex'), patch.offset)
      continue
    }
    const key = camel(patch.collateral)
    const text = collateral[key]!
    if (patch.replace !== undefined) collateral[key] = text.replace(...patch.replace)
    if (patch.set !== undefined) collateral[key] = patch.set
    if (patch.copyFrom !== undefined) collateral[key] = base[camel(patch.copyFrom)]!
    if (patch.flipLastByte === true) {
      const last = Number.parseInt(text.slice(-2), 16) ^ 1
      collateral[key] = text.slice(0, -2) + last.toString(16).padStart(2, '0')
    }
  }
  return {
    ...sample,
    quote,
    collateral: parseCollateral(JSON.stringify(collateral)),
    verifyAt: unixSeconds(sample.verifyAt! + (mutation.verifyAtDelta ?? 0)),
  }
}

/** Intel's documents of a collateral, by their names. */
export function intelTexts(collateral: Collateral | 'none'): Readonly<Record<string, string>> {
  if (collateral === 'none' || collateral.intel === undefined)
    throw new Error("Intel's documents are needed here")
  return { ...collateral.intel }
}

/** A policy that is strict about everything but who runs what where. */
export function anyPolicy(overrides: Partial<PolicyOverrides> = {}): Policy {
  return strictPolicy({
    measurements: 'any',
    reportData: 'any',
    machineIds: 'any',
    ...overrides,
  })
}

/** Intel's root. */
export const intel = [productionAnchor('intel-sgx-root-ca')]
