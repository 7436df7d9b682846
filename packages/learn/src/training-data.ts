import { MalformedError, type Bytes } from '@cloister/codec'
import {
  rangeBytes,
  safetensorsSource,
  tableSource,
  textSource,
  type BatchSource,
  type RangeSource,
} from './batch-source.ts'
import { parseCsv } from './csv.ts'
import { classesOf, type ModelDefinition } from './model.ts'
import { networkOf } from './networks.ts'
import { safetensorsLimits } from './safetensors.ts'

/** A CSV is read whole: what is larger belongs into safetensors. */
const csvBytesMax = 1_073_741_824

/**
 * Opens one data file for training. A safetensors file (its ninth byte is a brace, after a length that a header may have)
 * gives its tensors `x` and `y` and is read as training needs it; else a `gpt` takes the bytes as text and all others read
 * them as CSV. `forward` is the graph of a model of kind `onnx`.
 *
 * @throws {MalformedError} where the file is none of these, or its rows do not fit the model.
 */
export async function openTrainingData(
  model: ModelDefinition,
  file: RangeSource,
  given: { readonly header: boolean; readonly name?: string; readonly forward?: Bytes },
): Promise<BatchSource> {
  const name = given.name ?? 'data'
  if (file.bytes === 0) throw new MalformedError(name, 0, 'no rows: the file is empty')
  if (await isSafetensors(file)) return safetensorsSource(file, name)
  if (model.kind === 'gpt') return textSource(file, model.context)
  const classes = classesOf(model)
  if (classes === undefined)
    throw new MalformedError(
      name,
      0,
      'a CSV has no targets for mean-squared-error: use safetensors',
    )
  if (file.bytes > csvBytesMax)
    throw new MalformedError(name, 0, `a CSV of more than ${csvBytesMax} bytes: use safetensors`)
  const { shape } = networkOf(model, given.forward).x
  const features = shape.reduce((size, length) => size * length, 1)
  const bytes = await rangeBytes(file, 0, file.bytes)
  return tableSource(parseCsv(bytes, { header: given.header, features, classes }, name))
}

async function isSafetensors(file: RangeSource): Promise<boolean> {
  if (file.bytes < 10) return false
  const start = await rangeBytes(file, 0, 9)
  const view = new DataView(start.buffer, start.byteOffset, start.length)
  return view.getBigUint64(0, true) <= BigInt(safetensorsLimits.headerBytesMax) && start[8] === 0x7b
}
