import { assert } from '@cloister/codec'

/** Rows of numbers, each with a class where the data is labelled. */
export type Table = {
  readonly features: number
  readonly rows: number
  /** Row after row. */
  readonly values: Float64Array
  /** Index of each row's class; absent where rows are not labelled. */
  readonly labels: Int32Array | undefined
}

/** The rows of several labelled tables, one table after the other. */
export function pool(tables: readonly Table[]): Table {
  const features = tables[0]?.features ?? 0
  const rows = tables.reduce((sum, table) => sum + table.rows, 0)
  const values = new Float64Array(rows * features)
  const labels = new Int32Array(rows)
  let row = 0
  for (const table of tables) {
    assert(table.features === features && table.labels !== undefined, 'tables fit together')
    values.set(table.values, row * features)
    labels.set(table.labels, row)
    row += table.rows
  }
  return { features, rows, values, labels }
}
