import { MalformedError } from '@cloister/codec'
import type { BatchSource } from './batch-source.ts'
import type { GivenNormalisation } from './training-settings.ts'

/** What brings each feature to a common scale: `(x - mean) * scale`. */
export type Normalisation = {
  readonly mean: Float64Array
  readonly scale: Float64Array
}

/** Rows that are read at once while means and deviations are worked out. */
const numbersPerRead = 1_048_576

/**
 * Mean and one over the standard deviation of each feature. A feature that never changes keeps its scale. `channelSize`
 * neighbours share one mean and one deviation: 1 for a table, all pixels of a channel for images. Reads the data twice.
 */
export async function fitNormalisation(
  source: BatchSource,
  channelSize = 1,
): Promise<Normalisation> {
  const { rows, width } = source
  const count = rows * channelSize
  const groups = width / channelSize
  const mean = new Float64Array(groups)
  await eachNumber(source, (value, column) => {
    add(mean, Math.floor(column / channelSize), value / count)
  })
  const variance = new Float64Array(groups)
  await eachNumber(source, (value, column) => {
    const group = Math.floor(column / channelSize)
    add(variance, group, (value - (mean[group] ?? 0)) ** 2 / count)
  })
  const scale = variance.map((each) => (each > 0 ? 1 / Math.sqrt(each) : 1))
  const safe = scale.map((each) => (Number.isFinite(Math.fround(each)) ? each : 1))
  const spread = (groupsOf: Float64Array) =>
    Float64Array.from(
      { length: width },
      (_, column) => groupsOf[Math.floor(column / channelSize)] ?? 0,
    )
  return { mean: spread(mean), scale: spread(safe) }
}

/** Leaves features as they are. */
export function noNormalisation(features: number): Normalisation {
  return { mean: new Float64Array(features), scale: new Float64Array(features).fill(1) }
}

/**
 * What the requester gave, for each feature.
 *
 * @throws {MalformedError} where there are neither one number nor one for each feature.
 */
export function givenNormalisation(given: GivenNormalisation, features: number): Normalisation {
  const spread = (numbers: readonly number[], name: string) => {
    if (numbers.length !== 1 && numbers.length !== features)
      throw new MalformedError(
        `parameters.settings.normalisation.${name}`,
        0,
        `${numbers.length} numbers, expected 1 or ${features}`,
      )
    return Float64Array.from({ length: features }, (_, index) => numbers[index] ?? numbers[0] ?? 0)
  }
  return { mean: spread(given.mean, 'mean'), scale: spread(given.scale, 'scale') }
}

/** Rows, normalised, in single precision. */
export function normalise(
  values: Float64Array | Float32Array | Int32Array,
  { mean, scale }: Normalisation,
): Float32Array {
  const features = mean.length
  const result = new Float32Array(values.length)
  for (let start = 0; start < values.length; start += features)
    for (let column = 0; column < features; column++)
      result[start + column] =
        ((values[start + column] ?? 0) - (mean[column] ?? 0)) * (scale[column] ?? 1)
  return result
}

async function eachNumber(
  source: BatchSource,
  visit: (value: number, column: number) => void,
): Promise<void> {
  const { rows, width } = source
  const step = Math.max(1, Math.floor(numbersPerRead / width))
  for (let start = 0; start < rows; start += step) {
    const { x } = await source.read(start, Math.min(step, rows - start))
    for (const [index, value] of x.entries()) visit(value, index % width)
  }
}

function add(sums: Float64Array, index: number, value: number): void {
  sums[index] = (sums[index] ?? 0) + value
}
