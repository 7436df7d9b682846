import { assert, MalformedError, parseUtf8, type Bytes } from '@cloister/codec'
import type { Parameter } from './model.ts'
import type { OnnxAttribute } from './onnx-graph.ts'
import { attributeRules, nodeRules } from './onnx-scan-node.ts'
import { checkOpsets, scanLimits } from './onnx-scan.ts'
import { bytesOf, readMessage, varintOf, type Message } from './onnx-scan-message.ts'
import {
  dimensionRules,
  graphRules,
  modelRules,
  shapeRules,
  tensorTypeRules,
  typeRules,
  valueRules,
} from './onnx-scan-rules.ts'
import { scanTensor, type ScannedTensor } from './onnx-scan-tensor.ts'
import { protobufFields, protobufVarints, type ProtobufSlice } from './protobuf-reader.ts'
import { ProtobufWriter } from './protobuf-writer.ts'
import { floatBytes } from './safetensors.ts'

/** An operator of a graph, as it stands in the file. */
export type ForwardNode = {
  readonly operator: string
  /** Names; empty where an input is left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, OnnxAttribute>>
}

/** A graph with one input, whose first dimension is the rows, and one output. */
export type ForwardGraph = {
  readonly input: string
  /** Lengths of the input without the rows. */
  readonly rowShape: readonly number[]
  readonly output: string
  readonly nodes: readonly ForwardNode[]
  readonly constants: readonly ScannedTensor[]
}

/**
 * Reads a graph that is to be walked by our own rules: standard operators only, no graph inside a node, nothing outside the
 * file, no name twice.
 *
 * @throws {MalformedError} naming the message and the byte.
 */
export function readForward(bytes: Bytes): ForwardGraph {
  if (bytes.length > scanLimits.bytesMax)
    throw new MalformedError('model', 0, `${bytes.length} bytes, at most ${scanLimits.bytesMax}`)
  const model = readMessage({ bytes, offset: 0 }, modelRules)
  checkOpsets(model.slices('opsetImport'), { min: 13n, max: 17n })
  const graph = readMessage(model.slice('graph'), graphRules)
  const [slices, initializers] = [graph.slices('node'), graph.slices('initializer')]
  if (slices.length > scanLimits.nodesMax || initializers.length > scanLimits.initializersMax)
    throw new MalformedError('graph', 0, `more than ${scanLimits.nodesMax} nodes or constants`)
  const constants = initializers.map((slice) => scanTensor(slice))
  const nodes = slices.map((slice) => readNode(slice))
  const names = new Set(constants.map(({ name }) => name))
  const inputs = graph.slices('input').filter((slice) => !names.has(valueName(slice)))
  const [input, ...otherInputs] = inputs
  const [output, ...otherOutputs] = graph.slices('output')
  if (input === undefined || otherInputs.length > 0)
    throw new MalformedError('graph', 0, `${inputs.length} inputs, expected 1`)
  if (output === undefined || otherOutputs.length > 0)
    throw new MalformedError('graph', 0, 'expected 1 output')
  const all = [valueName(input), ...names, ...nodes.flatMap(({ outputs }) => outputs)]
  if (names.size !== constants.length || new Set(all).size !== all.length || all.includes(''))
    throw new MalformedError('graph', 0, 'one name for two tensors, or none')
  return {
    input: valueName(input),
    rowShape: rowShape(input),
    output: valueName(output),
    nodes,
    constants,
  }
}

/**
 * The same model with other numbers in some of its constants.
 *
 * @throws {MalformedError} as {@link readForward}.
 */
export function withInitializers(bytes: Bytes, parameters: readonly Parameter[]): Bytes {
  readForward(bytes)
  const news = new Map(parameters.map((parameter) => [parameter.name, parameter]))
  return rewrite({ bytes, offset: 0 }, 'model', (number, slice) =>
    number === 7
      ? rewrite(slice, 'graph', (field, part) => (field === 5 ? replaced(part, news) : part.bytes))
      : slice.bytes,
  )
}

function replaced(slice: ProtobufSlice, news: ReadonlyMap<string, Parameter>): Bytes {
  const tensor = scanTensor(slice)
  const parameter = news.get(tensor.name)
  if (parameter === undefined) return slice.bytes
  assert(tensor.shape.join() === parameter.shape.join(), 'a constant keeps its shape')
  const writer = new ProtobufWriter()
  for (const length of tensor.shape) writer.varint(1, length)
  return writer.varint(2, 1).text(8, tensor.name).bytes(9, floatBytes(parameter.values)).finish()
}

/** Copies a message field by field; `change` gives the bytes of those that hold bytes. */
function rewrite(
  slice: ProtobufSlice,
  name: string,
  change: (field: number, slice: ProtobufSlice) => Bytes,
): Bytes {
  const writer = new ProtobufWriter()
  for (const field of protobufFields(slice, name)) {
    if (field.wire === 'varint') writer.varint(field.number, field.value)
    else if (field.wire === 'bytes')
      writer.bytes(field.number, change(field.number, { bytes: field.value, offset: field.offset }))
    else throw new MalformedError(name, field.offset, 'a field of a wire type that none has')
  }
  return writer.finish()
}

function readNode(slice: ProtobufSlice): ForwardNode {
  const node = readMessage(slice, nodeRules)
  const domain = parseUtf8(bytesOf(node, 'domain'), 'node domain')
  if (domain !== '' && domain !== 'ai.onnx')
    throw new MalformedError('node domain', slice.offset, 'expected the standard one')
  const texts = (field: string) =>
    node.slices(field).map(({ bytes }) => parseUtf8(bytes, `node ${field}`))
  const attributes = node.slices('attribute').map((each) => readAttribute(each))
  return {
    operator: parseUtf8(bytesOf(node, 'operator'), 'node operator'),
    inputs: texts('input'),
    outputs: texts('output'),
    attributes: Object.fromEntries(attributes),
  }
}

function readAttribute(slice: ProtobufSlice): readonly [string, OnnxAttribute] {
  const attribute = readMessage(slice, attributeRules)
  const name = parseUtf8(bytesOf(attribute, 'name'), 'attribute name')
  return [name, attributeValue(attribute, slice)]
}

/** Spec: onnx.proto, AttributeProto.AttributeType. */
function attributeValue(attribute: Message, slice: ProtobufSlice): OnnxAttribute {
  const type = varintOf(attribute, 'type')
  if (type === 1n) {
    const [field] = attribute.all('real')
    if (field?.wire !== 'fixed' || field.value.length !== 4)
      throw new MalformedError('attribute', slice.offset, 'expected a real number')
    const { buffer, byteOffset } = field.value
    return { real: new DataView(buffer, byteOffset, 4).getFloat32(0, true) }
  }
  if (type === 2n) return { integer: signed(varintOf(attribute, 'integer'), slice) }
  if (type === 3n) return { text: parseUtf8(bytesOf(attribute, 'text'), 'attribute text') }
  if (type !== 7n)
    throw new MalformedError('attribute', slice.offset, `type ${type} is not allowed`)
  const numbers = attribute.all('integers').flatMap((field) => protobufVarints(field, 'attribute'))
  if (numbers.length > 64)
    throw new MalformedError('attribute', slice.offset, 'more than 64 numbers')
  return { integers: numbers.map((value) => signed(value, slice)) }
}

function signed(value: bigint, slice: ProtobufSlice): number {
  const number = Number(BigInt.asIntN(64, value))
  if (!Number.isSafeInteger(number))
    throw new MalformedError('attribute', slice.offset, 'a number past 2^53')
  return number
}

function valueName(slice: ProtobufSlice): string {
  return parseUtf8(bytesOf(readMessage(slice, valueRules), 'name'), 'graph value name')
}

function rowShape(slice: ProtobufSlice): readonly number[] {
  const value = readMessage(slice, valueRules)
  const tensor = readMessage(
    readMessage(value.slice('type'), typeRules).slice('tensor'),
    tensorTypeRules,
  )
  if (varintOf(tensor, 'element') !== 1n)
    throw new MalformedError('graph input', slice.offset, 'expected float32')
  const dimensions = readMessage(tensor.slice('shape'), shapeRules).slices('dimension')
  const lengths = dimensions.slice(1).map((dimension) => {
    const length = varintOf(readMessage(dimension, dimensionRules), 'length')
    if (length < 1n || length > 1_048_576n)
      throw new MalformedError(
        'graph input',
        slice.offset,
        'expected known lengths but of the rows',
      )
    return Number(length)
  })
  if (lengths.length < 1 || lengths.length > 4)
    throw new MalformedError(
      'graph input',
      slice.offset,
      'expected rows and 1 to 4 more dimensions',
    )
  return lengths
}
