import { MalformedError, parseJson, parseUtf8, type Bytes } from '@cloister/codec'
import { textItem } from './json-fields.ts'
import { classesMetadata } from './inference-graph.ts'
import { modelLimits } from './model-limits.ts'
import { checkShapes } from './onnx-shapes.ts'
import { checkNode } from './onnx-scan-node.ts'
import { readMessage, varintOf, bytesOf } from './onnx-scan-message.ts'
import {
  dimensionRules,
  entryRules,
  graphRules,
  modelRules,
  opsetRules,
  shapeRules,
  tensorTypeRules,
  typeRules,
  valueRules,
} from './onnx-scan-rules.ts'
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
  const spatial = nodes.map((node) => checkNode(node)).includes('spatial')
  const initializers = graph.slices('initializer')
  if (initializers.length > scanLimits.initializersMax)
    throw new MalformedError('graph', 0, `more than ${scanLimits.initializersMax} initializers`)
  for (const slice of initializers) {
    const { element } = scanTensor(slice)
    if (element !== 'float32' && !spatial)
      throw new MalformedError('initializer', slice.offset, 'expected float32')
  }

  const features = only(graph.slices('input'), 'x', modelLimits.featuresMax)
  const outputs = only(graph.slices('output'), 'probabilities', modelLimits.classesMax)
  if (outputs !== classes.length)
    throw new MalformedError(
      'graph output',
      0,
      `${outputs} wide, the metadata names ${classes.length} classes`,
    )
  // What moves windows or changes shapes could make much out of little: then every shape is worked out.
  if (spatial) checkShapes(bytes)
  return { features, classes, nodes: nodes.length }
}

/** The constants of a model that passes {@link scanModel}. */
export function graphInitializers(bytes: Bytes): readonly ProtobufSlice[] {
  scanModel(bytes)
  const model = readMessage({ bytes, offset: 0 }, modelRules)
  return readMessage(model.slice('graph'), graphRules).slices('initializer')
}

/** Checks the one operator set of a model. @throws {MalformedError} where its version is not in `versions`. */
export function checkOpsets(
  opsets: readonly ProtobufSlice[],
  versions: { readonly min: bigint; readonly max: bigint } = { min: 13n, max: 21n },
): void {
  const [opset, ...others] = opsets
  if (opset === undefined || others.length > 0)
    throw new MalformedError('model', 0, `${opsets.length} operator sets, expected 1`)
  const fields = readMessage(opset, opsetRules)
  const domain = parseUtf8(bytesOf(fields, 'domain'), 'operator set domain')
  if (domain !== '' && domain !== 'ai.onnx')
    throw new MalformedError('operator set domain', opset.offset, 'expected the standard one')
  const version = varintOf(fields, 'version')
  const { min, max } = versions
  if (version < min || version > max)
    throw new MalformedError(
      'operator set',
      opset.offset,
      `version ${version}, expected ${min} to ${max}`,
    )
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
