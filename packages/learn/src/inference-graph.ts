import { assert, type Bytes } from '@cloister/codec'
import { modelLayers, type ModelDefinition, type Parameter } from './model.ts'
import type { Normalisation } from './normalisation.ts'
import { OnnxGraph, type OnnxValue } from './onnx-graph.ts'

/** Name of the metadata entry that lists the classes, as a JSON list of texts. */
export const classesMetadata = 'cloister.classes'

/**
 * A self-contained classifier as an ONNX model. Input: `x` (float32, rows x features, as they are in the data).
 * Output: `probabilities` (float32, rows x classes). Normalisation is part of the graph.
 */
export function inferenceGraph(
  model: ModelDefinition,
  parameters: readonly Parameter[],
  normalisation: Normalisation,
): Bytes {
  const graph = new OnnxGraph()
  const shape = ['rows', model.features]
  const x = graph.input('x', 'float32', shape)
  const mean = graph.floats(Float32Array.from(normalisation.mean), [model.features])
  const scale = graph.floats(Float32Array.from(normalisation.scale), [model.features])
  const centred = graph.operator('Sub', [x, mean], shape)
  const normalised = graph.operator('Mul', [centred, scale], shape)

  const layers = modelLayers(model)
  const logits = layers.reduce<OnnxValue>((value, layer, index) => {
    const width = ['rows', layer.outputs]
    const weights = constant(graph, parameters, layer.weights)
    const bias = constant(graph, parameters, layer.bias)
    const sum = graph.operator(
      'Add',
      [graph.operator('MatMul', [value, weights], width), bias],
      width,
    )
    if (index === layers.length - 1 || model.kind === 'logistic') return sum
    return graph.operator(model.activation === 'relu' ? 'Relu' : 'Tanh', [sum], width)
  }, normalised)

  const width = ['rows', model.classes.length]
  const probabilities = graph.operator('Softmax', [logits], width, { axis: { integer: -1 } })
  graph.output('probabilities', 'float32', probabilities)
  return graph.finish('classifier', { [classesMetadata]: JSON.stringify(model.classes) })
}

function constant(graph: OnnxGraph, parameters: readonly Parameter[], name: string): OnnxValue {
  const parameter = parameters.find((each) => each.name === name)
  assert(parameter !== undefined, `${name} is among the parameters`)
  return graph.floats(parameter.values, parameter.shape)
}
