import { assert, MalformedError, type Bytes } from '@cloister/codec'
import { Tape } from './autodiff/tape.ts'
import { sizeOf, type Shape, type Tensor } from './autodiff/tensor.ts'
import type { Network, Pass, PrivateLayer } from './network.ts'
import { OnnxGraph, type OnnxElement } from './onnx-graph.ts'
import { stateNames, writeUpdate, type StepTensors } from './optimizer-graph.ts'
import { addNoise, clippedSums, type PrivateStep } from './private-step.ts'
import type { TrainingSettings } from './training-settings.ts'

/** What a training graph is made for. */
export type TrainingRecipe = {
  readonly network: Network
  readonly settings: TrainingSettings
  /** Rows that are worked on at once. */
  readonly batch: number
  /** Batches that make one step. In private training there may be fewer or more, so many as the draw needs. */
  readonly accumulate: number
  /** Present in private training. */
  readonly privacy?: PrivateStep
}

/** A training graph, and what it wants to be told in each step. */
export type TrainingGraph = {
  readonly bytes: Bytes
  /** Parameters, running averages, optimizer state: inputs as `in.` and the name, outputs as `next.` and the name. */
  readonly carried: readonly string[]
  /** Shapes of the masks that dropout takes in each batch: inputs `mask0`, `mask1`, ... with their rates. */
  readonly masks: readonly { readonly shape: Shape; readonly rate: number }[]
}

/**
 * Several training steps as one plain ONNX model: a `Loop` whose body is forward pass, loss, backward pass and update, so
 * that parameters are not copied in and out at every step.
 *
 * Inputs: everything carried, as `in.` and its name; `x` and `y`, a window of rows; `steps` (int64, how many); and for each step `order` (int64,
 * steps x batches x rows: which rows of the window), `weights` (float32, alike: how much each row counts, 0 for padding;
 * those of a step add up to 1, or in private training are 1 or 0), `rate`, `epsilon`, `kept` (see `stepNumbers`), masks;
 * in private training `batches` (int64, how many of them) and for each parameter `noise.` and its name (int64).
 * Outputs: `next.` and the name of everything carried, and `losses`, one for each step, as it was before it.
 */
export function trainingGraph(recipe: TrainingRecipe): TrainingGraph {
  const { network, settings } = recipe
  const graph = new OnnxGraph()
  const tensors = [
    ...[...network.parameters, ...network.averages],
    ...network.parameters.flatMap(({ name, shape }) =>
      stateNames(settings, name).map((state) => ({ name: state, shape })),
    ),
  ].map(({ name, shape }) => ({ name, shape }))
  const carried = tensors.map(({ name }) => name)
  if (new Set(carried).size !== carried.length)
    throw new MalformedError('model', 0, 'a parameter has the name of the state of another one')
  for (const { name, shape } of tensors) graph.input(`in.${name}`, 'float32', shape)
  graph.input('x', network.x.element, ['rows', ...network.x.shape])
  graph.input('y', network.y.element, ['rows', ...network.y.shape])
  const steps = graph.input('steps', 'int64', [])
  const names = ['order', 'weights', 'rate', 'epsilon', 'kept']
  for (const [index, name] of names.entries())
    graph.input(
      name,
      name === 'order' ? 'int64' : 'float32',
      index < 2 ? ['steps', 'batches', recipe.batch] : ['steps'],
    )
  if (recipe.privacy) {
    graph.input('batches', 'int64', ['steps'])
    for (const { name, shape } of network.parameters)
      graph.input(`noise.${name}`, 'int64', ['steps', ...shape])
  }

  const { body, masks } = writeStep(graph, recipe, tensors)
  for (const [index, { shape }] of masks.entries())
    graph.input(`mask${index}`, 'float32', ['steps', 'batches', ...shape])
  const shapes = [...tensors.map(({ shape }) => shape), []]
  const outputs = graph.operators('Loop', [steps, undefined, ...tensors.map(inputOf)], shapes, {
    body: { graph: body },
  })
  for (const [index, { name }] of tensors.entries()) {
    const output = outputs[index]
    assert(output !== undefined, 'a loop hands out all that it carries')
    graph.output(`next.${name}`, 'float32', output)
  }
  const losses = outputs.at(-1)
  assert(losses !== undefined, 'a loop hands out its losses')
  graph.output('losses', 'float32', { name: losses.name, shape: ['steps'] })
  return { bytes: graph.finish('training'), carried, masks }
}

function inputOf({ name, shape }: Tensor): Tensor {
  return { name: `in.${name}`, shape }
}

type Masks = { readonly shape: Shape; readonly rate: number }[]

/** The body of the loop over steps. */
function writeStep(
  graph: OnnxGraph,
  recipe: TrainingRecipe,
  tensors: readonly Tensor[],
): { readonly body: OnnxGraph; readonly masks: Masks } {
  const { network, settings, batch } = recipe
  const body = graph.inner()
  const loop = startBody(body, 'step', tensors)
  const masks: Masks = []
  const e = new Tape(body).emitter
  const pick = (name: string, shape: Shape, element: OnnxElement = 'float32') => {
    assert(element === 'float32' || shape.length > 0, 'whole numbers come in lists')
    return e.op('Gather', [{ name, shape: [] }, loop.index], shape, { axis: { integer: 0 } })
  }
  const chosen = {
    order: pick('order', [recipe.accumulate, batch]),
    weights: pick('weights', [recipe.accumulate, batch]),
    index: loop.index,
  }
  const single = recipe.accumulate === 1 && recipe.privacy === undefined
  const sums = single
    ? writeBatch(body, recipe, { chosen, place: undefined, value: loop.value, masks })
    : writeBatches(body, recipe, { chosen, value: loop.value, masks })
  const gradients = network.parameters.map(({ name }, index) =>
    recipe.privacy
      ? addNoise(
          e,
          recipe.privacy,
          sums.gradients[index],
          pick(`noise.${name}`, loop.value(name).shape),
        )
      : (sums.gradients[index] ?? loop.value(name)),
  )
  const penalised = writePenalty(e, recipe, { ...sums, gradients }, loop.value)
  const clipped = clipTogether(e, penalised.gradients, settings.clipNorm)
  const numbers: StepTensors = {
    rate: pick('rate', []),
    epsilon: pick('epsilon', []),
    kept: pick('kept', []),
  }
  const next = new Map(sums.averages)
  for (const [index, { name, decayed }] of network.parameters.entries()) {
    const gradient = clipped[index]
    assert(gradient !== undefined, 'one gradient for each parameter')
    const states = stateNames(settings, name)
    const given = { value: loop.value(name), gradient, state: states.map(loop.value), decayed }
    const updated = writeUpdate(e, settings, numbers, given)
    for (const [place, each] of [name, ...states].entries()) {
      const tensor = updated[place]
      assert(tensor !== undefined, 'an update of all that an optimizer remembers')
      next.set(each, tensor)
    }
  }
  loop.end(next)
  body.output('loss', 'float32', penalised.loss)
  return { body, masks }
}

type Loop = {
  readonly index: Tensor
  readonly value: (name: string) => Tensor
  readonly end: (next: ReadonlyMap<string, Tensor>) => void
}

/** Declares what every body of a `Loop` takes: its number, whether to go on, and what is carried. */
function startBody(body: OnnxGraph, prefix: string, carried: readonly Tensor[]): Loop {
  const index = { name: `${prefix}.index`, shape: [] }
  body.input(index.name, 'int64', [])
  body.input(`${prefix}.on`, 'bool', [])
  const inner = new Map(
    carried.map(({ name, shape }) => [name, { name: `${prefix}.in.${name}`, shape }]),
  )
  for (const { name, shape } of inner.values()) body.input(name, 'float32', shape)
  const value = (name: string) => {
    const tensor = inner.get(name)
    assert(tensor !== undefined, `${name} is carried`)
    return tensor
  }
  return {
    index,
    value,
    end: (next) => {
      body.output(`${prefix}.goes-on`, 'bool', { name: `${prefix}.on`, shape: [] })
      for (const { name } of carried)
        body.output(`${prefix}.next.${name}`, 'float32', next.get(name) ?? value(name))
    },
  }
}

type Chosen = { readonly order: Tensor; readonly weights: Tensor; readonly index: Tensor }

type Sums = {
  readonly loss: Tensor
  readonly gradients: readonly Tensor[]
  readonly averages: ReadonlyMap<string, Tensor>
}

type BatchPlace = {
  readonly chosen: Chosen
  /** Number of the batch within the step; absent where there is only one. */
  readonly place: Tensor | undefined
  readonly value: (name: string) => Tensor
  readonly masks: Masks
}

/** Loss and gradients of one batch. */
function writeBatch(graph: OnnxGraph, recipe: TrainingRecipe, given: BatchPlace): Sums {
  const { network, batch, privacy } = recipe
  const { chosen, place, value, masks } = given
  const tape = new Tape(graph)
  const e = tape.emitter
  const own = (tensor: Tensor) =>
    place ? e.op('Gather', [tensor, place], [batch]) : e.reshape(tensor, [batch])
  const [order, weights] = [own(chosen.order), own(chosen.weights)]
  const rows = (name: string, shape: Shape) =>
    e.op('Gather', [{ name, shape: [] }, order], [batch, ...shape])
  const averages = new Map<string, Tensor>()
  const layers: PrivateLayer[] = []
  const pass: Pass = {
    tape,
    training: true,
    value,
    mask: (shape, rate) => {
      const all = { name: `mask${masks.length}`, shape: [] }
      masks.push({ shape, rate })
      const ofStep = e.op('Gather', [all, chosen.index], [recipe.accumulate, ...shape])
      return place ? e.op('Gather', [ofStep, place], shape) : e.reshape(ofStep, shape)
    },
    average: (name, next) => averages.set(name, next),
    layer: (layer) => layers.push(layer),
  }
  const output = network.forward(pass, rows('x', network.x.shape))
  const loss = writeLoss(tape, network, { output, target: rows('y', network.y.shape), weights })
  const wanted = network.parameters.map(({ name }) => value(name))
  const gradients = privacy
    ? clippedSums(tape, privacy, { loss, layers, parameters: network.parameters })
    : tape.gradients(loss, wanted)
  return { loss, gradients, averages }
}

function writeLoss(
  tape: Tape,
  network: Network,
  { output, target, weights }: Readonly<Record<'output' | 'target' | 'weights', Tensor>>,
): Tensor {
  const [rows = 1] = weights.shape
  if (network.loss === 'mean-squared-error')
    return tape.apply('MeanSquaredError', [output, target, weights])
  const positions = sizeOf(network.y.shape)
  if (positions === 1) return tape.apply('CrossEntropy', [output, target, weights])
  const e = tape.emitter
  const share = e.binary('Mul', e.reshape(weights, [rows, 1]), e.scalar(1 / positions))
  const each = e.reshape(e.expand(share, [rows, positions]), [rows * positions])
  return tape.apply('CrossEntropy', [output, e.reshape(target, [rows * positions]), each])
}

/** Adds up the batches of one step in a loop inside the loop. */
function writeBatches(
  graph: OnnxGraph,
  recipe: TrainingRecipe,
  { chosen, value, masks }: Omit<BatchPlace, 'place'>,
): Sums {
  const { network } = recipe
  const body = graph.inner()
  const e = new Tape(graph).emitter
  const carried = [
    { name: 'loss', shape: [] },
    ...network.parameters.map(({ name, shape }) => ({ name: `sum.${name}`, shape })),
    ...network.averages.map(({ name, shape }) => ({ name, shape })),
  ]
  const loop = startBody(body, 'batch', carried)
  const isAverage = new Set(network.averages.map(({ name }) => name))
  const sums = writeBatch(body, recipe, {
    chosen,
    place: loop.index,
    value: (name) => (isAverage.has(name) ? loop.value(name) : value(name)),
    masks,
  })
  const inner = new Tape(body).emitter
  const news = new Map([
    ['loss', sums.loss],
    ...network.parameters.map(
      ({ name }, index) => [`sum.${name}`, sums.gradients[index] ?? sums.loss] as const,
    ),
  ])
  const added = [...news].map(
    ([name, tensor]) => [name, inner.binary('Add', loop.value(name), tensor)] as const,
  )
  loop.end(new Map([...added, ...sums.averages]))
  const count = recipe.privacy
    ? e.op('Gather', [{ name: 'batches', shape: [] }, chosen.index], [])
    : { name: graph.integers([recipe.accumulate], []).name, shape: [] }
  const starts = carried.map(({ name, shape }) =>
    isAverage.has(name) ? value(name) : e.zeros(shape),
  )
  const outputs = e.ops(
    'Loop',
    [count, undefined, ...starts],
    carried.map(({ shape }) => shape),
    {
      body: { graph: body },
    },
  )
  const [loss, ...rest] = outputs
  assert(loss !== undefined, 'a loop hands out all that it carries')
  const gradients = rest.slice(0, network.parameters.length)
  const last = rest.slice(network.parameters.length)
  const averages = network.averages.map(({ name }, index) => [name, last[index] ?? loss] as const)
  return { loss, gradients, averages: new Map(averages) }
}

/** Half the sum of all squared weights, times `l2`, is a part of the loss. */
function writePenalty(
  e: Tape['emitter'],
  { network, settings }: TrainingRecipe,
  sums: Sums,
  value: (name: string) => Tensor,
): Sums {
  if (settings.l2 === 0) return sums
  const decayed = network.parameters.filter((each) => each.decayed)
  const loss = decayed.reduce((sum, { name }) => {
    const squares = e.binary('Mul', e.squares(value(name)), e.scalar(settings.l2 / 2))
    return e.binary('Add', sum, squares)
  }, sums.loss)
  const gradients = sums.gradients.map((gradient, index) => {
    const parameter = network.parameters[index]
    if (!parameter?.decayed) return gradient
    return e.binary('Add', gradient, e.binary('Mul', value(parameter.name), e.scalar(settings.l2)))
  })
  return { ...sums, loss, gradients }
}

/** Shortens all gradients alike where together they are longer than `norm`. */
function clipTogether(
  e: Tape['emitter'],
  gradients: readonly Tensor[],
  norm: number | undefined,
): readonly Tensor[] {
  if (norm === undefined) return gradients
  const square = gradients.map((each) => e.squares(each)).reduce((a, b) => e.binary('Add', a, b))
  const length = e.binary('Add', e.unary('Sqrt', square), e.scalar(1e-6))
  const share = e.binary('Min', e.scalar(1), e.binary('Div', e.scalar(norm), length))
  return gradients.map((each) => e.binary('Mul', each, share))
}
