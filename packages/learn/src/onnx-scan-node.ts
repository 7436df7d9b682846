import { MalformedError, parseUtf8 } from '@cloister/codec'
import { bytesOf, readMessage, type MessageRules } from './onnx-scan-message.ts'
import type { ProtobufSlice } from './protobuf-reader.ts'

/**
 * Operators of a plain classifier. None loops, holds a graph, or takes a size from data: what comes out is at most a
 * broadcast or a product of what went in.
 */
const operators: ReadonlySet<string> = new Set([
  'Add', 'BatchNormalization', 'Clip', 'Div', 'Elu', 'Gemm', 'Identity', 'LayerNormalization', 'LeakyRelu',
  'LogSoftmax', 'MatMul', 'Mul', 'Neg', 'Relu', 'Sigmoid', 'Softmax', 'Sub', 'Tanh',
]) // prettier-ignore

/** Operators that move windows or change shapes. Where one is, every shape of the graph is worked out. */
const spatialOperators: ReadonlySet<string> = new Set([
  'AveragePool', 'Conv', 'Flatten', 'GlobalAveragePool', 'MaxPool', 'Reshape',
]) // prettier-ignore

const edgesMax = 64

/** An operator of a graph. */
export const nodeRules: MessageRules = {
  name: 'node',
  fieldsMax: 256,
  fields: {
    1: { name: 'input', wire: 'bytes', repeated: true },
    2: { name: 'output', wire: 'bytes', repeated: true },
    3: { name: 'name', wire: 'bytes' },
    4: { name: 'operator', wire: 'bytes' },
    5: { name: 'attribute', wire: 'bytes', repeated: true },
    6: { name: 'docString', wire: 'bytes' },
    7: { name: 'domain', wire: 'bytes' },
  },
}

/** Of an attribute: numbers and texts only: graphs, tensors, types and references to a function's attributes are not in the table. */
export const attributeRules: MessageRules = {
  name: 'attribute',
  fieldsMax: 256,
  fields: {
    1: { name: 'name', wire: 'bytes' },
    2: { name: 'real', wire: 'fixed' },
    3: { name: 'integer', wire: 'varint' },
    4: { name: 'text', wire: 'bytes' },
    8: { name: 'integers', wire: 'numbers' },
    13: { name: 'docString', wire: 'bytes' },
    20: { name: 'type', wire: 'varint' },
  },
}

/**
 * Checks one operator of a graph, and says which kind it is.
 *
 * @throws {MalformedError} where it is not on the list, or holds more than numbers and texts.
 */
export function checkNode(slice: ProtobufSlice): 'plain' | 'spatial' {
  const node = readMessage(slice, nodeRules)
  const domain = parseUtf8(bytesOf(node, 'domain'), 'node domain')
  if (domain !== '' && domain !== 'ai.onnx')
    throw new MalformedError('node domain', slice.offset, 'expected the standard one')
  const operator = parseUtf8(bytesOf(node, 'operator'), 'node operator')
  const spatial = spatialOperators.has(operator)
  if (!spatial && !operators.has(operator))
    throw new MalformedError('node operator', slice.offset, 'not on the list of allowed operators')
  const edges = node.slices('input').length + node.slices('output').length
  if (edges > edgesMax || node.slices('attribute').length > edgesMax)
    throw new MalformedError('node', slice.offset, `more than ${edgesMax} inputs or attributes`)
  for (const attribute of node.slices('attribute')) readMessage(attribute, attributeRules)
  return spatial ? 'spatial' : 'plain'
}
