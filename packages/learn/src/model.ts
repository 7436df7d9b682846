import { MalformedError, type Json } from '@cloister/codec'
import { JsonFields, textItem, wholeItem } from './json-fields.ts'
import { readCnn, type CnnModel } from './model-cnn.ts'
import { readGpt, type GptModel } from './model-gpt.ts'
import { modelLimits } from './model-limits.ts'
import { readOnnx, type OnnxModel } from './model-onnx.ts'

/** A classifier of rows of numbers. */
export type TabularModel = {
  /** Numbers in a row. */
  readonly features: number
  /** Names of the classes, in the order of the outputs. */
  readonly classes: readonly string[]
} & (
  | { readonly kind: 'logistic' }
  | {
      readonly kind: 'mlp'
      /** Units of each hidden layer, from the input on. */
      readonly hidden: readonly number[]
      readonly activation: 'relu' | 'tanh'
    }
)

/** A model that can be trained: what goes in, what comes out, and what lies between. */
export type ModelDefinition = TabularModel | CnnModel | GptModel | OnnxModel

/** One tensor that training changes. */
export type Parameter = {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/**
 * Reads a model definition. Unknown fields are refused.
 *
 * @throws {MalformedError} naming the field.
 */
export function parseModelDefinition(value: Json | undefined, path = 'model'): ModelDefinition {
  const fields = new JsonFields(value, path)
  const kind = fields.choice('kind', ['logistic', 'mlp', 'cnn', 'gpt', 'onnx'])
  switch (kind) {
    case 'logistic':
    case 'mlp':
      return readTabular(fields, kind, path)
    case 'cnn':
      return readCnn(fields, readClasses(fields, path), path)
    case 'gpt':
      return readGpt(fields, path)
    case 'onnx':
    default:
      return readOnnx(fields, () => readClasses(fields, path), path)
  }
}

/** Numbers in a row of the data; absent where the data says so itself, or is text. */
export function featuresOf(model: ModelDefinition): number | undefined {
  switch (model.kind) {
    case 'logistic':
    case 'mlp':
      return model.features
    case 'cnn':
      return model.height * model.width * model.channels
    case 'gpt':
    case 'onnx':
    default:
      return undefined
  }
}

/** Names of the classes; absent where the model is no classifier. */
export function classesOf(model: ModelDefinition): readonly string[] | undefined {
  return model.kind === 'gpt' ? undefined : model.classes
}

/** Width of each layer of a tabular model, the features first. */
export function layerWidths(model: TabularModel): readonly number[] {
  const hidden = model.kind === 'mlp' ? model.hidden : []
  return [model.features, ...hidden, model.classes.length]
}

function readTabular(fields: JsonFields, kind: 'logistic' | 'mlp', path: string): TabularModel {
  const features = fields.whole('features', 1, modelLimits.featuresMax)
  const classes = readClasses(fields, path)
  if (kind === 'logistic') {
    fields.end()
    return checkSize({ kind, features, classes }, path)
  }
  const layers = { min: 1, max: modelLimits.hiddenLayersMax }
  const hidden = fields.list('hidden', layers, (item, itemPath) =>
    wholeItem(item, itemPath, 1, modelLimits.hiddenUnitsMax),
  )
  const activation = fields.choice('activation', ['relu', 'tanh'])
  fields.end()
  return checkSize({ kind, features, classes, hidden, activation }, path)
}

function readClasses(fields: JsonFields, path: string): readonly string[] {
  const classes = fields.list('classes', { min: 2, max: modelLimits.classesMax }, className)
  const repeated = classes.findIndex((name, index) => classes.indexOf(name) !== index)
  if (repeated >= 0)
    throw new MalformedError(`${path}.classes[${repeated}]`, 0, 'repeats an earlier class')
  return classes
}

/** A class name stands in a CSV cell as it is, so it holds nothing that a cell can't. */
function className(item: Json, path: string): string {
  const name = textItem(item, path, modelLimits.classCharactersMax)
  if (!/^[\w.-]+(?: [\w.-]+)*$/.test(name))
    throw new MalformedError(path, 0, 'expected letters, digits, ".", "_", "-" and single spaces')
  return name
}

function checkSize(model: TabularModel, path: string): TabularModel {
  const widths = layerWidths(model)
  const sizes = widths.slice(1).map((outputs, index) => ((widths[index] ?? 0) + 1) * outputs)
  if (sizes.reduce((sum, size) => sum + size, 0) > modelLimits.parametersMax)
    throw new MalformedError(path, 0, `more than ${modelLimits.parametersMax} parameters`)
  return model
}
