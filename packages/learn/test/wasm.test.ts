import { expect, test } from 'vitest'
import {
  memoryRanges,
  predict,
  tableSource,
  textSource,
  train,
  type BatchSource,
  type ModelDefinition,
  type Runtime,
  type TrainingPlan,
  type TrainingSettings,
} from '@cloister/learn'
import { runtime } from './onnx-runtime.ts'
import { webRuntime } from './onnx-runtime-web.ts'

const settings: TrainingSettings = {
  epochs: 20, batchSize: 16, learningRate: 0.01, optimizer: 'adam', l2: 0.001, seed: 4, standardize: false,
} // prettier-ignore
const table = {
  features: 64,
  rows: 16,
  values: Float64Array.from({ length: 16 * 64 }, (_, i) => Math.sin(i * 0.9 + (i * i) / 70)),
  labels: Int32Array.from({ length: 16 }, (_, row) => row % 3),
}
const classes = ['a', 'b', 'c']
const cases: readonly { name: string; model: ModelDefinition; source: BatchSource; private?: true }[] = [
  { name: 'mlp', model: { kind: 'mlp', features: 64, classes, hidden: [20], activation: 'relu' }, source: tableSource(table) },
  {
    name: 'cnn',
    source: tableSource(table),
    model: {
      kind: 'cnn', height: 8, width: 8, channels: 1, classes, activation: 'relu',
      blocks: [
        { kind: 'conv', filters: 4, kernel: 3, stride: 1, padding: 'same', batchNorm: true },
        { kind: 'max-pool', size: 2 },
        { kind: 'conv', filters: 4, kernel: 3, stride: 2, padding: 'same', batchNorm: false },
        { kind: 'dropout', rate: 0.2 },
      ],
    },
  },
  {
    name: 'gpt',
    source: textSource(memoryRanges(new TextEncoder().encode('seal once, grant precisely. '.repeat(9))), 12),
    model: { kind: 'gpt', vocabulary: 256, layers: 2, heads: 2, width: 16, context: 12, tied: true, dropout: 0 },
  },
] // prettier-ignore

/** Mean loss of some of 20 epochs, each of them one step, or two. */
async function losses(plan: TrainingPlan, source: BatchSource, on: Runtime): Promise<number[]> {
  const result: number[] = []
  const perEpoch = Math.ceil(source.rows / Math.min(source.rows, plan.settings.batchSize))
  for (const epoch of [1, 2, 10, 20])
    result.push((await train(plan, source, on, { stepsMax: epoch * perEpoch })).loss!)
  return result
}

test.for(cases)(
  'twenty steps of $name lose the same on WASM as natively, to 1e-4',
  async ({ model, source }) => {
    const plan: TrainingPlan = { name: undefined, model, settings }
    const [native, web] = [
      await losses(plan, source, runtime),
      await losses(plan, source, webRuntime),
    ]
    expect(native.at(-1)).toBeLessThan(native[0]!)
    for (const [step, loss] of web.entries())
      expect(Math.abs(loss - native[step]!)).toBeLessThan(1e-4)
    expect(await losses(plan, source, webRuntime)).toEqual(web)
  },
)

test('a private step and a model it gives run on WASM too', async () => {
  const plan: TrainingPlan = {
    name: undefined,
    model: cases[0]!.model,
    settings: { ...settings, optimizer: 'sgd', epochs: 2, batchSize: 8 },
    privacy: { clipNorm: 1, deltaPicos: 1_000_000, noiseMultiplier: 1 },
  }
  const zero = (bytes: Uint8Array) => void bytes.fill(127)
  const run = (on: Runtime) => train(plan, cases[0]!.source, on, { entropy: zero })
  const [native, web] = [await run(runtime), await run(webRuntime)]
  const [a, b] = [
    await predict(native.model, table, 3, runtime),
    await predict(web.model, table, 3, webRuntime),
  ]
  for (const [place, value] of a.probabilities.entries())
    expect(Math.abs(value - b.probabilities[place]!)).toBeLessThan(1e-4)
})
