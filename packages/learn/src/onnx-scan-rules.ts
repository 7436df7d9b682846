import type { MessageRules } from './onnx-scan-message.ts'

/** A model. Training info, functions and newer fields are not in the table, so they are refused. */
export const modelRules: MessageRules = {
  name: 'model',
  fieldsMax: 256,
  fields: {
    1: { name: 'irVersion', wire: 'varint' },
    2: { name: 'producerName', wire: 'bytes' },
    3: { name: 'producerVersion', wire: 'bytes' },
    4: { name: 'domain', wire: 'bytes' },
    5: { name: 'modelVersion', wire: 'varint' },
    6: { name: 'docString', wire: 'bytes' },
    7: { name: 'graph', wire: 'bytes' },
    8: { name: 'opsetImport', wire: 'bytes', repeated: true },
    14: { name: 'metadata', wire: 'bytes', repeated: true },
  },
}

/** A graph. Sparse constants are not in the table. */
export const graphRules: MessageRules = {
  name: 'graph',
  fieldsMax: 16384,
  fields: {
    1: { name: 'node', wire: 'bytes', repeated: true },
    2: { name: 'name', wire: 'bytes' },
    5: { name: 'initializer', wire: 'bytes', repeated: true },
    10: { name: 'docString', wire: 'bytes' },
    11: { name: 'input', wire: 'bytes', repeated: true },
    12: { name: 'output', wire: 'bytes', repeated: true },
    13: { name: 'valueInfo', wire: 'bytes', repeated: true },
  },
}

/** An operator set. */
export const opsetRules: MessageRules = {
  name: 'operator set',
  fieldsMax: 8,
  fields: { 1: { name: 'domain', wire: 'bytes' }, 2: { name: 'version', wire: 'varint' } },
}

/** An entry of the metadata. */
export const entryRules: MessageRules = {
  name: 'metadata',
  fieldsMax: 8,
  fields: { 1: { name: 'key', wire: 'bytes' }, 2: { name: 'value', wire: 'bytes' } },
}

/** An input or output of a graph. */
export const valueRules: MessageRules = {
  name: 'graph value',
  fieldsMax: 8,
  fields: {
    1: { name: 'name', wire: 'bytes' },
    2: { name: 'type', wire: 'bytes' },
    3: { name: 'docString', wire: 'bytes' },
  },
}

/** A type: tensors only. */
export const typeRules: MessageRules = {
  name: 'graph value type',
  fieldsMax: 8,
  fields: { 1: { name: 'tensor', wire: 'bytes' } },
}

/** A type of tensors. */
export const tensorTypeRules: MessageRules = {
  name: 'graph value tensor',
  fieldsMax: 8,
  fields: { 1: { name: 'element', wire: 'varint' }, 2: { name: 'shape', wire: 'bytes' } },
}

/** A shape. */
export const shapeRules: MessageRules = {
  name: 'graph value shape',
  fieldsMax: 8,
  fields: { 1: { name: 'dimension', wire: 'bytes', repeated: true } },
}

/** A dimension: a length, or the name of one. */
export const dimensionRules: MessageRules = {
  name: 'graph value dimension',
  fieldsMax: 8,
  fields: { 1: { name: 'length', wire: 'varint' }, 2: { name: 'symbol', wire: 'bytes' } },
}
