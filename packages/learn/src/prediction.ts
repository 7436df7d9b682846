import { MalformedError, type Bytes, type Json, parseJson } from '@cloister/codec'
import { JsonFields, textItem } from './json-fields.ts'
import type { Runtime } from './runtime.ts'
import type { Table } from './table.ts'

/** What a classifier says about the rows of a table. */
export type Prediction = {
  readonly classes: number
  /** Row after row, one number per class. */
  readonly probabilities: Float32Array
  /** The likeliest class of each row; of equal ones the first. */
  readonly labels: Int32Array
}

/** What the inference app hands out: the classes, and for each record in order what it is likely to be. */
export type Inference = {
  readonly classes: readonly string[]
  readonly records: readonly {
    readonly label: string
    readonly probabilities: readonly number[]
  }[]
}

const rowsPerRun = 1024

/**
 * Runs a classifier over a table, a thousand rows at a time.
 *
 * @throws {MalformedError} where the model does not give one number per row and class.
 */
export async function predict(
  model: Bytes,
  table: Table,
  classes: number,
  runtime: Runtime,
): Promise<Prediction> {
  const session = await runtime.load(model)
  const probabilities = new Float32Array(table.rows * classes)
  for (let start = 0; start < table.rows; start += rowsPerRun) {
    const rows = Math.min(rowsPerRun, table.rows - start)
    const from = start * table.features
    const values = Float32Array.from(table.values.subarray(from, from + rows * table.features))
    const shape = [rows, table.features]
    const outputs = await session.run({ x: { type: 'float32', shape, values } })
    const output = outputs['probabilities']
    if (output?.type !== 'float32' || output.values.length !== rows * classes)
      throw new MalformedError('model output', 0, 'expected one probability per row and class')
    probabilities.set(output.values, start * classes)
  }
  await session.release()
  return { classes, probabilities, labels: likeliest(probabilities, classes) }
}

/** The text that the inference app hands out. */
export function encodeInference(classes: readonly string[], prediction: Prediction): string {
  const records = Array.from(prediction.labels, (label, row) => ({
    label: classes[label] ?? '',
    probabilities: [
      ...prediction.probabilities.subarray(row * classes.length, (row + 1) * classes.length),
    ],
  }))
  return JSON.stringify({ classes, records } satisfies Inference)
}

/**
 * Reads what the inference app handed out.
 *
 * @throws {MalformedError} naming the field.
 */
export function parseInference(text: string): Inference {
  const limits = { charactersMax: 268_435_456, depthMax: 4 }
  const fields = new JsonFields(parseJson(text, 'inference', limits), 'inference')
  const classes = fields.list('classes', { min: 2, max: 256 }, (item, path) =>
    textItem(item, path, 64),
  )
  const records = fields.list('records', { min: 1, max: 1_000_000 }, (item, path) => {
    const record = new JsonFields(item, path)
    const size = { min: classes.length, max: classes.length }
    const label = record.choice('label', classes)
    const probabilities = record.list('probabilities', size, probability)
    record.end()
    return { label, probabilities }
  })
  fields.end()
  return { classes, records }
}

function probability(item: Json, path: string): number {
  if (typeof item !== 'number' || !(item >= 0 && item <= 1.001))
    throw new MalformedError(path, 0, 'expected a number from 0 to 1')
  return item
}

function likeliest(probabilities: Float32Array, classes: number): Int32Array {
  return Int32Array.from({ length: probabilities.length / classes }, (_, row) => {
    const own = probabilities.subarray(row * classes, (row + 1) * classes)
    return own.reduce((best, value, label) => (value > (own[best] ?? 0) ? label : best), 0)
  })
}
