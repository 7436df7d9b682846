import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseTrainingPlan } from '@cloister/learn'
import { expect, test } from 'vitest'
import { clinicParameters, clinicSeed, splitClinics } from '../src/clinics.ts'

const url = new URL('../../../apps/tabular-train/data/breast_cancer.csv', import.meta.url)
const text = readFileSync(url, 'utf8')
const rows = text.trimEnd().split('\n').slice(1)
const split = await splitClinics(text)
const lines = (csv: string) => csv.trimEnd().split('\n')

/** A row of the split as it stands in the file. */
const original = (line: string) => line.replace(/,malignant$/, ',0').replace(/,benign$/, ',1')

function hash(row: string): string {
  return createHash('sha256').update(row).digest('hex')
}

test('the test rows are the fifth with the smallest hashes', () => {
  const smallest = rows.toSorted((a, b) => (hash(a) < hash(b) ? -1 : 1)).slice(0, 114)
  expect(lines(split.testCsv).map(original).toSorted()).toEqual(smallest.toSorted())
})

test('every other row is at exactly one clinic, and no test row is at any', () => {
  const held = split.clinics.flatMap(({ csv }) => lines(csv))
  expect(held).toHaveLength(569 - 114)
  expect(held.toSorted()).toEqual(lines(split.pooledCsv).toSorted())
  expect([...held, ...lines(split.testCsv)].map(original).toSorted()).toEqual(rows.toSorted())
})

test('the clinics are unequal, and each sees another share of malignant tumours', () => {
  const sizes = split.clinics.map(({ csv }) => lines(csv).length)
  expect(new Set(sizes).size).toBe(3)
  const shares = split.clinics.map(
    ({ csv }) =>
      lines(csv).filter((line) => line.endsWith(',malignant')).length / lines(csv).length,
  )
  expect(shares[0]).toBeLessThan(0.1)
  expect(shares[2]).toBeGreaterThan(0.9)
})

test('the demo’s parameters are a valid plan for that data', () => {
  const plan = parseTrainingPlan(clinicParameters(split, clinicSeed))
  expect(plan.model).toMatchObject({ features: 30, classes: ['malignant', 'benign'] })
})

test('another file is refused', async () => {
  await expect(splitClinics('a,b\n1,2\n')).rejects.toThrow('clinic data line 1')
  await expect(splitClinics('1,1,no,yes\n5,7\n')).rejects.toThrow('clinic data line 2')
})
