import { MalformedError } from '@cloister/codec'
import { expect, test } from 'vitest'
import {
  initialParameters,
  tableSource,
  safetensorsSource,
  memoryRanges,
  encodeSafetensors,
  networkOf,
  train,
  type ModelDefinition,
  type Table,
  type TrainingPlan,
  type TrainingSettings,
} from '@cloister/learn'
import { OnnxGraph, type OnnxAttribute, type OnnxValue } from '../src/onnx-graph.ts'
import { readForward } from '../src/onnx-forward.ts'
import { differentiate, Scalar } from './plain-autodiff.ts'
import { plainLoss, plainParameters } from './plain-models.ts'
import { floats, numbers, runtime } from './onnx-runtime.ts'

const settings: TrainingSettings = {
  epochs: 1, batchSize: 6, learningRate: 1, optimizer: 'sgd', l2: 0, seed: 4, standardize: false,
} // prettier-ignore
const classes = ['a', 'b', 'c']
const table: Table = {
  features: 4,
  rows: 6,
  values: Float64Array.from({ length: 24 }, (_, i) => Math.sin(i * 1.3)),
  labels: Int32Array.of(0, 1, 2, 0, 1, 2),
}
const weights = Float32Array.from({ length: 12 }, (_, i) => Math.cos(i * 2.1) / 2)

type Op = (
  type: string,
  inputs: readonly OnnxValue[],
  attributes?: Record<string, OnnxAttribute>,
) => OnnxValue

/** A graph over `x` as somebody else would write it: shapes inside are left out. */
function graphOf(
  write: (op: Op, x: OnnxValue, graph: OnnxGraph) => OnnxValue,
  row: readonly number[] = [4],
  width = 3,
) {
  const graph = new OnnxGraph()
  const x = graph.input('x', 'float32', ['n', ...row])
  const op: Op = (type, inputs, attributes = {}) => graph.operator(type, inputs, [], attributes)
  const { name } = write(op, x, graph)
  graph.output('y', 'float32', { name, shape: ['n', width] })
  return graph.finish('foreign')
}

const linear = graphOf((op, x, graph) => {
  const product = op('MatMul', [x, graph.floats(weights, [4, 3])])
  return op('Add', [product, graph.floats(new Float32Array(3), [3])])
})
const model: ModelDefinition = {
  kind: 'onnx',
  trainable: undefined,
  classes,
  loss: 'cross-entropy',
}
const plan: TrainingPlan = { name: undefined, model, settings }

test('a linear graph trains exactly as logistic regression does', async () => {
  const own: ModelDefinition = { kind: 'logistic', features: 4, classes }
  const longer = { ...settings, epochs: 30, learningRate: 0.2 }
  const names = initialParameters(own, 1).map(({ name }) => name)
  const values = [weights, new Float32Array(3)]
  const start = initialParameters(own, 1).map((each, index) => ({
    ...each,
    values: values[index]!,
  }))
  const source = tableSource(table)
  const ours = await train({ ...plan, model: own, settings: longer }, source, runtime, { start })
  const foreign = await train({ ...plan, settings: longer }, source, runtime, { forward: linear })
  expect(names).toHaveLength(foreign.parameters.length)
  for (const [index, { values: trained }] of foreign.parameters.entries())
    for (const [place, value] of trained.entries())
      expect(Math.abs(value - ours.parameters[index]!.values[place]!)).toBeLessThan(1e-6)

  // What comes out is the graph that went in, with other numbers: it says what the trained parameters say.
  const session = await runtime.load(foreign.model)
  const logits = numbers(await session.run({ x: floats([6, 4], table.values) }), 'y')
  const [w, b] = foreign.parameters.map((each) => each.values)
  for (const [place, logit] of logits.entries()) {
    const [row, column] = [Math.floor(place / 3), place % 3]
    const sum = [0, 1, 2, 3].reduce(
      (total, i) => total + table.values[row * 4 + i]! * w![i * 3 + column]!,
      b![column]!,
    )
    expect(logit).toBeCloseTo(sum, 5)
  }
  expect(readForward(foreign.model).nodes).toEqual(readForward(linear).nodes)
})

test('only constants that the plan names are trained', async () => {
  const names = readForward(linear).constants.map(({ name }) => name)
  const some: TrainingPlan = { ...plan, model: { ...model, trainable: [names[1]!] } }
  const trained = await train(some, tableSource(table), runtime, { forward: linear })
  expect(trained.parameters.map(({ name }) => name)).toEqual([names[1]])
  const before = plainParameters(initialParameters({ kind: 'logistic', features: 4, classes }, 1))
  const rows = Array.from({ length: 6 }, (_, row) => [0, 1, 2].map((column) => {
    const bias = before['bias0']![column]!
    const sum = [0, 1, 2, 3].reduce((total, i) => total + table.values[row * 4 + i]! * weights[i * 3 + column]!, 0)
    return new Scalar(sum, [[bias, 1]])
  })) // prettier-ignore
  differentiate(plainLoss(rows, [...table.labels!]))
  for (const [place, value] of trained.parameters[0]!.values.entries())
    expect(Math.abs(-value - before['bias0']![place]!.gradient)).toBeLessThan(1e-6)
  expect(readForward(trained.model).constants[0]!.data.bytes).toEqual(
    readForward(linear).constants[0]!.data.bytes,
  )
})

test('a graph with convolutions, normalisation, dropout and shapes from constants trains', async () => {
  const forward = graphOf((op, x, graph) => {
    const kernel = graph.floats(Float32Array.from({ length: 18 }, (_, i) => Math.sin(i)), [2, 1, 3, 3])
    const conv = op('Conv', [x, kernel], { pads: { integers: [1, 1, 1, 1] } })
    const [one, zero] = [graph.floats(Float32Array.of(1, 1), [2]), graph.floats(new Float32Array(2), [2])]
    const mean = graph.floats(new Float32Array(2), [2])
    const variance = graph.floats(Float32Array.of(2, 2), [2])
    const normal = op('BatchNormalization', [conv, one, zero, mean, variance])
    const pooled = op('MaxPool', [op('Relu', [normal])], { kernel_shape: { integers: [2, 2] }, strides: { integers: [2, 2] } })
    const flat = op('Reshape', [pooled, graph.integers([0, -1])])
    const dropped = op('Dropout', [flat, graph.scalar(0.2)])
    const clipped = op('Clip', [dropped, graph.scalar(-5), graph.scalar(5)])
    const dense = graph.floats(Float32Array.from({ length: 24 }, (_, i) => Math.cos(i)), [3, 8])
    return op('Gemm', [clipped, dense], { transB: { integer: 1 } })
  }, [1, 4, 4]) // prettier-ignore
  const network = networkOf(model, forward)
  expect(network.parameters.map(({ shape }) => shape)).toEqual([[2, 1, 3, 3], [2], [2], [3, 8]])
  const rows = 60
  const values = Float64Array.from(
    { length: rows * 16 },
    (_, i) => Math.sin((i % 16) * 0.7 + (Math.floor(i / 16) % 3) * 2) + Math.sin(i * i) / 4,
  )
  const labels = Int32Array.from({ length: rows }, (_, row) => row % 3)
  const source = tableSource({ features: 16, rows, values, labels })
  const long: TrainingSettings = {
    ...settings,
    epochs: 60,
    learningRate: 0.01,
    optimizer: 'adam',
    batchSize: 10,
  }
  const trained = await train({ ...plan, settings: long }, source, runtime, { forward })
  expect(trained.accuracy).toBeGreaterThan(0.9)
})

test('float targets train with mean squared error', async () => {
  const forward = graphOf(
    (op, x, graph) => op('MatMul', [x, graph.floats(new Float32Array(8), [4, 2])]),
    [4],
    2,
  )
  const wanted = [1, -2, 0.5, 3, -1, 0.25, 2, -0.5]
  const x = Float32Array.from({ length: 160 }, (_, i) => Math.sin(i * 1.9 + (i * i) / 31))
  const y = Float32Array.from({ length: 80 }, (_, i) =>
    [0, 1, 2, 3].reduce(
      (sum, k) => sum + x[Math.floor(i / 2) * 4 + k]! * wanted[k * 2 + (i % 2)]!,
      0,
    ),
  )
  const file = encodeSafetensors([{ name: 'x', shape: [40, 4], values: x }, { name: 'y', shape: [40, 2], values: y }]) // prettier-ignore
  const source = await safetensorsSource(memoryRanges(file))
  const regression: TrainingPlan = {
    name: undefined,
    model: { kind: 'onnx', trainable: undefined, classes: undefined, loss: 'mean-squared-error' },
    settings: { ...settings, epochs: 300, batchSize: 10, learningRate: 0.2 },
  }
  const trained = await train(regression, source, runtime, { forward })
  expect(trained.accuracy).toBeUndefined()
  expect(trained.loss).toBeLessThan(1e-6)
  for (const [place, value] of trained.parameters[0]!.values.entries())
    expect(value).toBeCloseTo(wanted[place]!, 2)
})

const constantOf = (graph: OnnxGraph, ...shape: number[]) =>
  graph.floats(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5), shape)

const refused: readonly [string, Parameters<typeof graphOf>[0], string][] = [
  ['an operator that is not on the list', (op, x) => op('Celu', [x]), 'not on the list'],
  ['a loop', (op, x) => op('Loop', [x]), 'not on the list'],
  ['our own names for what is no operator', (op, x) => op('Gelu', [x]), 'not on the list'],
  ['an unknown attribute', (op, x) => op('Relu', [x], { alpha: { real: 1 } }), 'attribute'],
  ['batch normalisation in training mode', (op, x, g) => op('BatchNormalization', [x, ...[1, 2, 3, 4].map(() => constantOf(g, 4))], { training_mode: { integer: 1 } }), 'training_mode'],
  ['a shape that is worked out', (op, x, g) => op('Reshape', [x, op('Mul', [x, constantOf(g, 4)])]), 'has to be a constant'],
  ['shapes that do not fit', (op, x, g) => op('MatMul', [x, constantOf(g, 5, 3)]), 'do not fit'],
  ['another width than classes', (op, x, g) => op('MatMul', [x, constantOf(g, 4, 2)]), 'expected 3 classes'],
  ['an expansion past all bounds', (op, x, g) => op('Expand', [x, g.integers([100_000_000, 1, 4])]), 'numbers'],
  ['nothing that learns', (op, x) => op('Slice', [x]), 'expected a list'],
  ['rows that are mixed up', (op, x, g) => op('Transpose', [op('MatMul', [x, constantOf(g, 4, 3)])]), 'one entry per row'],
  ['weights of whole numbers', (op, x, g) => op('MatMul', [x, g.integers(Array.from({ length: 12 }, () => 1), [4, 3])]), 'is int64'],
] // prettier-ignore

test.for(refused)('%s is refused by name', ([, write, says]) => {
  const build = () => networkOf(model, graphOf(write))
  expect(build).toThrow(MalformedError)
  expect(build).toThrow(says)
})

test('a constant to train that is not there is refused, as are bytes that are no model', () => {
  expect(() => networkOf({ ...model, trainable: ['nothing'] }, linear)).toThrow(
    'model.trainable[0]',
  )
  expect(() => networkOf(model, linear.slice(0, 40))).toThrow(MalformedError)
  expect(() => networkOf(model, new Uint8Array())).toThrow(MalformedError)
})
