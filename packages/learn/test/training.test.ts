import { expect, test } from 'vitest'
import {
  accuracy,
  encodeInference,
  fitNormalisation,
  inferenceGraph,
  initialParameters,
  noNormalisation,
  parseInference,
  pool,
  predict,
  tableSource,
  train,
  type ModelDefinition,
  type Table,
  type TrainingPlan,
} from '@cloister/learn'
import { runtime } from './onnx-runtime.ts'
import { plainForward, plainStep, type PlainLayer } from './plain-network.ts'

const model: ModelDefinition = {
  kind: 'mlp',
  features: 2,
  classes: ['inside', 'outside'],
  hidden: [16],
  activation: 'tanh',
}
const plan: TrainingPlan = {
  name: undefined,
  model,
  settings: {
    epochs: 80,
    batchSize: 32,
    learningRate: 0.05,
    optimizer: 'adam',
    l2: 0,
    seed: 3,
    standardize: true,
  },
}

/** A ring around a disc on a shifted and stretched grid: no straight line tells them apart. */
function rings(): Table {
  const points = Array.from({ length: 400 }, (_, i) => [
    (i % 20) / 10 - 0.95,
    Math.floor(i / 20) / 10 - 0.95,
  ])
  return {
    features: 2,
    rows: 400,
    values: Float64Array.from(points.flatMap(([a = 0, b = 0]) => [a * 500 + 3000, b * 0.01])),
    labels: Int32Array.from(points, ([a = 0, b = 0]) => (a * a + b * b > 0.5 ? 1 : 0)),
  }
}

test('training learns what no straight line can tell apart', async () => {
  const table = rings()
  const done: number[] = []
  const trained = await train(plan, tableSource(table), runtime, {
    onProgress: (step, total) => {
      expect(total).toBe(80 * 13)
      done.push(step)
    },
  })
  expect(done.at(-1)).toBe(80 * 13)
  expect(done).toEqual(done.toSorted((a, b) => a - b))
  expect(trained.accuracy).toBeGreaterThan(0.97)
  const line = await train(
    { ...plan, model: { kind: 'logistic', features: 2, classes: model.classes } },
    tableSource(table),
    runtime,
  )
  expect(line.accuracy).toBeLessThan(0.75)
})

test('trained to the end, logistic regression is at the optimum that plain descent finds', async () => {
  const points = Array.from({ length: 40 }, (_, i) => [Math.sin(i * 1.3) * 2, Math.cos(i * 0.7)])
  const labels = points.map(([a = 0, b = 0], i) => (a + 0.5 * b + Math.sin(i * 5) > 0 ? 1 : 0))
  const table = {
    features: 2,
    rows: 40,
    values: Float64Array.from(points.flat()),
    labels: Int32Array.from(labels),
  }
  const settings = { ...plan.settings, epochs: 1500, batchSize: 64, l2: 0.1, standardize: false }
  const { kind, features, classes } = { ...model, kind: 'logistic' as const }
  const trained = await train(
    { name: undefined, model: { kind, features, classes }, settings },
    tableSource(table),
    runtime,
  )

  const layer: PlainLayer = { weights: [[0, 0], [0, 0]], bias: [0, 0] } // prettier-ignore
  const batch = { x: points, y: labels, activation: 'tanh', l2: 0.1 } as const
  for (let step = 0; step < 3000; step++) {
    const [gradient] = plainStep([layer], batch).gradients
    for (const [i, row] of layer.weights.entries())
      for (const j of row.keys()) row[j]! -= 0.3 * gradient!.weights[i]![j]!
    for (const j of layer.bias.keys()) layer.bias[j]! -= 0.3 * gradient!.bias[j]!
  }
  expect(trained.loss).toBeCloseTo(plainStep([layer], batch).loss, 4)
  const { probabilities } = await predict(trained.model, table, 2, runtime)
  for (const [row, point] of points.entries()) {
    const expected = plainForward([layer], point, 'tanh').probabilities[1]!
    expect(Math.abs(probabilities[row * 2 + 1]! - expected)).toBeLessThan(2e-3)
  }
})

test('equal plans and tables give equal bytes, another seed gives others', async () => {
  const short = { ...plan, settings: { ...plan.settings, epochs: 3 } }
  const run = (seed: number) =>
    train({ ...short, settings: { ...short.settings, seed } }, tableSource(rings()), runtime)
  const [a, b, c] = [await run(3), await run(3), await run(4)]
  expect(Buffer.from(a.model).equals(b.model)).toBe(true)
  expect(Buffer.from(a.model).equals(c.model)).toBe(false)
})

test('a table that does not fit the model, or a loss that explodes, is refused by name', async () => {
  const wide = { ...plan, model: { ...model, features: 3 } }
  await expect(train(wide, tableSource(rings()), runtime)).rejects.toThrow('features')
  const wild = {
    ...plan,
    settings: { ...plan.settings, optimizer: 'sgd' as const, learningRate: 10, l2: 10 },
  }
  await expect(train(wild, tableSource(rings()), runtime)).rejects.toThrow('learningRate')
})

test('the inference graph is the network over (x - mean) * scale', async () => {
  const table = rings()
  const parameters = initialParameters(model, 11)
  const normalisation = await fitNormalisation(tableSource(table))
  const bytes = inferenceGraph(model, parameters, normalisation)
  const { probabilities } = await predict(bytes, table, 2, runtime)
  const layers = [0, 2].map((index) => {
    const { shape, values } = parameters[index]!
    const [rows = 0, columns = 0] = shape
    const weights = Array.from({ length: rows }, (_, i) =>
      Array.from(values.subarray(i * columns, (i + 1) * columns)),
    )
    return { weights, bias: [...parameters[index + 1]!.values] }
  })
  const column = (index: number) => [...table.values].filter((_, place) => place % 2 === index)
  const scaled = [column(0), column(1)].map((values) => {
    const mean = values.reduce((sum, v) => sum + v) / values.length
    const deviation = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length)
    return values.map((v) => (v - mean) / deviation)
  })
  for (let row = 0; row < table.rows; row++) {
    const expected = plainForward(
      layers,
      [scaled[0]![row]!, scaled[1]![row]!],
      'tanh',
    ).probabilities
    expect(probabilities[row * 2]).toBeCloseTo(expected[0]!, 5)
    expect(probabilities[row * 2 + 1]).toBeCloseTo(expected[1]!, 5)
  }
})

test('more rows than fit into one run come out in their order, and of equal classes the first wins', async () => {
  const rows = 2500
  const line: ModelDefinition = { kind: 'logistic', features: 1, classes: ['low', 'high'] }
  const weights = { name: 'weights0', shape: [1, 2], values: Float32Array.of(-1, 1) }
  const bias = { name: 'bias0', shape: [2], values: new Float32Array(2) }
  const bytes = inferenceGraph(line, [weights, bias], noNormalisation(1))
  const values = Float64Array.from({ length: rows }, (_, row) => (row - 1250) / 500)
  const table = { features: 1, rows, values, labels: undefined }
  const { probabilities, labels } = await predict(bytes, table, 2, runtime)
  for (const [row, x] of values.entries()) {
    expect(probabilities[row * 2 + 1]).toBeCloseTo(1 / (1 + Math.exp(-2 * x)), 5)
    expect(labels[row]).toBe(x > 0 ? 1 : 0)
  }
})

test('a feature that never changes keeps its scale', async () => {
  const labels = Int32Array.of(0, 1)
  const table = { features: 2, rows: 2, values: Float64Array.of(5, 1, 5, 3), labels }
  expect(await fitNormalisation(tableSource(table))).toEqual({
    mean: Float64Array.of(5, 2),
    scale: Float64Array.of(1, 1),
  })
  expect(noNormalisation(1)).toEqual({ mean: Float64Array.of(0), scale: Float64Array.of(1) })
})

test('pooling keeps rows in the order of the tables', () => {
  const one = { features: 1, rows: 2, values: Float64Array.of(1, 2), labels: Int32Array.of(0, 1) }
  const two = { features: 1, rows: 1, values: Float64Array.of(3), labels: Int32Array.of(1) }
  expect(pool([two, one])).toEqual({
    features: 1,
    rows: 3,
    values: Float64Array.of(3, 1, 2),
    labels: Int32Array.of(1, 0, 1),
  })
})

test('an inference is read back as it was written', () => {
  const probabilities = Float32Array.of(0.25, 0.75, 0.5, 0.5)
  const text = encodeInference(model.classes, {
    classes: 2,
    probabilities,
    labels: Int32Array.of(1, 0),
  })
  expect(parseInference(text)).toEqual({
    classes: ['inside', 'outside'],
    records: [
      { label: 'outside', probabilities: [0.25, 0.75] },
      { label: 'inside', probabilities: [0.5, 0.5] },
    ],
  })
  expect(() => parseInference(text.replace('"outside","p', '"elsewhere","p'))).toThrow('label')
  expect(accuracy(Int32Array.of(1, 0, 1, 1), Int32Array.of(1, 1, 1, 1))).toBe(0.75)
})
