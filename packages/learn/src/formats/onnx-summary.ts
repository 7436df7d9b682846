import { DataCursor, type DataReader } from './data-reader.ts'
import { listedMax, type DataSummary, type TensorSummary } from './data-summary.ts'

const fieldsMax = 2_000_000
const textBytesMax = 1 << 16
const dimensionsMax = 64
const elementTypes: readonly string[] = [
  ...['undefined', 'float32', 'uint8', 'int8', 'uint16', 'int16', 'int32', 'int64', 'text'],
  ...['boolean', 'float16', 'float64', 'uint32', 'uint64', 'complex64', 'complex128', 'bfloat16'],
]

type Field = {
  readonly number: number
  readonly wire: number
  readonly value: number
  readonly end: number
}
type Graph = {
  inputs: TensorSummary[]
  outputs: TensorSummary[]
  initializers: Set<string>
  nodes: number
  parameters: number
}

/**
 * Walks the top of an ONNX model without reading its weights: inputs, outputs, operator sets, and how many numbers it holds. It does not
 * say whether the model is safe to run; `scanOnnx` does.
 *
 * Spec: onnx/onnx.proto. @throws {MalformedError}.
 */
export async function summarizeOnnx(reader: DataReader): Promise<DataSummary> {
  const walk = new Walk(reader)
  const opsets: { domain: string; version: number }[] = []
  const graph: Graph = { inputs: [], outputs: [], initializers: new Set(), nodes: 0, parameters: 0 }
  let graphs = 0
  for await (const field of walk.message(reader.size)) {
    if (field.number === 7 && field.wire === 2) {
      graphs++
      await readGraph(walk, field.end, graph)
    } else if (field.number === 8 && field.wire === 2) {
      if (opsets.length >= listedMax) throw walk.wrong('opset', `more than ${listedMax} of them`)
      opsets.push(await readOpset(walk, field.end))
    }
  }
  if (graphs !== 1) throw walk.wrong('model', `${graphs} graphs, expected one`)
  if (opsets.length === 0) throw walk.wrong('model', 'it names no operator set')
  return {
    format: 'onnx',
    // Old models list their weights as inputs, too.
    inputs: graph.inputs.filter(({ name }) => !graph.initializers.has(name)).slice(0, listedMax),
    outputs: graph.outputs.slice(0, listedMax),
    opsets,
    nodes: graph.nodes,
    parameters: graph.parameters,
  }
}

async function readGraph(walk: Walk, end: number, graph: Graph): Promise<void> {
  for await (const field of walk.message(end)) {
    if (field.wire !== 2) continue
    if (field.number === 1) graph.nodes++
    else if (field.number === 5) await readInitializer(walk, field.end, graph)
    else if (field.number === 11) graph.inputs.push(await readValue(walk, field.end))
    else if (field.number === 12) graph.outputs.push(await readValue(walk, field.end))
  }
}

async function readInitializer(walk: Walk, end: number, graph: Graph): Promise<void> {
  let values = 1
  let dimensions = 0
  const dimension = (size: number): void => {
    values *= size
    if (++dimensions > dimensionsMax || !Number.isSafeInteger(values))
      throw walk.wrong('initializer', `a shape of ${dimensions} dimensions and ${values} values`)
  }
  for await (const field of walk.message(end)) {
    if (field.number === 1 && field.wire === 0) dimension(field.value)
    else if (field.number === 1 && field.wire === 2)
      while (walk.at < field.end) dimension(await walk.varint(field.end))
    else if (field.number === 8 && field.wire === 2)
      graph.initializers.add(await walk.text(field.end))
  }
  graph.parameters += values
}

async function readOpset(walk: Walk, end: number) {
  let domain = ''
  let version = 0
  for await (const field of walk.message(end)) {
    if (field.number === 1 && field.wire === 2) domain = await walk.text(field.end)
    else if (field.number === 2 && field.wire === 0) version = field.value
  }
  return { domain: domain === '' ? 'ai.onnx' : domain, version }
}

// ValueInfoProto: name, and type -> tensor_type -> elem_type, shape -> dim -> dim_value or dim_param.
async function readValue(walk: Walk, end: number): Promise<TensorSummary> {
  let name = ''
  let type = 'unknown'
  const shape: (number | string)[] = []
  for await (const field of walk.message(end)) {
    if (field.number === 1 && field.wire === 2) name = await walk.text(field.end)
    else if (field.number === 2 && field.wire === 2)
      for await (const kind of walk.message(field.end)) {
        if (kind.number !== 1 || kind.wire !== 2) continue
        for await (const tensor of walk.message(kind.end)) {
          if (tensor.number === 1 && tensor.wire === 0)
            type = elementTypes[tensor.value] ?? `type ${tensor.value}`
          else if (tensor.number === 2 && tensor.wire === 2)
            for await (const dim of walk.message(tensor.end)) {
              if (dim.number !== 1 || dim.wire !== 2) continue
              if (shape.length >= dimensionsMax) throw walk.wrong('shape', 'too many dimensions')
              shape.push(await readDimension(walk, dim.end))
            }
        }
      }
  }
  return { name: name.slice(0, 200), type, shape }
}

async function readDimension(walk: Walk, end: number): Promise<number | string> {
  let size: number | string = '?'
  for await (const field of walk.message(end)) {
    if (field.number === 1 && field.wire === 0) size = field.value
    else if (field.number === 2 && field.wire === 2)
      size = (await walk.text(field.end)).slice(0, 64)
  }
  return size
}

/** Walks protobuf messages field by field, past what nobody asked for. */
class Walk {
  readonly #cursor: DataCursor
  #fields = 0

  constructor(reader: DataReader) {
    this.#cursor = new DataCursor(reader, 'onnx')
  }

  get at(): number {
    return this.#cursor.at
  }

  wrong(field: string, detail: string) {
    return this.#cursor.wrong(field, detail)
  }

  /** The fields up to `end`. What of a field the caller does not read is skipped. */
  async *message(end: number): AsyncGenerator<Field, void, undefined> {
    while (this.at < end) {
      if (++this.#fields > fieldsMax) throw this.wrong('model', `more than ${fieldsMax} fields`)
      const field = await this.#field(end)
      yield field
      if (field.end > this.at) this.#cursor.skip('field', field.end - this.at)
    }
    if (this.at !== end) throw this.wrong('message', 'a field reaches beyond its message')
  }

  async varint(end: number): Promise<number> {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (this.at >= end) throw this.wrong('number', 'it reaches beyond its message')
      const byte = await this.#cursor.u8('number')
      value |= BigInt(byte & 0x7f) << shift
      // Negative numbers have ten bytes; none of what is read here may be one.
      if (byte < 0x80) return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Number.NaN
    }
    throw this.wrong('number', 'it has more than ten bytes')
  }

  async text(end: number): Promise<string> {
    const size = end - this.at
    if (size > textBytesMax) throw this.wrong('text', `${size} bytes, at most ${textBytesMax}`)
    return this.#cursor.text('text', size)
  }

  async #field(end: number): Promise<Field> {
    const tag = await this.varint(end)
    const [number, wire] = [Math.floor(tag / 8), tag % 8]
    if (!(number >= 1 && number < 2 ** 29)) throw this.wrong('field', `the number ${number}`)
    if (wire === 0) {
      const value = await this.varint(end)
      return { number, wire, value, end: this.at }
    }
    const size = wire === 2 ? await this.varint(end) : wire === 1 ? 8 : wire === 5 ? 4 : Number.NaN
    if (!(size <= end - this.at))
      throw this.wrong(
        `field ${number}`,
        `of wire type ${wire}, with ${size} of ${end - this.at} bytes`,
      )
    return { number, wire, value: 0, end: this.at + size }
  }
}
