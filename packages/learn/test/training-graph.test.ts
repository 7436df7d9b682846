import { expect, test } from 'vitest'
import {
  initialParameters,
  networkOf,
  trainingGraph,
  type ModelDefinition,
  type TensorData,
  type TrainingSettings,
} from '@cloister/learn'
import { initialState, stepNumbers } from '../src/optimizer-graph.ts'
import { floats, integers, numbers, runtime } from './onnx-runtime.ts'
import { plainStep, type PlainLayer } from './plain-network.ts'

const shared = { features: 3, classes: ['a', 'b', 'c'] }
const models: readonly ModelDefinition[] = [
  { ...shared, kind: 'logistic' },
  { ...shared, kind: 'mlp', hidden: [4], activation: 'tanh' },
  { ...shared, kind: 'mlp', hidden: [5, 4], activation: 'relu' },
]
const settings: TrainingSettings = {
  epochs: 1,
  batchSize: 5,
  learningRate: 0.1,
  optimizer: 'sgd',
  l2: 0.05,
  seed: 7,
  standardize: true,
}
const x = Array.from({ length: 5 }, (_, n) => [
  Math.sin(n + 1),
  Math.cos(2 * n),
  Math.sin(3 * n + 0.5),
])
const y = [0, 2, 1, 2, 0]

/** One step on `rows` rows in a batch of `size`. */
function batch(rows: number, size: number, step = 0): Record<string, TensorData> {
  const padded = Array.from({ length: size }, (_, n) => (n < rows ? x[n]! : [99, -99, 99]))
  const { rate, epsilon, kept } = stepNumbers(used, step, 10)
  return {
    x: floats([size, 3], padded.flat()),
    y: integers(Array.from({ length: size }, (_, n) => (n < rows ? y[n]! : 1))),
    order: { ...integers(Array.from({ length: size }, (_, n) => n)), shape: [1, 1, size] },
    weights: floats(
      [1, 1, size],
      Array.from({ length: size }, (_, n) => (n < rows ? 1 / rows : 0)),
    ),
    steps: { type: 'int64', shape: [], values: BigInt64Array.of(1n) },
    rate: floats([1], [rate]),
    epsilon: floats([1], [epsilon]),
    kept: floats([1], [kept]),
  }
}

let used = settings

function stepGraph(model: ModelDefinition, given: TrainingSettings, size: number) {
  used = given
  const network = networkOf(model)
  return trainingGraph({ network, settings: given, batch: size, accumulate: 1 }).bytes
}

function start(model: ModelDefinition, optimizer: 'sgd' | 'adam'): Record<string, TensorData> {
  const parameters = initialParameters(model, settings.seed)
  const network = networkOf(model)
  const all = [...parameters, ...initialState(network.parameters, { ...settings, optimizer })]
  return Object.fromEntries(
    all.map(({ name, shape, values }) => [`in.${name}`, floats(shape, values)]),
  )
}

function toLayers(tensors: Record<string, TensorData>): PlainLayer[] {
  return [0, 1, 2].flatMap((index) => {
    const weights = tensors[`in.weights${index}`]
    if (weights === undefined) return []
    const [rows = 0, columns = 0] = weights.shape
    const values = Array.from(weights.values, Number)
    const matrix = Array.from({ length: rows }, (_, i) =>
      values.slice(i * columns, (i + 1) * columns),
    )
    return [{ weights: matrix, bias: Array.from(tensors[`in.bias${index}`]!.values, Number) }]
  })
}

function flat(list: readonly { weights: number[][]; bias: number[] }[]): number[] {
  return list.flatMap(({ weights, bias }) => [...weights.flat(), ...bias])
}

function plain(model: ModelDefinition, rows: number) {
  const activation = model.kind === 'mlp' ? model.activation : 'relu'
  return { x: x.slice(0, rows), y: y.slice(0, rows), activation, l2: settings.l2 }
}

const named = models.map((model) => ({
  name: model.kind === 'mlp' ? `mlp ${model.hidden.join('-')} ${model.activation}` : model.kind,
  model,
}))

test.for(named)(
  'one step of $name: loss and gradients are those of plain loops',
  async ({ model }) => {
    const session = await runtime.load(stepGraph(model, settings, 5))
    const tensors = start(model, 'sgd')
    const outputs = await session.run({ ...tensors, ...batch(5, 5) })
    const layers = toLayers(tensors)
    const { loss, gradients } = plainStep(layers, plain(model, 5))
    expect(numbers(outputs, 'losses')[0]).toBeCloseTo(loss, 5)
    for (const [index, { weights, bias }] of gradients.entries()) {
      const expectNext = (name: string, before: number[], gradient: number[]) => {
        for (const [i, next] of numbers(outputs, `next.${name}`).entries())
          expect(next).toBeCloseTo(before[i]! - 0.1 * gradient[i]!, 6)
      }
      expectNext(`weights${index}`, layers[index]!.weights.flat(), weights.flat())
      expectNext(`bias${index}`, layers[index]!.bias, bias)
    }
  },
)

test.for(named)('gradients of $name equal finite differences of plain loops', async ({ model }) => {
  const session = await runtime.load(stepGraph(model, { ...settings, learningRate: 1 }, 5))
  const tensors = start(model, 'sgd')
  const outputs = await session.run({ ...tensors, ...batch(5, 5) })
  const layers = toLayers(tensors)
  const loss = () => plainStep(layers, plain(model, 5)).loss
  for (const [index, layer] of layers.entries()) {
    const next = numbers(outputs, `next.weights${index}`)
    const before = layer.weights.flat()
    const columns = layer.bias.length
    for (const place of before.keys()) {
      const row = layer.weights[Math.floor(place / columns)]!
      row[place % columns]! += 1e-5
      const above = loss()
      row[place % columns]! -= 2e-5
      const below = loss()
      row[place % columns]! += 1e-5
      expect(before[place]! - next[place]!).toBeCloseTo((above - below) / 2e-5, 4)
    }
  }
})

test.for(named)('rows that the mask takes out of $name change nothing', async ({ model }) => {
  const run = async (size: number) => {
    const session = await runtime.load(stepGraph(model, settings, size))
    return session.run({ ...start(model, 'sgd'), ...batch(3, size) })
  }
  const [padded, exact] = [await run(5), await run(3)]
  for (const name of Object.keys(exact)) {
    const expected = numbers(exact, name)
    for (const [i, value] of numbers(padded, name).entries())
      expect(value).toBeCloseTo(expected[i]!, 6)
  }
})

test.for(named)('ten steps of Adam on $name follow the published algorithm', async ({ model }) => {
  const adam: TrainingSettings = { ...settings, optimizer: 'adam', learningRate: 0.02 }
  const session = await runtime.load(stepGraph(model, adam, 5))
  let tensors = start(model, 'adam')
  const layers = toLayers(tensors)
  const m = flat(layers).map(() => 0)
  const v = flat(layers).map(() => 0)
  for (let t = 1; t <= 10; t++) {
    const outputs = await session.run({ ...tensors, ...batch(5, 5, t - 1) })
    tensors = Object.fromEntries(
      Object.keys(tensors).map((name) => [name, outputs[name.replace('in.', 'next.')]!]),
    )

    const gradient = flat(plainStep(layers, plain(model, 5)).gradients)
    const changes = gradient.map((g, i) => {
      const mean = 0.9 * m[i]! + 0.1 * g
      const square = 0.999 * v[i]! + 0.001 * g * g
      m[i] = mean
      v[i] = square
      return (0.02 * (mean / (1 - 0.9 ** t))) / (Math.sqrt(square / (1 - 0.999 ** t)) + 1e-8)
    })
    for (const { weights, bias } of layers) {
      for (const row of weights) for (const j of row.keys()) row[j]! -= changes.shift()!
      for (const j of bias.keys()) bias[j]! -= changes.shift()!
    }
  }
  const expected = flat(layers)
  for (const [i, value] of flat(toLayers(tensors)).entries())
    expect(Math.abs(value - expected[i]!)).toBeLessThan(2e-4)
})
