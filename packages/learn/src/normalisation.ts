import type { Table } from './table.ts'

/** What brings each feature to a common scale: `(x - mean) * scale`. */
export type Normalisation = {
  readonly mean: Float64Array
  readonly scale: Float64Array
}

/** Mean and one over the standard deviation of each feature. A feature that never changes keeps its scale. */
export function fitNormalisation(table: Table): Normalisation {
  const { features, rows, values } = table
  const mean = new Float64Array(features)
  for (const [index, value] of values.entries()) add(mean, index % features, value / rows)
  const variance = new Float64Array(features)
  for (const [index, value] of values.entries()) {
    const column = index % features
    add(variance, column, (value - (mean[column] ?? 0)) ** 2 / rows)
  }
  const scale = variance.map((each) => (each > 0 ? 1 / Math.sqrt(each) : 1))
  return { mean, scale: scale.map((each) => (Number.isFinite(Math.fround(each)) ? each : 1)) }
}

/** Leaves features as they are. */
export function noNormalisation(features: number): Normalisation {
  return { mean: new Float64Array(features), scale: new Float64Array(features).fill(1) }
}

/** The table's rows, normalised, in single precision. */
export function normalise(table: Table, normalisation: Normalisation): Float32Array {
  const { features, values } = table
  return Float32Array.from(values, (value, index) => {
    const column = index % features
    return (value - (normalisation.mean[column] ?? 0)) * (normalisation.scale[column] ?? 1)
  })
}

function add(sums: Float64Array, index: number, value: number): void {
  sums[index] = (sums[index] ?? 0) + value
}
