import { DataCursor, type DataReader } from './data-reader.ts'
import type { DataSummary } from './data-summary.ts'

const entriesMax = 65_536
const tensorsMax = 100_000
const textBytesMax = 1 << 20
const itemsMax = 8_000_000
const depthMax = 4
const dimensionsMax = 8

// Bytes of the value types of fixed size: u8 i8 u16 i16 u32 i32 f32 bool, (string, array), u64 i64 f64.
const sizes: readonly number[] = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8]
// Name, values in a block, bytes of a block. Spec: ggml.h, ggml_type.
const tensorTypes: Readonly<Record<number, readonly [string, number, number]>> = {
  0: ['F32', 1, 4],
  1: ['F16', 1, 2],
  2: ['Q4_0', 32, 18],
  3: ['Q4_1', 32, 20],
  6: ['Q5_0', 32, 22],
  7: ['Q5_1', 32, 24],
  8: ['Q8_0', 32, 34],
  9: ['Q8_1', 32, 36],
  10: ['Q2_K', 256, 84],
  11: ['Q3_K', 256, 110],
  12: ['Q4_K', 256, 144],
  13: ['Q5_K', 256, 176],
  14: ['Q6_K', 256, 210],
  15: ['Q8_K', 256, 292],
  16: ['IQ2_XXS', 256, 66],
  17: ['IQ2_XS', 256, 74],
  18: ['IQ3_XXS', 256, 98],
  19: ['IQ1_S', 256, 50],
  20: ['IQ4_NL', 32, 18],
  21: ['IQ3_S', 256, 110],
  22: ['IQ2_S', 256, 82],
  23: ['IQ4_XS', 256, 136],
  24: ['I8', 1, 1],
  25: ['I16', 1, 2],
  26: ['I32', 1, 4],
  27: ['I64', 1, 8],
  28: ['F64', 1, 8],
  29: ['IQ1_M', 256, 56],
  30: ['BF16', 1, 2],
  34: ['TQ1_0', 256, 54],
  35: ['TQ2_0', 256, 66],
  39: ['MXFP4', 32, 17],
}

type Known = { readonly texts: Map<string, string>; readonly numbers: Map<string, number> }

/**
 * Reads the metadata and the list of tensors of a GGUF model. Every tensor has to lie inside the file.
 *
 * Spec: ggml, docs/gguf.md, versions 2 and 3, little-endian. @throws {MalformedError}.
 */
export async function summarizeGguf(reader: DataReader): Promise<DataSummary> {
  const cursor = new DataCursor(reader, 'gguf')
  cursor.skip('magic', 4)
  const version = await cursor.u32('version')
  if (version !== 2 && version !== 3)
    throw cursor.wrong('version', `got ${version}, expected 2 or 3, little-endian`, 4)
  const tensorCount = await cursor.size('tensor count', tensorsMax)
  const entries = await cursor.size('metadata count', entriesMax)
  const known: Known = { texts: new Map(), numbers: new Map() }
  const budget = { items: itemsMax }
  for (let index = 0; index < entries; index++) {
    const key = await textOf(cursor, 'key')
    const type = await cursor.u32(`type of ${key.slice(0, 100)}`)
    await readValue(cursor, type, key, known, budget, 0)
  }
  const alignment = known.numbers.get('general.alignment') ?? 32
  if (!(alignment >= 1 && alignment <= 1 << 20 && Number.isInteger(Math.log2(alignment))))
    throw cursor.wrong('general.alignment', `got ${alignment}, expected a power of two`)
  const { parameters, types, end } = await readTensors(cursor, tensorCount)
  const dataAt = Math.ceil(cursor.at / alignment) * alignment
  if (tensorCount > 0 && dataAt + end > reader.size)
    throw cursor.wrong(
      'tensors',
      `they end at byte ${dataAt + end}, the file has ${reader.size}: it was cut`,
    )
  const architecture = known.texts.get('general.architecture') ?? ''
  const contextLength = known.numbers.get(`${architecture}.context_length`)
  return {
    ...{ format: 'gguf', version, architecture: architecture.slice(0, 100) },
    name: (known.texts.get('general.name') ?? '').slice(0, 200),
    ...{ tensorCount, parameters, types: Object.fromEntries(types) },
    quantisation: [...types].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? 'none',
    ...(contextLength === undefined ? {} : { contextLength }),
  }
}

async function readTensors(cursor: DataCursor, count: number) {
  const types = new Map<string, number>()
  let [parameters, end] = [0, 0]
  for (let index = 0; index < count; index++) {
    const name = (await textOf(cursor, 'tensor name')).slice(0, 100)
    const dimensions = await cursor.u32(`dimensions of ${name}`)
    if (dimensions > dimensionsMax) throw cursor.wrong(name, `${dimensions} dimensions`)
    let values = 1
    for (let each = 0; each < dimensions; each++)
      values *= await cursor.size(`size of ${name}`, Number.MAX_SAFE_INTEGER)
    const number = await cursor.u32(`type of ${name}`)
    const [type, block, blockBytes] = tensorTypes[number] ?? []
    const offset = await cursor.size(`offset of ${name}`, Number.MAX_SAFE_INTEGER)
    if (type === undefined || block === undefined || blockBytes === undefined)
      throw cursor.wrong(name, `the unknown tensor type ${number}`)
    if (!Number.isSafeInteger(values) || values % block !== 0)
      throw cursor.wrong(name, `${values} values of type ${type}`)
    parameters += values
    end = Math.max(end, offset + (values / block) * blockBytes)
    types.set(type, (types.get(type) ?? 0) + values)
  }
  return { parameters, types, end }
}

async function readValue(
  cursor: DataCursor,
  type: number,
  key: string,
  known: Known,
  budget: { items: number },
  depth: number,
): Promise<void> {
  const size = sizes[type]
  if (size === undefined) throw cursor.wrong(key.slice(0, 100), `the unknown value type ${type}`)
  if (type === 8) {
    const text = await textOf(cursor, key.slice(0, 100))
    if (depth === 0) known.texts.set(key, text)
  } else if (type === 9) await readArray(cursor, key, known, budget, depth)
  else if (depth === 0 && type >= 4 && type <= 5)
    known.numbers.set(key, await cursor.u32(key.slice(0, 100)))
  else if (depth === 0 && type === 10)
    known.numbers.set(key, Number(await cursor.u64(key.slice(0, 100))))
  else cursor.skip(key.slice(0, 100), size)
}

async function readArray(
  cursor: DataCursor,
  key: string,
  known: Known,
  budget: { items: number },
  depth: number,
): Promise<void> {
  const field = key.slice(0, 100)
  if (depth >= depthMax) throw cursor.wrong(field, `lists nested deeper than ${depthMax}`)
  const type = await cursor.u32(`type of ${field}`)
  const count = await cursor.size(`length of ${field}`, Number.MAX_SAFE_INTEGER)
  const size = sizes[type]
  if (size !== undefined && size > 0) {
    cursor.skip(field, count * size)
    return
  }
  budget.items -= count
  if (budget.items < 0) throw cursor.wrong(field, `more than ${itemsMax} texts and lists`)
  for (let index = 0; index < count; index++)
    await readValue(cursor, type, key, known, budget, depth + 1)
}

async function textOf(cursor: DataCursor, field: string): Promise<string> {
  const size = await cursor.size(`length of ${field}`, textBytesMax)
  return cursor.text(field, size)
}
