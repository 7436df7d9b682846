import { assert, type Bytes } from '@cloister/codec'
import { Tape } from './autodiff/tape.ts'
import type { Tensor } from './autodiff/tensor.ts'
import type { GptModel } from './model-gpt.ts'
import type { TabularModel, Parameter } from './model.ts'
import type { CnnModel } from './model-cnn.ts'
import type { Network } from './network.ts'
import { cnnNetwork } from './network-cnn.ts'
import { gptNetwork } from './network-gpt.ts'
import { tabularNetwork } from './network-tabular.ts'
import type { Normalisation } from './normalisation.ts'
import { OnnxGraph } from './onnx-graph.ts'

/** Name of the metadata entry that lists the classes, as a JSON list of texts. */
export const classesMetadata = 'cloister.classes'

/** Name of the metadata entry that holds the definition of a `gpt`, as JSON. */
export const gptMetadata = 'cloister.gpt'

/**
 * A self-contained classifier as an ONNX model. Input: `x` (float32, rows x features, as they are in the data).
 * Output: `probabilities` (float32, rows x classes). Normalisation is part of the graph.
 */
export function inferenceGraph(
  model: TabularModel | CnnModel,
  parameters: readonly Parameter[],
  normalisation: Normalisation,
): Bytes {
  const network = model.kind === 'cnn' ? cnnNetwork(model) : tabularNetwork(model)
  const graph = new OnnxGraph()
  // One row stands for any number of them: nothing in such a network asks how many there are.
  const tape = new Tape(graph, 'open')
  const e = tape.emitter
  const [features = 1] = network.x.shape
  graph.input('x', 'float32', ['rows', features])
  const x = { name: 'x', shape: [1, features] }
  const numbers = (values: Float64Array): Tensor => ({
    name: graph.floats(Float32Array.from(values), [features]).name,
    shape: [features],
  })
  const centred = e.binary('Sub', x, numbers(normalisation.mean))
  const normalised = e.binary('Mul', centred, numbers(normalisation.scale))
  const logits = forward(graph, tape, { network, parameters, x: normalised })
  const { name } = e.op('Softmax', [logits], logits.shape, { axis: { integer: -1 } })
  graph.output('probabilities', 'float32', { name, shape: ['rows', model.classes.length] })
  return graph.finish('classifier', { [classesMetadata]: JSON.stringify(model.classes) })
}

/**
 * A language model as an ONNX model. Input: `tokens` (int64, 1 x context: what follows the text does not matter). Output:
 * `logits` (float32, context x vocabulary), for each place those of the token after it.
 */
export function languageGraph(model: GptModel, parameters: readonly Parameter[]): Bytes {
  const network = gptNetwork(model)
  const graph = new OnnxGraph()
  const tape = new Tape(graph)
  graph.input('tokens', 'int64', [1, model.context])
  const x = { name: 'tokens', shape: [1, model.context] }
  graph.output('logits', 'float32', forward(graph, tape, { network, parameters, x }))
  return graph.finish('language-model', { [gptMetadata]: JSON.stringify(model) })
}

function forward(
  graph: OnnxGraph,
  tape: Tape,
  given: {
    readonly network: Network
    readonly parameters: readonly Parameter[]
    readonly x: Tensor
  },
): Tensor {
  const { network, parameters, x } = given
  const constants = new Map<string, Tensor>()
  const value = (name: string) => {
    const known = constants.get(name)
    if (known) return known
    const parameter = parameters.find((each) => each.name === name)
    assert(parameter !== undefined, `${name} is among the parameters`)
    const constant = graph.floats(parameter.values, parameter.shape).name
    const tensor = { name: constant, shape: parameter.shape }
    constants.set(name, tensor)
    return tensor
  }
  return network.forward(
    { tape, training: false, value, mask: () => x, average: () => {}, layer: () => {} },
    x,
  )
}
