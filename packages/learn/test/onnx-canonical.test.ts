import {
  canonicalOnnx,
  inferenceGraph,
  initialParameters,
  noNormalisation,
  predict,
  scanModel,
  tableSource,
  train,
  type Runtime,
  type Table,
  type TrainingPlan,
} from '@cloister/learn'
import { expect, test } from 'vitest'

import { runtime } from './onnx-runtime.ts'

const plan: TrainingPlan = {
  name: undefined,
  model: { kind: 'mlp', features: 2, classes: ['a', 'b'], hidden: [3], activation: 'tanh' },
  settings: { epochs: 3, batchSize: 4, learningRate: 0.05, optimizer: 'adam', l2: 0, seed: 3, standardize: true },
} // prettier-ignore
const table: Table = {
  features: 2,
  rows: 10,
  values: Float64Array.from({ length: 20 }, (_, at) => Math.sin(at)),
  labels: Int32Array.from({ length: 10 }, (_, at) => at % 2),
}

test('graphs within graphs compute the same: training gives the same model to the byte', async () => {
  let seen = 0
  const canonical: Runtime = {
    load: (model) => {
      const written = canonicalOnnx(model)
      expect(canonicalOnnx(written)).toEqual(written)
      seen += 1
      return runtime.load(written)
    },
  }
  const plain = await train(plan, tableSource(table), runtime)
  const again = await train(plan, tableSource(table), canonical)
  expect(seen).toBeGreaterThan(0)
  expect(again.model).toEqual(plain.model)
})

test('a convolutional network says the same, and keeps its classes', async () => {
  const model = {
    kind: 'cnn', height: 4, width: 4, channels: 1, activation: 'relu', classes: ['é', 'b'],
    blocks: [
      { kind: 'conv', filters: 3, kernel: 3, stride: 1, padding: 'same', batchNorm: true },
      { kind: 'max-pool', size: 2 },
      { kind: 'dense', units: 4 },
    ],
  } as const // prettier-ignore
  const given = inferenceGraph(model, initialParameters(model, 5), noNormalisation(16))
  const written = canonicalOnnx(given)
  expect(scanModel(written)).toMatchObject({ features: 16, classes: ['é', 'b'] })
  const rows: Table = { ...table, features: 16, rows: 1, values: table.values.slice(0, 16), labels: new Int32Array(1) } // prettier-ignore
  expect(await predict(written, rows, 2, runtime)).toEqual(await predict(given, rows, 2, runtime))
})
