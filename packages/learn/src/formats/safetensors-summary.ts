import { MalformedError, parseJson, parseUtf8, type Json } from '@cloister/codec'

import { DataCursor, type DataReader } from './data-reader.ts'
import { listedMax, type DataSummary, type TensorSummary } from './data-summary.ts'

const headerBytesMax = 32 << 20
const tensorsMax = 100_000
const dimensionsMax = 16
const bitsOf: Readonly<Record<string, number>> = {
  ...{ BOOL: 8, U8: 8, I8: 8, F8_E4M3: 8, F8_E5M2: 8, F8_E8M0: 8, F4: 4, F6_E2M3: 6, F6_E3M2: 6 },
  ...{ I16: 16, U16: 16, F16: 16, BF16: 16 },
  ...{ I32: 32, U32: 32, F32: 32, I64: 64, U64: 64, F64: 64, C64: 64 },
}

type Tensor = TensorSummary & {
  readonly start: number
  readonly end: number
  readonly values: number
}

/**
 * Reads the header of a safetensors file. Tensors have to fill the file without gap or overlap, each exactly as large as its shape says.
 *
 * Spec: https://github.com/huggingface/safetensors, "Format". @throws {MalformedError}.
 */
export async function summarizeSafetensors(reader: DataReader): Promise<DataSummary> {
  const head = new DataCursor(reader, 'safetensors')
  const size = await head.size('header length', headerBytesMax)
  const text = parseUtf8(await head.bytes('header', size), 'safetensors header')
  const limits = { charactersMax: headerBytesMax, depthMax: 4 }
  const json = parseJson(text, 'safetensors header', limits)
  const entries = Object.entries(record(json, 'header')).filter(([name]) => name !== '__metadata__')
  if (entries.length > tensorsMax)
    throw malformed('header', `${entries.length} tensors, at most ${tensorsMax} are read`)
  const tensors = entries.map(([name, value]) => tensorOf(name.slice(0, 200), value))
  let at = 0
  for (const { name, start, end } of tensors.toSorted(
    (a, b) => a.start - b.start || a.end - b.end,
  )) {
    if (start !== at) throw malformed(name, `it starts at byte ${start}, expected ${at}`)
    at = end
  }
  if (at !== head.left) throw malformed('data', `${head.left} bytes, the tensors have ${at}`)
  return {
    format: 'safetensors',
    tensors: tensors.slice(0, listedMax).map(({ name, type, shape }) => ({ name, type, shape })),
    tensorCount: tensors.length,
    parameters: tensors.reduce((sum, { values }) => sum + values, 0),
  }
}

function tensorOf(name: string, json: Json): Tensor {
  const { dtype, shape, data_offsets: offsets } = record(json, name)
  const bits = typeof dtype === 'string' ? bitsOf[dtype] : undefined
  if (typeof dtype !== 'string' || bits === undefined) throw malformed(name, 'of an unknown dtype')
  const dimensions = wholeNumbers(shape, name, dimensionsMax)
  const [start, end, ...more] = wholeNumbers(offsets, name, 2)
  if (start === undefined || end === undefined || more.length > 0)
    throw malformed(name, 'without a start and an end')
  const values = dimensions.reduce((product, each) => product * each, 1)
  const bytes = Math.ceil((values * bits) / 8)
  if (!Number.isSafeInteger(bytes) || end - start !== bytes)
    throw malformed(name, `${end - start} bytes, its shape and dtype make ${bytes}`)
  return { name, type: dtype, shape: dimensions, start, end, values }
}

function wholeNumbers(json: Json | undefined, name: string, max: number): readonly number[] {
  if (!isList(json) || json.length > max) throw malformed(name, `no list of at most ${max} numbers`)
  return json.map((item) => {
    if (typeof item === 'number' && Number.isSafeInteger(item) && item >= 0) return item
    throw malformed(name, 'a size or place that is no whole number')
  })
}

function record(json: Json, name: string): { readonly [key: string]: Json } {
  if (typeof json === 'object' && json !== null && !isList(json)) return json
  throw malformed(name, 'not a JSON object')
}

function isList(json: Json | undefined): json is readonly Json[] {
  return Array.isArray(json)
}

function malformed(name: string, detail: string): MalformedError {
  return new MalformedError(`safetensors ${name}`, 8, detail)
}
