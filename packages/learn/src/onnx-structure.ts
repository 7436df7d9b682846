import { MalformedError, type Bytes } from '@cloister/codec'
import {
  readMessage,
  varintOf,
  type Message,
  type MessageRules,
  type Wire,
} from './onnx-scan-message.ts'
import { protobufVarints, type ProtobufSlice } from './protobuf-reader.ts'

/** What any ONNX file may be at most. */
export const onnxLimits = {
  bytesMax: 2 ** 31,
  /** Graphs inside of graphs: a loop or a branch, and one more within it. */
  graphDepthMax: 3,
  nodesMax: 65_536,
  tensorsMax: 65_536,
  dimensionsMax: 16,
} as const

/** What an ONNX file holds. */
export type OnnxSummary = { readonly nodes: number; readonly tensors: number }

/**
 * Looks through any ONNX file without running it: known fields only, constants that are in it as a whole and as large as their shape
 * says, graphs within graphs to a small depth, nothing outside of the file. Whether a runtime may have it is another question, which
 * the list of operators answers.
 *
 * @throws {MalformedError} naming the message and the byte. Spec: onnx/onnx, onnx/onnx.proto3.
 */
export function scanOnnx(bytes: Bytes): OnnxSummary {
  if (bytes.length > onnxLimits.bytesMax)
    throw new MalformedError('model', 0, `at most ${onnxLimits.bytesMax} bytes`)
  const counts = { nodes: 0, tensors: 0 }
  const model = readMessage({ bytes, offset: 0 }, modelRules)
  if (varintOf(model, 'irVersion') === 0n)
    throw new MalformedError('model', 0, 'expected an IR version')
  if (model.slices('opset').length === 0)
    throw new MalformedError('model', 0, 'expected an operator set')
  scanGraph(model.slice('graph'), 1, counts)
  return counts
}

type Counts = { nodes: number; tensors: number }

function scanGraph(slice: ProtobufSlice, depth: number, counts: Counts): void {
  if (depth > onnxLimits.graphDepthMax)
    throw new MalformedError(
      'graph',
      slice.offset,
      `graphs nested deeper than ${onnxLimits.graphDepthMax}`,
    )
  const graph = readMessage(slice, graphRules)
  for (const tensor of graph.slices('initializer')) scanTensor(tensor, counts)
  for (const node of graph.slices('node')) {
    counts.nodes += 1
    if (counts.nodes > onnxLimits.nodesMax)
      throw new MalformedError('node', node.offset, `more than ${onnxLimits.nodesMax} nodes`)
    for (const attribute of readMessage(node, nodeRules).slices('attribute')) {
      const held = readMessage(attribute, attributeRules)
      for (const tensor of [...held.slices('tensor'), ...held.slices('tensors')])
        scanTensor(tensor, counts)
      for (const inner of [...held.slices('graph'), ...held.slices('graphs')])
        scanGraph(inner, depth + 1, counts)
    }
  }
}

/** Bytes of one element. What is missing (texts, halves of a byte) is counted by no shape. Spec: onnx.proto3, TensorProto. */
const elementBytes: Readonly<Record<string, number>> = {
  1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2,
} // prettier-ignore

function scanTensor(slice: ProtobufSlice, counts: Counts): void {
  counts.tensors += 1
  if (counts.tensors > onnxLimits.tensorsMax)
    throw new MalformedError('tensor', slice.offset, `more than ${onnxLimits.tensorsMax} tensors`)
  const tensor = readMessage(slice, tensorRules)
  const shape = shapeOf(tensor)
  if (shape.length > onnxLimits.dimensionsMax)
    throw new MalformedError('tensor', slice.offset, 'too many dimensions')
  const elements = shape.reduce((product, length) => product * length, 1n)
  const raw = tensor.slices('raw')[0]
  const size = elementBytes[String(varintOf(tensor, 'element'))]
  if (size === undefined)
    throw new MalformedError('tensor', slice.offset, 'an unknown element type')
  const isLie =
    raw === undefined
      ? elements > BigInt(slice.bytes.length) // One byte an element is the least that a list takes.
      : BigInt(raw.bytes.length) !== elements * BigInt(size)
  if (isLie) throw new MalformedError('tensor', slice.offset, 'data of another size than its shape')
}

function shapeOf(tensor: Message): readonly bigint[] {
  return tensor.all('shape').flatMap((field) => {
    if (field.wire === 'bytes' && field.value.length > onnxLimits.dimensionsMax * 10)
      throw new MalformedError('tensor', field.offset, 'too many dimensions')
    return protobufVarints(field, 'tensor shape')
  })
}

type Row = readonly [number: number, name: string, wire: Wire, repeated?: true]

function rules(name: string, fieldsMax: number, rows: readonly Row[]): MessageRules {
  const fields = rows.map(([number, field, wire, repeated]) => [
    number,
    repeated === undefined ? { name: field, wire } : { name: field, wire, repeated },
  ])
  return { name, fieldsMax, fields: Object.fromEntries(fields) }
}

// What is not in these tables is refused: functions, training info, sparse tensors, external data and where it lies.
const modelRules = rules('model', 4096, [
  [1, 'irVersion', 'varint'],
  [2, 'producerName', 'bytes'],
  [3, 'producerVersion', 'bytes'],
  [4, 'domain', 'bytes'],
  [5, 'modelVersion', 'varint'],
  [6, 'docString', 'bytes'],
  [7, 'graph', 'bytes'],
  [8, 'opset', 'bytes', true],
  [14, 'metadata', 'bytes', true],
])

const graphRules = rules('graph', 262_144, [
  [1, 'node', 'bytes', true],
  [2, 'name', 'bytes'],
  [5, 'initializer', 'bytes', true],
  [10, 'docString', 'bytes'],
  [11, 'input', 'bytes', true],
  [12, 'output', 'bytes', true],
  [13, 'valueInfo', 'bytes', true],
  [16, 'metadata', 'bytes', true],
])

const nodeRules = rules('node', 65_536, [
  [1, 'input', 'bytes', true],
  [2, 'output', 'bytes', true],
  [3, 'name', 'bytes'],
  [4, 'operator', 'bytes'],
  [5, 'attribute', 'bytes', true],
  [6, 'docString', 'bytes'],
  [7, 'domain', 'bytes'],
  [9, 'metadata', 'bytes', true],
])

const attributeRules = rules('attribute', 65_536, [
  [1, 'name', 'bytes'],
  [2, 'real', 'fixed'],
  [3, 'integer', 'varint'],
  [4, 'text', 'bytes'],
  [5, 'tensor', 'bytes'],
  [6, 'graph', 'bytes'],
  [7, 'reals', 'bytes', true],
  [8, 'integers', 'numbers'],
  [9, 'texts', 'bytes', true],
  [10, 'tensors', 'bytes', true],
  [11, 'graphs', 'bytes', true],
  [13, 'docString', 'bytes'],
  [20, 'type', 'varint'],
])

const tensorRules = rules('tensor', 64, [
  [1, 'shape', 'numbers'],
  [2, 'element', 'varint'],
  [4, 'floats', 'bytes'],
  [5, 'whole32', 'numbers'],
  [7, 'whole64', 'numbers'],
  [8, 'name', 'bytes'],
  [9, 'raw', 'bytes'],
  [10, 'doubles', 'bytes'],
  [11, 'unsigned64', 'numbers'],
  [12, 'docString', 'bytes'],
])
