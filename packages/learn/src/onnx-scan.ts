import { MalformedError, parseJson, parseUtf8, type Bytes } from '@cloister/codec'
import { textItem } from './json-fields.ts'
import { classesMetadata } from './inference-graph.ts'
import { modelLimits } from './model.ts'
import { checkNode } from './onnx-scan-node.ts'
import { readMessage, varintOf, bytesOf, type MessageRules } from './onnx-scan-message.ts'
import { scanTensor } from './onnx-scan-tensor.ts'
import type { ProtobufSlice } from './protobuf-reader.ts'

/** What a classifier from outside may be at most, before the runtime sees a byte of it. */
export const scanLimits = {
  bytesMax: 268_435_456,
  nodesMax: 4096,
  initializersMax: 4096,
  metadataMax: 64,
} as const

/** What a scan of a classifier found. */
export type ScannedModel = {
  readonly features: number
  readonly classes: readonly string[]
  readonly nodes: number
}

/**
 * Looks through an ONNX model before a native parser gets it. Only what a plain classifier needs passes: known
 * fields, operators of a short list that can't loop or make something large out of something small, no graph inside
 * a node, no data outside the file, one input `x` (float32, rows x features) and one output `probabilities`.
 *
 * @throws {MalformedError} naming the message and the byte.
 */
export function scanModel(bytes: Bytes): ScannedModel {
  if (bytes.length > scanLimits.bytesMax)
    throw new MalformedError('model', 0, `${bytes.length} bytes, at most ${scanLimits.bytesMax}`)
  const model = readMessage({ bytes, offset: 0 }, modelRules)
  const version = varintOf(model, 'irVersion')
  if (version < 7n || version > 10n)
    throw new MalformedError('model IR version', 0, `got ${version}, expected 7 to 10`)
  checkOpsets(model.slices('opsetImport'))
  const graph = readMessage(model.slice('graph'), graphRules)
  const classes = readClasses(model.slices('metadata'))
  const nodes = graph.slices('node')
  if (nodes.length > scanLimits.nodesMax)
    throw new MalformedError('graph', 0, `more than ${scanLimits.nodesMax} nodes`)
  for (const node of nodes) checkNode(node)
  const initializers = graph.slices('initializer')
  if (initializers.length > scanLimits.initializersMax)
    throw new MalformedError('graph', 0, `more than ${scanLimits.initializersMax} initializers`)
  for (const tensor of initializers) scanTensor(tensor)

  const features = only(graph.slices('input'), 'x', modelLimits.featuresMax)
  const outputs = only(graph.slices('output'), 'probabilities', modelLimits.classesMax)
  if (outputs !== classes.length)
    throw new MalformedError(
      'graph output',
      0,
      `${outputs} wide, the metadata names ${classes.length} classes`,
    )
  return { features, classes, nodes: nodes.length }
}

/** The constants of a model that passes {@link scanModel}. */
export function graphInitializers(bytes: Bytes): readonly ProtobufSlice[] {
  scanModel(bytes)
  const model = readMessage({ bytes, offset: 0 }, modelRules)
  return readMessage(model.slice('graph'), graphRules).slices('initializer')
}

// Fields that are not in these tables (training info, functions, sparse tensors, newer ones) are refused.
const modelRules: MessageRules = {
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

const graphRules: MessageRules = {
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

const opsetRules: MessageRules = {
  name: 'operator set',
  fieldsMax: 8,
  fields: { 1: { name: 'domain', wire: 'bytes' }, 2: { name: 'version', wire: 'varint' } },
}

const entryRules: MessageRules = {
  name: 'metadata',
  fieldsMax: 8,
  fields: { 1: { name: 'key', wire: 'bytes' }, 2: { name: 'value', wire: 'bytes' } },
}

const valueRules: MessageRules = {
  name: 'graph value',
  fieldsMax: 8,
  fields: {
    1: { name: 'name', wire: 'bytes' },
    2: { name: 'type', wire: 'bytes' },
    3: { name: 'docString', wire: 'bytes' },
  },
}

const typeRules: MessageRules = {
  name: 'graph value type',
  fieldsMax: 8,
  fields: { 1: { name: 'tensor', wire: 'bytes' } },
}

const tensorTypeRules: MessageRules = {
  name: 'graph value tensor',
  fieldsMax: 8,
  fields: { 1: { name: 'element', wire: 'varint' }, 2: { name: 'shape', wire: 'bytes' } },
}

const shapeRules: MessageRules = {
  name: 'graph value shape',
  fieldsMax: 8,
  fields: { 1: { name: 'dimension', wire: 'bytes', repeated: true } },
}

const dimensionRules: MessageRules = {
  name: 'graph value dimension',
  fieldsMax: 8,
  fields: { 1: { name: 'length', wire: 'varint' }, 2: { name: 'symbol', wire: 'bytes' } },
}

function checkOpsets(opsets: readonly ProtobufSlice[]): void {
  const [opset, ...others] = opsets
  if (opset === undefined || others.length > 0)
    throw new MalformedError('model', 0, `${opsets.length} operator sets, expected 1`)
  const fields = readMessage(opset, opsetRules)
  const domain = parseUtf8(bytesOf(fields, 'domain'), 'operator set domain')
  if (domain !== '' && domain !== 'ai.onnx')
    throw new MalformedError('operator set domain', opset.offset, 'expected the standard one')
  const version = varintOf(fields, 'version')
  if (version < 13n || version > 21n)
    throw new MalformedError('operator set', opset.offset, `version ${version}, expected 13 to 21`)
}

function readClasses(entries: readonly ProtobufSlice[]): readonly string[] {
  if (entries.length > scanLimits.metadataMax)
    throw new MalformedError('metadata', 0, `more than ${scanLimits.metadataMax} entries`)
  const found = entries
    .map((entry) => readMessage(entry, entryRules))
    .filter((entry) => parseUtf8(bytesOf(entry, 'key'), 'metadata key') === classesMetadata)
  const [entry, ...others] = found
  if (entry === undefined || others.length > 0)
    throw new MalformedError(
      'metadata',
      0,
      `${found.length} entries ${classesMetadata}, expected 1`,
    )
  const text = parseUtf8(bytesOf(entry, 'value'), classesMetadata)
  const list = parseJson(text, classesMetadata, { charactersMax: 65_536, depthMax: 1 })
  if (!Array.isArray(list) || list.length < 2 || list.length > modelLimits.classesMax)
    throw new MalformedError(classesMetadata, 0, `expected 2 to ${modelLimits.classesMax} texts`)
  return list.map((item) => textItem(item, classesMetadata, modelLimits.classCharactersMax))
}

/** Width of the one value in `values`, which has to be called `name` and be a matrix of float32. */
function only(values: readonly ProtobufSlice[], name: string, widthMax: number): number {
  const [value, ...others] = values
  if (value === undefined || others.length > 0)
    throw new MalformedError('graph', 0, `${values.length} values beside ${name}, expected 1`)
  const fields = readMessage(value, valueRules)
  if (parseUtf8(bytesOf(fields, 'name'), 'graph value name') !== name)
    throw new MalformedError('graph value', value.offset, `expected the name ${name}`)
  const tensor = readMessage(
    readMessage(fields.slice('type'), typeRules).slice('tensor'),
    tensorTypeRules,
  )
  if (varintOf(tensor, 'element') !== 1n)
    throw new MalformedError('graph value', value.offset, 'expected float32')
  const dimensions = readMessage(tensor.slice('shape'), shapeRules).slices('dimension')
  const [rows, columns, ...rest] = dimensions
  if (rows === undefined || columns === undefined || rest.length > 0)
    throw new MalformedError('graph value', value.offset, 'expected two dimensions')
  if (readMessage(rows, dimensionRules).has('length'))
    throw new MalformedError('graph value', value.offset, 'expected any number of rows')
  const width = varintOf(readMessage(columns, dimensionRules), 'length')
  if (width < 1n || width > BigInt(widthMax))
    throw new MalformedError('graph value', value.offset, `expected 1 to ${widthMax} columns`)
  return Number(width)
}
