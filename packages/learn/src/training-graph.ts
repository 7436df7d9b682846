import { assert, MalformedError, type Bytes } from '@cloister/codec'
import { modelLayers, type ModelDefinition, type Parameter } from './model.ts'
import { OnnxGraph } from './onnx-graph.ts'
import { Tape, type Tensor } from './tape.ts'
import { trainingLimits, type TrainingSettings } from './training-settings.ts'

const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const

/**
 * One training step as a plain ONNX model: forward pass, loss, backward pass and update.
 *
 * Inputs: every parameter, every state tensor, `x` (float32, batch x features, already normalised), `y` (int64, the
 * class of each row) and `mask` (float32, 1 for a row that counts, 0 for padding; at least one 1).
 * Outputs: `next_` and the name of each parameter and state tensor, and `loss` (before the update).
 *
 * @throws {MalformedError} where `batch` is not a size in limits.
 */
export function trainingStepGraph(
  model: ModelDefinition,
  settings: TrainingSettings,
  batch: number,
): Bytes {
  if (!Number.isInteger(batch) || batch < 1 || batch > trainingLimits.batchSizeMax)
    throw new MalformedError('batch', 0, `expected a size from 1 to ${trainingLimits.batchSizeMax}`)
  const graph = new OnnxGraph()
  const tape = new Tape(graph)
  const parameters = modelLayers(model).flatMap((layer) => [
    input(graph, layer.weights, [layer.inputs, layer.outputs]),
    input(graph, layer.bias, [layer.outputs]),
  ])
  const logits = forward(tape, model, input(graph, 'x', [batch, model.features]), parameters)
  const loss = penalised(tape, crossEntropy(graph, tape, logits), parameters, settings.l2)
  const gradients = tape.gradients(loss, parameters)
  if (settings.optimizer === 'adam') updateByAdam(graph, settings, parameters, gradients)
  else updateByDescent(graph, settings, parameters, gradients)
  graph.output('loss', 'float32', loss)
  return graph.finish('training-step')
}

/** What an optimiser remembers from step to step, as it is before the first one. */
export function initialState(
  parameters: readonly Parameter[],
  optimizer: TrainingSettings['optimizer'],
): readonly Parameter[] {
  if (optimizer === 'sgd') return []
  const zeros = (prefix: string) =>
    parameters.map(({ name, shape, values }) => ({
      name: `${prefix}_${name}`,
      shape,
      values: new Float32Array(values.length),
    }))
  const step = { name: 'step', shape: [], values: new Float32Array(1) }
  return [...zeros('mean'), ...zeros('square'), step]
}

function input(graph: OnnxGraph, name: string, shape: readonly number[]): Tensor {
  graph.input(name, 'float32', shape)
  return { name, shape }
}

function forward(
  tape: Tape,
  model: ModelDefinition,
  x: Tensor,
  parameters: readonly Tensor[],
): Tensor {
  const layers = modelLayers(model)
  return layers.reduce((value, _, index) => {
    const [weights, bias] = parameters.slice(index * 2)
    assert(weights !== undefined && bias !== undefined, 'two parameters per layer')
    const sum = tape.add(tape.matrixProduct(value, weights), bias)
    if (index === layers.length - 1 || model.kind === 'logistic') return sum
    return model.activation === 'relu' ? tape.relu(sum) : tape.tanh(sum)
  }, x)
}

/** Mean over the rows that count of the negative logarithm of the true class's probability. */
function crossEntropy(graph: OnnxGraph, tape: Tape, logits: Tensor): Tensor {
  const [batch = 0, classes = 0] = logits.shape
  const y = graph.input('y', 'int64', [batch])
  const mask = graph.input('mask', 'float32', [batch])
  const offAndOn = graph.floats(Float32Array.of(0, 1), [2])
  const chosen = graph.operator(
    'OneHot',
    [y, graph.integers([classes], []), offAndOn],
    logits.shape,
  )
  const column = graph.operator('Reshape', [mask, graph.integers([batch, 1])], [batch, 1])
  const counted = graph.operator('ReduceSum', [mask, graph.integers([0])], [], {
    keepdims: { integer: 0 },
  })
  const share = graph.operator('Div', [column, graph.operator('Neg', [counted], [])], [batch, 1])
  const weight = graph.operator('Mul', [chosen, share], logits.shape)
  const weights: Tensor = { name: weight.name, shape: logits.shape }
  return tape.sum(tape.multiply(tape.logSoftmax(logits), weights))
}

function penalised(tape: Tape, loss: Tensor, parameters: readonly Tensor[], l2: number): Tensor {
  if (l2 === 0) return loss
  const weights = parameters.filter((parameter) => parameter.shape.length === 2)
  const half = tape.constant(l2 / 2)
  return weights.reduce((sum, each) => {
    const squares = tape.sum(tape.multiply(each, each))
    return tape.add(sum, tape.multiply(squares, half))
  }, loss)
}

function updateByDescent(
  graph: OnnxGraph,
  settings: TrainingSettings,
  parameters: readonly Tensor[],
  gradients: readonly Tensor[],
): void {
  const rate = graph.scalar(settings.learningRate)
  for (const [index, { name, shape }] of parameters.entries()) {
    const change = graph.operator('Mul', [at(gradients, index), rate], shape)
    const next = graph.operator('Sub', [{ name, shape }, change], shape)
    graph.output(`next_${name}`, 'float32', next)
  }
}

/** Spec: Kingma and Ba, "Adam: a method for stochastic optimization", algorithm 1. */
function updateByAdam(
  graph: OnnxGraph,
  settings: TrainingSettings,
  parameters: readonly Tensor[],
  gradients: readonly Tensor[],
): void {
  const one = graph.scalar(1)
  const step = graph.operator('Add', [input(graph, 'step', []), one], [])
  graph.output('next_step', 'float32', step)
  const correction = (beta: number) =>
    graph.operator('Sub', [one, graph.operator('Pow', [graph.scalar(beta), step], [])], [])
  const corrections = [correction(adam.beta1), correction(adam.beta2)] as const
  const constants = {
    rate: graph.scalar(settings.learningRate),
    epsilon: graph.scalar(adam.epsilon),
  }

  for (const [index, parameter] of parameters.entries()) {
    const { name, shape } = parameter
    const gradient = at(gradients, index)
    const square = graph.operator('Mul', [gradient, gradient], shape)
    const average = (prefix: string, news: Tensor, beta: number) => {
      const kept = input(graph, `${prefix}_${name}`, shape)
      const next = graph.operator(
        'Add',
        [
          graph.operator('Mul', [kept, graph.scalar(beta)], shape),
          graph.operator('Mul', [news, graph.scalar(1 - beta)], shape),
        ],
        shape,
      )
      graph.output(`next_${prefix}_${name}`, 'float32', next)
      return next
    }
    const mean = average('mean', gradient, adam.beta1)
    const second = average('square', { name: square.name, shape }, adam.beta2)
    const direction = graph.operator('Div', [mean, corrections[0]], shape)
    const scale = graph.operator(
      'Sqrt',
      [graph.operator('Div', [second, corrections[1]], shape)],
      shape,
    )
    const bounded = graph.operator('Add', [scale, constants.epsilon], shape)
    const ratio = graph.operator('Div', [direction, bounded], shape)
    const change = graph.operator('Mul', [ratio, constants.rate], shape)
    graph.output(`next_${name}`, 'float32', graph.operator('Sub', [parameter, change], shape))
  }
}

function at(tensors: readonly Tensor[], index: number): Tensor {
  const tensor = tensors[index]
  assert(tensor !== undefined, 'one gradient per parameter')
  return tensor
}
