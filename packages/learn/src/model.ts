import { MalformedError, type Json } from '@cloister/codec'
import { JsonFields, textItem, wholeItem } from './json-fields.ts'
import { randomNumbers } from './random.ts'

/** What a model may be at most. Checked before memory is spent. */
export const modelLimits = {
  featuresMax: 4096,
  classesMax: 256,
  classCharactersMax: 64,
  hiddenLayersMax: 8,
  hiddenUnitsMax: 4096,
  parametersMax: 16_777_216,
} as const

/** A classifier of rows of numbers: what goes in, what comes out, and what lies between. */
export type ModelDefinition = {
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

/** One tensor that training changes. */
export type Parameter = {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/** One dense layer: how many numbers go in and come out, and the names of its two parameters. */
export type Layer = {
  readonly inputs: number
  readonly outputs: number
  readonly weights: string
  readonly bias: string
}

/**
 * Reads a model definition. Unknown fields are refused.
 *
 * @throws {MalformedError} naming the field.
 */
export function parseModelDefinition(value: Json | undefined, path = 'model'): ModelDefinition {
  const fields = new JsonFields(value, path)
  const kind = fields.choice('kind', ['logistic', 'mlp'])
  const features = fields.whole('features', 1, modelLimits.featuresMax)
  const classes = fields.list('classes', { min: 2, max: modelLimits.classesMax }, className)
  const repeated = classes.findIndex((name, index) => classes.indexOf(name) !== index)
  if (repeated >= 0)
    throw new MalformedError(`${path}.classes[${repeated}]`, 0, 'repeats an earlier class')
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

/** The dense layers of a model, from the input on. */
export function modelLayers(model: ModelDefinition): readonly Layer[] {
  const hidden = model.kind === 'mlp' ? model.hidden : []
  const widths = [model.features, ...hidden, model.classes.length]
  return widths.slice(1).map((outputs, index) => ({
    inputs: widths[index] ?? 0,
    outputs,
    weights: `weights${index}`,
    bias: `bias${index}`,
  }))
}

/**
 * Weights to start training from: uniform, as wide as He (relu) or Glorot (else) advise, and biases of zero. Equal
 * seeds give equal bits on every machine.
 */
export function initialParameters(model: ModelDefinition, seed: number): readonly Parameter[] {
  const random = randomNumbers(seed, 1)
  const relu = model.kind === 'mlp' && model.activation === 'relu'
  return modelLayers(model).flatMap((layer, index, layers) => {
    const beforeRelu = relu && index < layers.length - 1
    const width = Math.sqrt(6 / (beforeRelu ? layer.inputs : layer.inputs + layer.outputs))
    const values = Float32Array.from(
      { length: layer.inputs * layer.outputs },
      () => (random() * 2 - 1) * width,
    )
    return [
      { name: layer.weights, shape: [layer.inputs, layer.outputs], values },
      { name: layer.bias, shape: [layer.outputs], values: new Float32Array(layer.outputs) },
    ]
  })
}

/** A class name stands in a CSV cell as it is, so it holds nothing that a cell can't. */
function className(item: Json, path: string): string {
  const name = textItem(item, path, modelLimits.classCharactersMax)
  if (!/^[\w.-]+(?: [\w.-]+)*$/.test(name))
    throw new MalformedError(path, 0, 'expected letters, digits, ".", "_", "-" and single spaces')
  return name
}

function checkSize(model: ModelDefinition, path: string): ModelDefinition {
  const layers = modelLayers(model)
  const size = layers.reduce((sum, { inputs, outputs }) => sum + (inputs + 1) * outputs, 0)
  if (size > modelLimits.parametersMax)
    throw new MalformedError(path, 0, `more than ${modelLimits.parametersMax} parameters`)
  return model
}
