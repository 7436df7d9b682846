/** One column of a table, in the words of its format. */
export type ColumnSummary = {
  readonly name: string
  readonly type: string
  readonly nullable?: boolean
}

/** One tensor, or one input or output of a model. A name in a shape is a size that is known only when it runs. */
export type TensorSummary = {
  readonly name: string
  readonly type: string
  readonly shape: readonly (number | string)[]
}

/** What a file looks like. Read from what the file says of itself: nothing of it is proved, and no value is repeated. */
export type DataSummary =
  | {
      readonly format: 'csv'
      readonly separator: ',' | ';' | '\t'
      readonly header: boolean
      readonly columns: readonly ColumnSummary[]
      readonly columnCount: number
      readonly rowsSampled: number
      /** From the mean length of the rows that were looked at. */
      readonly rowsEstimated: number
    }
  | {
      readonly format: 'parquet'
      readonly columns: readonly ColumnSummary[]
      readonly columnCount: number
      readonly rows: number
      readonly rowGroups: number
      readonly compression: readonly string[]
      readonly writtenBy: string
    }
  | {
      readonly format: 'arrow-file'
      readonly columns: readonly ColumnSummary[]
      readonly columnCount: number
      /** Where there are at most 1,000 batches: more are not looked at. */
      readonly rows?: number
      readonly batches: number
    }
  | {
      readonly format: 'arrow-stream'
      readonly columns: readonly ColumnSummary[]
      readonly columnCount: number
    }
  | {
      readonly format: 'safetensors'
      readonly tensors: readonly TensorSummary[]
      readonly tensorCount: number
      readonly parameters: number
    }
  | {
      readonly format: 'onnx'
      readonly inputs: readonly TensorSummary[]
      readonly outputs: readonly TensorSummary[]
      readonly opsets: readonly { readonly domain: string; readonly version: number }[]
      readonly nodes: number
      readonly parameters: number
    }
  | {
      readonly format: 'gguf'
      readonly version: number
      readonly architecture: string
      readonly name: string
      readonly tensorCount: number
      readonly parameters: number
      /** Tensors by type: what holds most parameters is the quantisation. */
      readonly types: Readonly<Record<string, number>>
      readonly quantisation: string
      readonly contextLength?: number
    }
  | { readonly format: 'unknown'; readonly detail: string }

/** Most columns or tensors that a summary lists; more are counted. */
export const listedMax = 256
/** Most that a file may have to be read at all. */
export const columnsMax = 20_000
