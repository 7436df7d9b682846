import { assert, encodeUtf8, type Bytes } from '@cloister/codec'
import { ProtobufWriter } from './protobuf-writer.ts'

/** Version of the standard operator set that every graph here is written in. */
export const onnxOpset = 17

/** A named tensor of a graph under construction. A text in a shape is a size known only at run time. */
export type OnnxValue = { readonly name: string; readonly shape: readonly (number | string)[] }

/** What an operator's attribute may hold here: a whole number, a list of them, a real number, a text, or a graph. */
export type OnnxAttribute =
  | { readonly integer: number }
  | { readonly integers: readonly number[] }
  | { readonly real: number }
  | { readonly text: string }
  | { readonly graph: OnnxGraph }

/** Numbers of the element types. Spec: onnx.proto, TensorProto.DataType. */
const elementTypes = { float32: 1, int64: 7, bool: 9, float64: 11 } as const

/** Types of tensors that go in and out of a graph. */
export type OnnxElement = keyof typeof elementTypes

/** The number of an element type in a `Cast`. */
export function elementNumber(element: OnnxElement): number {
  return elementTypes[element]
}

/** Builds one ONNX model, operator after operator. Spec: onnx.proto, IR version 8. */
export class OnnxGraph {
  readonly #nodes: ProtobufWriter[] = []
  readonly #initializers: ProtobufWriter[] = []
  readonly #inputs: ProtobufWriter[] = []
  readonly #outputs: ProtobufWriter[] = []
  readonly #names: { next: number }

  constructor(names: { next: number } = { next: 0 }) {
    this.#names = names
  }

  /** A graph for the inside of an operator of this one: it may use this one's tensors, and repeats none of its names. */
  inner(): OnnxGraph {
    return new OnnxGraph(this.#names)
  }

  /** Number of operators so far, those of inner graphs not counted. */
  get size(): number {
    return this.#nodes.length
  }

  /** Declares a tensor that a caller passes in. */
  input(name: string, element: OnnxElement, shape: OnnxValue['shape']): OnnxValue {
    this.#inputs.push(valueInfo(name, element, shape))
    return { name, shape }
  }

  /** Hands `value` out to the caller under `name`. */
  output(name: string, element: OnnxElement, value: OnnxValue): void {
    this.#nodes.push(node('Identity', [value.name], [name], {}))
    this.#outputs.push(valueInfo(name, element, value.shape))
  }

  /** A constant of single-precision numbers. */
  floats(values: Float32Array, shape: readonly number[]): OnnxValue {
    const bytes = new Uint8Array(values.length * 4)
    const view = new DataView(bytes.buffer)
    for (const [index, value] of values.entries()) view.setFloat32(index * 4, value, true)
    return this.#initializer('float32', bytes, shape, values.length)
  }

  /** A constant with one number and no dimensions. */
  scalar(value: number): OnnxValue {
    return this.floats(Float32Array.of(value), [])
  }

  /** A constant of 64-bit whole numbers: a list, or with shape `[]` a single one. */
  integers(values: readonly number[], shape: readonly number[] = [values.length]): OnnxValue {
    const bytes = new Uint8Array(values.length * 8)
    const view = new DataView(bytes.buffer)
    for (const [index, value] of values.entries()) view.setBigInt64(index * 8, BigInt(value), true)
    return this.#initializer('int64', bytes, shape, values.length)
  }

  /** A constant of yes and no. */
  flags(values: readonly boolean[], shape: readonly number[]): OnnxValue {
    return this.#initializer('bool', Uint8Array.from(values, Number), shape, values.length)
  }

  /** A constant of double-precision numbers. */
  doubles(values: readonly number[], shape: readonly number[]): OnnxValue {
    const bytes = new Uint8Array(values.length * 8)
    const view = new DataView(bytes.buffer)
    for (const [index, value] of values.entries()) view.setFloat64(index * 8, value, true)
    return this.#initializer('float64', bytes, shape, values.length)
  }

  /** Appends an operator with one output. The caller vouches for `shape`. */
  operator(
    type: string,
    inputs: readonly (OnnxValue | undefined)[],
    shape: OnnxValue['shape'],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): OnnxValue {
    const [output] = this.operators(type, inputs, [shape], attributes)
    assert(output !== undefined, 'an operator has an output')
    return output
  }

  /** Appends an operator with several outputs. An absent input is one that the operator can do without. */
  operators(
    type: string,
    inputs: readonly (OnnxValue | undefined)[],
    shapes: readonly OnnxValue['shape'][],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): readonly OnnxValue[] {
    const outputs = shapes.map((shape) => ({ name: this.#fresh(), shape }))
    const [inputNames, outputNames] = [
      inputs.map((input) => input?.name ?? ''),
      outputs.map(({ name }) => name),
    ]
    this.#nodes.push(node(type, inputNames, outputNames, attributes))
    return outputs
  }

  /** The finished model. `metadata` travels inside it as text. */
  finish(name: string, metadata: Readonly<Record<string, string>> = {}): Bytes {
    const graph = this.message(name)
    const model = new ProtobufWriter().varint(1, 8).text(2, 'cloister').message(7, graph)
    model.message(8, new ProtobufWriter().text(1, '').varint(2, onnxOpset))
    for (const [key, value] of Object.entries(metadata))
      model.message(14, new ProtobufWriter().text(1, key).text(2, value))
    return model.finish()
  }

  /** This graph as a part of a message. */
  message(name: string): ProtobufWriter {
    const graph = new ProtobufWriter()
    for (const each of this.#nodes) graph.message(1, each)
    graph.text(2, name)
    for (const each of this.#initializers) graph.message(5, each)
    for (const each of this.#inputs) graph.message(11, each)
    for (const each of this.#outputs) graph.message(12, each)
    return graph
  }

  #initializer(
    element: OnnxElement,
    raw: Uint8Array,
    shape: readonly number[],
    count: number,
  ): OnnxValue {
    assert(shape.reduce((size, length) => size * length, 1) === count, 'constant fills its shape')
    const name = this.#fresh()
    const tensor = new ProtobufWriter()
    for (const length of shape) tensor.varint(1, length)
    this.#initializers.push(tensor.varint(2, elementTypes[element]).text(8, name).bytes(9, raw))
    return { name, shape }
  }

  #fresh(): string {
    return `t${this.#names.next++}`
  }
}

function node(
  type: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, OnnxAttribute>>,
): ProtobufWriter {
  const writer = new ProtobufWriter()
  for (const name of inputs) writer.text(1, name)
  for (const name of outputs) writer.text(2, name)
  writer.text(4, type)
  for (const [name, value] of Object.entries(attributes)) writer.message(5, attribute(name, value))
  return writer
}

/** The last field says which of the others counts: 1 real, 2 whole number, 3 text, 5 graph, 7 whole numbers. */
function attribute(name: string, value: OnnxAttribute): ProtobufWriter {
  const writer = new ProtobufWriter().bytes(1, encodeUtf8(name))
  if ('real' in value) return writer.float(2, value.real).varint(20, 1)
  if ('integer' in value) return writer.varint(3, value.integer).varint(20, 2)
  if ('text' in value) return writer.bytes(4, encodeUtf8(value.text)).varint(20, 3)
  if ('graph' in value) return writer.message(6, value.graph.message('body')).varint(20, 5)
  for (const each of value.integers) writer.varint(8, each)
  return writer.varint(20, 7)
}

function valueInfo(name: string, element: OnnxElement, shape: OnnxValue['shape']): ProtobufWriter {
  const dimensions = new ProtobufWriter()
  for (const length of shape) {
    const dimension = new ProtobufWriter()
    if (typeof length === 'number') dimension.varint(1, length)
    else dimension.text(2, length)
    dimensions.message(1, dimension)
  }
  const tensor = new ProtobufWriter().varint(1, elementTypes[element]).message(2, dimensions)
  return new ProtobufWriter().text(1, name).message(2, new ProtobufWriter().message(1, tensor))
}
