import type { ColumnSummary, DataSummary, TensorSummary } from './data-summary.ts'

/** A summary in one line, for people. */
export function sayData(summary: DataSummary): string {
  if (summary.format === 'csv')
    return `CSV, about ${summary.rowsEstimated} rows, ${sayColumns(summary)}`
  if (summary.format === 'parquet')
    return `Parquet (${summary.compression.join(', ') || 'empty'}), ${summary.rows} rows, ${sayColumns(summary)}`
  if (summary.format === 'arrow-file')
    return `Arrow file, ${summary.rows ?? 'many'} rows, ${sayColumns(summary)}`
  if (summary.format === 'arrow-stream') return `Arrow stream, ${sayColumns(summary)}`
  if (summary.format === 'safetensors')
    return `safetensors, ${summary.tensorCount} tensors, ${summary.parameters} values`
  if (summary.format === 'onnx')
    return `ONNX, ${summary.inputs.map(sayTensor).join(', ')} to ${summary.outputs.map(sayTensor).join(', ')}, ${summary.parameters} parameters`
  if (summary.format === 'gguf')
    return `GGUF, ${summary.architecture}, ${summary.quantisation}, ${summary.parameters} parameters`
  return summary.detail
}

const columnsSaid = 6

function sayColumns({
  columns,
  columnCount,
}: {
  readonly columns: readonly ColumnSummary[]
  readonly columnCount: number
}): string {
  const said = columns.slice(0, columnsSaid).map(({ name, type }) => `${name} ${type}`)
  const more = columnCount > columnsSaid ? [`${columnCount - columnsSaid} more`] : []
  return `${columnCount} columns (${[...said, ...more].join(', ')})`
}

function sayTensor({ name, type, shape }: TensorSummary): string {
  return `${name} ${type}[${shape.join(',')}]`
}
