import { expect, test } from 'vitest'
import {
  initialParameters,
  tableSource,
  train,
  type BatchSource,
  type ModelDefinition,
  type Parameter,
  type TrainingPlan,
  type TrainingSettings,
} from '@cloister/learn'
import { runtime } from './onnx-runtime.ts'
import { differentiate, type Scalar } from './plain-autodiff.ts'
import {
  plainCnn,
  plainGpt,
  plainLoss,
  plainParameters,
  type PlainParameters,
} from './plain-models.ts'

const cnn: ModelDefinition = {
  kind: 'cnn',
  height: 6,
  width: 6,
  channels: 2,
  classes: ['a', 'b', 'c'],
  activation: 'relu',
  blocks: [
    { kind: 'conv', filters: 2, kernel: 3, stride: 1, padding: 'same', batchNorm: false },
    { kind: 'max-pool', size: 2 },
    { kind: 'conv', filters: 3, kernel: 2, stride: 2, padding: 'valid', batchNorm: false },
    { kind: 'dense', units: 4 },
  ],
}
const shape = { vocabulary: 7, layers: 2, heads: 2, width: 8, context: 5 }
const gpt = (tied: boolean): ModelDefinition => ({ kind: 'gpt', ...shape, tied, dropout: 0 })

const base: TrainingSettings = {
  epochs: 1, batchSize: 4, learningRate: 0.1, optimizer: 'sgd', l2: 0, seed: 5, standardize: false,
} // prettier-ignore

const images = Array.from({ length: 4 }, (_, n) =>
  Array.from({ length: 72 }, (_unused, i) => Math.sin(n * 3.1 + i * 0.37 + (i * i) / 50)),
)
const labels = [0, 2, 1, 2]
const imageSource = tableSource({
  features: 72,
  rows: 4,
  values: Float64Array.from(images.flat()),
  labels: Int32Array.from(labels),
})

const tokens = Array.from({ length: 21 }, (_, i) => (i * i + 3 * i) % 7)
const windows = [0, 1, 2, 3].map((n) => tokens.slice(5 * n, 5 * n + 6))
const tokenSource: BatchSource = {
  rows: 4,
  width: 5,
  targets: 5,
  read: (start, count) => {
    const rows = windows.slice(start, start + count)
    const x = Int32Array.from(rows.flatMap((row) => row.slice(0, 5)))
    return Promise.resolve({ x, y: Int32Array.from(rows.flatMap((row) => row.slice(1))) })
  },
}

type Case = {
  readonly name: string
  readonly model: ModelDefinition
  readonly source: BatchSource
  readonly loss: (p: PlainParameters) => Scalar
}

const gptLoss = (tied: boolean) => (p: PlainParameters) => {
  const rows = windows.map((row) => plainGpt(p, row.slice(0, 5), { ...shape, tied }))
  return plainLoss(
    rows.flat(),
    windows.flatMap((row) => row.slice(1)),
  )
}

const cases: readonly Case[] = [
  {
    name: 'cnn',
    model: cnn,
    source: imageSource,
    loss: (p) =>
      plainLoss(
        images.map((image) => plainCnn(p, image, { channels: 2, side: 6 })),
        labels,
      ),
  },
  { name: 'gpt', model: gpt(false), source: tokenSource, loss: gptLoss(false) },
  { name: 'gpt, tied', model: gpt(true), source: tokenSource, loss: gptLoss(true) },
]

/** Away from the tiny numbers that a seed draws, so that gradients are worth comparing. */
function started(model: ModelDefinition): readonly Parameter[] {
  return initialParameters(model, 9).map((parameter, salt) => ({
    ...parameter,
    values: parameter.values.map(
      (value, i) => value * (model.kind === 'gpt' ? 5 : 1) + Math.sin(i * 1.3 + salt) * 0.15,
    ),
  }))
}

test.for(cases)(
  'loss and every gradient of $name are those of plain loops',
  async ({ model, source, loss }) => {
    const start = started(model)
    const plain = plainParameters(start)
    const expected = loss(plain)
    differentiate(expected)
    // One step of plain descent over all rows at rate 1 shows the gradient.
    const plan: TrainingPlan = { name: undefined, model, settings: { ...base, learningRate: 1 } }
    const trained = await train(plan, source, runtime, { start })
    expect(trained.steps).toBe(1)
    expect(Math.abs(trained.loss! - expected.value)).toBeLessThan(1e-5)
    for (const [index, { name, values }] of trained.parameters.entries())
      for (const [place, value] of values.entries()) {
        const gradient = start[index]!.values[place]! - value
        const difference = Math.abs(gradient - plain[name]![place]!.gradient)
        expect(difference, `${name} ${place}`).toBeLessThan(2e-5)
      }
  },
)

type Update = (g: number, state: number[], step: number) => number

const rate = 0.05
const adam: Update = (g, s, step) => {
  s[0] = 0.9 * (s[0] ?? 0) + 0.1 * g
  s[1] = 0.999 * (s[1] ?? 0) + 0.001 * g * g
  return s[0] / (1 - 0.9 ** step) / (Math.sqrt(s[1] / (1 - 0.999 ** step)) + 1e-8)
}
const optimizers: readonly { name: string; settings: Partial<TrainingSettings>; update: Update; decay?: number; clip?: number }[] = [
  { name: 'sgd', settings: {}, update: (g) => g },
  { name: 'momentum', settings: { momentum: 0.9 }, update: (g, s) => (s[0] = 0.9 * (s[0] ?? 0) + g) },
  { name: 'nesterov', settings: { momentum: 0.9, nesterov: true }, update: (g, s) => g + 0.9 * (s[0] = 0.9 * (s[0] ?? 0) + g) },
  { name: 'adam', settings: { optimizer: 'adam' }, update: adam },
  { name: 'adamw', settings: { optimizer: 'adamw', weightDecay: 0.1 }, update: adam, decay: 0.1 },
  { name: 'clipping', settings: { clipNorm: 0.05 }, update: (g) => g, clip: 0.05 },
  { name: 'accumulation', settings: { batchSize: 1, accumulate: 4 }, update: (g) => g },
] // prettier-ignore

test.for(optimizers)(
  'ten steps of $name are those of its definition',
  async ({ settings, update, decay, clip }) => {
    const start = started(cnn)
    const plan: TrainingPlan = {
      name: undefined,
      model: cnn,
      settings: { ...base, learningRate: rate, epochs: 10, ...settings },
    }
    const trained = await train(plan, imageSource, runtime, { start })
    let current: readonly Parameter[] = start
    const states = start.map(({ values }) => Array.from(values, (): number[] => []))
    for (let step = 1; step <= 10; step++) {
      const plain = plainParameters(current)
      differentiate(cases[0]!.loss(plain))
      const squares = Object.values(plain)
        .flat()
        .reduce((sum, { gradient }) => sum + gradient ** 2, 0)
      const share = clip === undefined ? 1 : Math.min(1, clip / Math.sqrt(squares))
      current = current.map((parameter, index) => ({
        ...parameter,
        values: parameter.values.map((value, place) => {
          const gradient = plain[parameter.name]![place]!.gradient * share
          const kept = decay && parameter.shape.length > 1 ? value * (1 - rate * decay) : value
          return kept - rate * update(gradient, states[index]![place]!, step)
        }),
      }))
    }
    for (const [index, { name, values }] of trained.parameters.entries())
      for (const [place, value] of values.entries())
        expect(Math.abs(value - current[index]!.values[place]!), `${name} ${place}`).toBeLessThan(
          1e-3,
        )
  },
)

test('losses of twenty steps of a gpt are those of plain loops', async () => {
  const model = gpt(true)
  const start = initialParameters(model, 9)
  const plan: TrainingPlan = {
    name: undefined,
    model,
    settings: { ...base, epochs: 20, learningRate: 0.1 },
  }
  const losses: number[] = []
  let current = start
  for (let step = 0; step < 20; step++) {
    const plain = plainParameters(current)
    const loss = gptLoss(true)(plain)
    differentiate(loss)
    losses.push(loss.value)
    current = current.map((parameter) => ({
      ...parameter,
      values: parameter.values.map(
        (value, place) => value - 0.1 * plain[parameter.name]![place]!.gradient,
      ),
    }))
  }
  for (const [step, expected] of losses.entries()) {
    const { loss } = await train(plan, tokenSource, runtime, { start, stepsMax: step + 1 })
    expect(Math.abs(loss! - expected), `step ${step}`).toBeLessThan(1e-4)
  }
  expect(losses.at(-1)).toBeLessThan(losses[0]! * 0.99)
})
