import { MalformedError, type Bytes } from '@cloister/codec'
import { readMessage, varintOf, type Message } from './onnx-scan-message.ts'
import {
  attributeRules,
  attributeValues,
  graphRules,
  modelRules,
  nodeRules,
  tensorData,
  tensorRules,
} from './onnx-structure-rules.ts'
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
      if (attributeValues.filter((field) => held.has(field)).length > 1)
        throw new MalformedError('attribute', attribute.offset, 'values of more than one kind')
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
  const size = elementBytes[String(varintOf(tensor, 'element'))]
  if (size === undefined)
    throw new MalformedError('tensor', slice.offset, 'an unknown element type')
  const held = tensorData.filter((field) => tensor.has(field))
  if (held.length > 1)
    throw new MalformedError('tensor', slice.offset, 'data in more than one field')
  const [field] = held
  if (field === undefined ? elements > 0n : !holds(tensor, field, elements, size))
    throw new MalformedError('tensor', slice.offset, 'data of another size than its shape')
}

// No more and no less than the shape says: a runtime reads what it needs, and what follows would be nobody's.
function holds(
  tensor: Message,
  field: (typeof tensorData)[number],
  elements: bigint,
  size: number,
): boolean {
  if (field === 'raw' || field === 'floats' || field === 'doubles') {
    const width = field === 'raw' ? size : Math.max(size, field === 'floats' ? 4 : 8)
    return BigInt(tensor.slices(field)[0]?.bytes.length ?? 0) === elements * BigInt(width)
  }
  const count = tensor
    .all(field)
    .reduce((sum, each) => sum + (each.wire === 'bytes' ? endsOf(each.value) : 1), 0)
  return BigInt(count) === elements
}

/** How many packed numbers there are: each ends with a byte whose highest bit is not set. */
function endsOf(bytes: Bytes): number {
  let count = 0
  for (const byte of bytes) if (byte < 0x80) count++
  return count
}

function shapeOf(tensor: Message): readonly bigint[] {
  return tensor.all('shape').flatMap((field) => {
    if (field.wire === 'bytes' && field.value.length > onnxLimits.dimensionsMax * 10)
      throw new MalformedError('tensor', field.offset, 'too many dimensions')
    return protobufVarints(field, 'tensor shape')
  })
}
