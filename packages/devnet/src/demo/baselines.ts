import type { Belongings } from './owners.ts'
import { accuracyOf, trainInTheOpen } from './plain-engine.ts'

/** What other worlds get from the same rows: everybody's data in one place in the open, or each clinic by itself. */
export type Baselines = {
  readonly pooledAccuracy: number
  /** Of each clinic by itself, in the order of `clinics`. */
  readonly ownAccuracies: readonly number[]
  readonly clinics: readonly string[]
}

/** Trains them one after the other, with the same engine and the same settings. */
export async function trainBaselines(belongings: Belongings): Promise<Baselines> {
  const { pooledCsv, clinics, parameters, testCsv } = belongings
  const accuracies: number[] = []
  for (const csv of [pooledCsv, ...clinics.map((clinic) => clinic.csv)])
    accuracies.push(await accuracyOf(await trainInTheOpen([csv], parameters), testCsv))
  const [pooledAccuracy = 0, ...own] = accuracies
  return { pooledAccuracy, ownAccuracies: own, clinics: clinics.map(({ name }) => name) }
}
