import type { MessageRules, Wire } from './onnx-scan-message.ts'

type Row = readonly [number: number, name: string, wire: Wire, repeated?: true]

function rules(name: string, fieldsMax: number, rows: readonly Row[]): MessageRules {
  const fields = rows.map(([number, field, wire, repeated]) => [
    number,
    repeated === undefined ? { name: field, wire } : { name: field, wire, repeated },
  ])
  return { name, fieldsMax, fields: Object.fromEntries(fields) }
}

/** What is not in these tables is refused: functions, training info, sparse tensors, external data and where it lies. Spec: onnx/onnx.proto3. */
export const modelRules = rules('model', 4096, [
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

/** A GraphProto. */
export const graphRules = rules('graph', 262_144, [
  [1, 'node', 'bytes', true],
  [2, 'name', 'bytes'],
  [5, 'initializer', 'bytes', true],
  [10, 'docString', 'bytes'],
  [11, 'input', 'bytes', true],
  [12, 'output', 'bytes', true],
  [13, 'valueInfo', 'bytes', true],
  [16, 'metadata', 'bytes', true],
])

/** A NodeProto. */
export const nodeRules = rules('node', 65_536, [
  [1, 'input', 'bytes', true],
  [2, 'output', 'bytes', true],
  [3, 'name', 'bytes'],
  [4, 'operator', 'bytes'],
  [5, 'attribute', 'bytes', true],
  [6, 'docString', 'bytes'],
  [7, 'domain', 'bytes'],
  [9, 'metadata', 'bytes', true],
])

/** A AttributeProto. */
export const attributeRules = rules('attribute', 65_536, [
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

/** A TensorProto. */
export const tensorRules = rules('tensor', 64, [
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

/** Where a tensor may hold its numbers: in one of these. */
export const tensorData = ['raw', 'floats', 'whole32', 'whole64', 'doubles', 'unsigned64'] as const

/** Where an attribute may hold its value: in one of these. */
export const attributeValues = [
  'real', 'integer', 'text', 'tensor', 'graph', 'reals', 'integers', 'texts', 'tensors', 'graphs',
] as const // prettier-ignore
