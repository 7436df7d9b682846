import { readFileSync } from 'node:fs'

import { OperationError } from '@cloister/codec'

import { clinicParameters, clinicSeed, splitClinics, type ClinicSplit } from '../clinics.ts'
import type { Canary } from '../leaks/canary.ts'
import { needlesOf } from '../leaks/canary.ts'
import { scanBytes } from '../leaks/scan.ts'
import { linesOf } from './plain-engine.ts'

/** What the owners of the story start with; each has something that must be found nowhere else. */
export type Belongings = {
  readonly clinics: readonly {
    readonly role: 'clinic-1' | 'clinic-2' | 'clinic-3'
    readonly name: string
    readonly csv: string
    readonly metadata: string
  }[]
  /** All that the clinics hold, in one file. */
  readonly pooledCsv: string
  readonly testCsv: string
  readonly parameters: string
  /** One row without its label. */
  readonly record: string
  /** What that row's label says. */
  readonly recordLabel: string
  readonly canaries: readonly Canary[]
}

const triesMax = 10_000
const clinicRoles = ['clinic-1', 'clinic-2', 'clinic-3'] as const

/**
 * Deals the data out, and plants canaries: a sentence in each clinic's description, and an unusual number in one row of each
 * clinic, in the training settings and in the patient's record. `present` is what the network wrote before any of it
 * existed: no canary is found there.
 */
export async function dealBelongings(present: Buffer): Promise<Belongings> {
  const path = new URL('../../../../apps/tabular-train/data/breast_cancer.csv', import.meta.url)
  const split = await splitClinics(readFileSync(path, 'utf8'))
  const canaries: Canary[] = []
  let { pooledCsv } = split
  const clinics = clinicRoles.map((role, index) => {
    const clinic = split.clinics[index] ?? { name: role, csv: '' }
    const [first = ''] = linesOf(clinic.csv)
    const { row, value } = markRow(first, present)
    const sentence = `The archive of ${role} is called ${crypto.randomUUID()}`
    canaries.push(
      { kind: 'number', owner: role, name: `a number in a record of ${role}`, value },
      { kind: 'text', owner: role, name: `the description of ${role}`, text: sentence },
    )
    pooledCsv = pooledCsv.replace(first, row)
    const csv = clinic.csv.replace(first, row)
    return { role, name: clinic.name, csv, metadata: JSON.stringify({ sentence }) }
  })
  const learningRate = unusualNear(learningRateOf(split), present)
  canaries.push({
    kind: 'number',
    owner: 'company',
    name: 'the learning rate',
    value: learningRate,
  })
  const patient = markRow(linesOf(split.testCsv)[0] ?? '', present)
  const number = 'a number of the patient’s'
  canaries.push({ kind: 'number', owner: 'patient', name: number, value: patient.value })
  const cells = patient.row.split(',')
  return {
    clinics,
    pooledCsv,
    testCsv: split.testCsv,
    parameters: withLearningRate(split, learningRate),
    record: `${cells.slice(0, -1).join(',')}\n`,
    recordLabel: cells.at(-1) ?? '',
    canaries,
  }
}

/** Up to three of a model's weights, those first that are least likely to be met by chance. */
export function weightCanaries(weights: readonly number[]): readonly Canary[] {
  return [...new Set(weights)]
    .filter((value) => Math.abs(value) > 1e-6)
    .map((value) => ({ value, chance: chanceOf(value) }))
    .toSorted((a, b) => a.chance - b.chance)
    .slice(0, 3)
    .map(({ value }, index) => ({
      kind: 'number',
      owner: 'company',
      name: `weight ${index + 1} of the model`,
      value,
    }))
}

function markRow(row: string, present: Buffer): { readonly row: string; readonly value: number } {
  const [first = '', ...rest] = row.split(',')
  const value = unusualNear(Number(first), present)
  return { row: [value, ...rest].join(','), value }
}

// A change of a thousandth does nothing to a model, and leaves enough bits to make the number one of its kind.
function unusualNear(value: number, present: Buffer): number {
  for (let tries = 0; tries < triesMax; tries++) {
    const unusual = Number((value * (1 + Math.random() / 500)).toPrecision(9))
    const needles = needlesOf([{ kind: 'number', owner: '', name: '', value: unusual }])
    if (chanceOf(unusual) === 0 && scanBytes(present, needles, '').length === 0) return unusual
  }
  throw new OperationError('no-canary', `Cannot find an unusual number near ${value}`)
}

/** How many of a number's short encodings look like ordinary text: hexadecimal digits, or a word. */
function chanceOf(value: number): number {
  return needlesOf([{ kind: 'number', owner: '', name: '', value }]).filter(
    ({ encoding, bytes }) =>
      encoding.includes('base64') &&
      bytes.length < 6 &&
      /^(?:[0-9a-f]+|[a-z]+)$/i.test(latin1(bytes)),
  ).length
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

function learningRateOf(split: ClinicSplit): number {
  const rate: unknown = JSON.parse(clinicParameters(split, clinicSeed)).settings.learningRate
  return typeof rate === 'number' ? rate : 0.01
}

function withLearningRate(split: ClinicSplit, learningRate: number): string {
  const text = clinicParameters(split, clinicSeed)
  return text.replace(/"learningRate":[0-9.e-]+/, `"learningRate":${learningRate}`)
}
