import { expect, test } from 'vitest'
import {
  gaussianNoise,
  initialParameters,
  networkOf,
  poissonDraw,
  tableSource,
  train,
  trainingGraph,
  type Entropy,
  type ModelDefinition,
  type Parameter,
  type TensorData,
  type TrainingPlan,
  type TrainingSettings,
} from '@cloister/learn'
import { privateGrid } from '../src/private-noise.ts'
import { randomNumbers } from '../src/random.ts'
import { floats, integers, numbers, runtime } from './onnx-runtime.ts'

/** Repeatable stand-in for a secure source. */
function entropy(seed: number): Entropy {
  const random = randomNumbers(seed, 77)
  return (bytes) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(random() * 256)
  }
}

const settings: TrainingSettings = {
  epochs: 1, batchSize: 4, learningRate: 1, optimizer: 'sgd', l2: 0, seed: 3, standardize: false,
} // prettier-ignore
const shared = { classes: ['a', 'b', 'c'] }
const models: readonly { name: string; model: ModelDefinition; features: number }[] = [
  { name: 'logistic', model: { ...shared, kind: 'logistic', features: 5 }, features: 5 },
  { name: 'mlp', model: { ...shared, kind: 'mlp', features: 5, hidden: [6, 4], activation: 'tanh' }, features: 5 },
  {
    name: 'cnn',
    features: 50,
    model: {
      ...shared, kind: 'cnn', height: 5, width: 5, channels: 2, activation: 'relu',
      blocks: [
        { kind: 'conv', filters: 3, kernel: 3, stride: 2, padding: 'same', batchNorm: false },
        { kind: 'conv', filters: 2, kernel: 2, stride: 2, padding: 'valid', batchNorm: false },
        { kind: 'dense', units: 4 },
      ],
    },
  },
] // prettier-ignore

const example = (features: number, n: number, size = 1) =>
  Array.from({ length: features }, (_, i) => size * Math.sin(n * 2.1 + i * 0.7 + (i * i) / 9))

/** Sum of clipped gradients that a private step makes of `rows`, without noise: change of the parameters at rate 1. */
async function clippedSum(
  { model, features }: (typeof models)[number],
  given: { rows: readonly (readonly number[])[]; labels: readonly number[]; clipNorm: number },
): Promise<Float64Array> {
  const network = networkOf(model)
  const { rows, labels, clipNorm } = given
  const batch = 4
  const privacy = { clipNorm, grid: 2 ** -40, expectedRows: 1 }
  const { bytes } = trainingGraph({ network, settings, batch, accumulate: 1, privacy })
  const batches = Math.ceil(rows.length / batch)
  const most = Math.max(1, batches)
  const start = initialParameters(model, 8)
  const order = Array.from({ length: most * batch }, (_, i) => (i < rows.length ? i : 0))
  const inputs: Record<string, TensorData> = {
    x: floats(
      [Math.max(1, rows.length), features],
      rows.length ? rows.flat() : example(features, 0),
    ),
    y: integers(labels.length ? [...labels] : [0]),
    steps: { type: 'int64', shape: [], values: BigInt64Array.of(1n) },
    order: { ...integers(order), shape: [1, most, batch] },
    weights: floats(
      [1, most, batch],
      order.map((_, i) => (i < rows.length ? 1 : 0)),
    ),
    batches: integers([batches]),
    rate: floats([1], [1]),
    epsilon: floats([1], [0]),
    kept: floats([1], [1]),
  }
  for (const { name, shape, values } of start) {
    inputs[`in.${name}`] = { type: 'float32', shape, values }
    inputs[`noise.${name}`] = {
      type: 'int64',
      shape: [1, ...shape],
      values: new BigInt64Array(values.length),
    }
  }
  const session = await runtime.load(bytes)
  const outputs = await session.run(inputs)
  return Float64Array.from(
    start.flatMap(({ name, values }) =>
      numbers(outputs, `next.${name}`).map((next, i) => values[i]! - next),
    ),
  )
}

const lengthOf = (values: Float64Array) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0))
const minus = (a: Float64Array, b: Float64Array) => a.map((value, i) => value - b[i]!)

test.for(models)('one row more moves the sum of $name by no more than the norm', async (given) => {
  const rows = [0, 1, 2, 3, 4, 5].map((n) => example(given.features, n, n === 5 ? 50 : 1))
  const labels = [0, 1, 2, 0, 1, 2]
  for (const clipNorm of [0.01, 0.5]) {
    const all = await clippedSum(given, { rows, labels, clipNorm })
    for (const left of rows.keys()) {
      const fewer = await clippedSum(given, {
        rows: rows.filter((_, n) => n !== left),
        labels: labels.filter((_, n) => n !== left),
        clipNorm,
      })
      expect(lengthOf(minus(all, fewer))).toBeLessThan(clipNorm * 1.0001)
    }
    // The huge row reaches the bound: clipping is what stopped it.
    const without = await clippedSum(given, {
      rows: rows.slice(0, 5),
      labels: labels.slice(0, 5),
      clipNorm,
    })
    expect(lengthOf(minus(all, without))).toBeGreaterThan(clipNorm * 0.999)
  }
})

test.for(models)(
  'with a norm that nothing reaches, the sum of $name is the plain gradient',
  async (given) => {
    const rows = [0, 1, 2, 3, 4, 5].map((n) => example(given.features, n))
    const labels = [0, 1, 2, 0, 1, 2]
    const sum = await clippedSum(given, { rows, labels, clipNorm: 1e6 })
    const start = initialParameters(given.model, 8)
    const plan: TrainingPlan = {
      name: undefined,
      model: given.model,
      settings: { ...settings, batchSize: 6 },
    }
    const table = { features: given.features, rows: 6, values: Float64Array.from(rows.flat()), labels: Int32Array.from(labels) } // prettier-ignore
    const plain = await train(plan, tableSource(table), runtime, { start })
    const flat = (all: readonly Parameter[]) => all.flatMap(({ values }) => [...values])
    const after = flat(plain.parameters)
    for (const [index, before] of flat(start).entries())
      expect(Math.abs((before - after[index]!) * 6 - sum[index]!)).toBeLessThan(2e-5)
  },
)

test.for(models)(
  'nobody drawn makes a sum of nothing, a row that overflows counts nothing ($name)',
  async (given) => {
    const none = await clippedSum(given, { rows: [], labels: [], clipNorm: 1 })
    expect(lengthOf(none)).toBe(0)
    const rows = [0, 1, 2].map((n) => example(given.features, n))
    const sound = await clippedSum(given, { rows, labels: [0, 1, 2], clipNorm: 1 })
    const wild = example(given.features, 9, 3e38)
    const both = await clippedSum(given, {
      rows: [...rows, wild],
      labels: [0, 1, 2, 0],
      clipNorm: 1,
    })
    expect([...both].every(Number.isFinite)).toBe(true)
    expect(lengthOf(minus(both, sound))).toBeLessThan(1.0001)
  },
)

test('noise has the stated mean, variance and tails, and no two numbers of a pair go together', () => {
  const deviation = 2 ** 27
  const count = 200_000
  const noise = Array.from(
    gaussianNoise(count, deviation, entropy(1)),
    (value) => Number(value) / deviation,
  )
  const mean = noise.reduce((sum, v) => sum + v, 0) / count
  const variance = noise.reduce((sum, v) => sum + v * v, 0) / count
  const fourth = noise.reduce((sum, v) => sum + v ** 4, 0) / count
  const pairs =
    noise.reduce((sum, v, i) => (i % 2 ? sum + v * noise[i - 1]! : sum), 0) / (count / 2)
  expect(Math.abs(mean)).toBeLessThan(4 / Math.sqrt(count))
  expect(Math.abs(variance - 1)).toBeLessThan(4 * Math.sqrt(2 / count))
  expect(Math.abs(fourth - 3)).toBeLessThan(0.15)
  expect(Math.abs(pairs)).toBeLessThan(4 / Math.sqrt(count / 2))
  const beyond = (limit: number) => noise.filter((v) => Math.abs(v) > limit).length / count
  expect(Math.abs(beyond(1) - 0.3173)).toBeLessThan(0.006)
  expect(Math.abs(beyond(3) - 0.0027)).toBeLessThan(0.0006)
})

test('noise past 32 bits keeps its sign and size', () => {
  const noise = Array.from(gaussianNoise(1000, 2 ** 40, entropy(2)), (value) => Number(value))
  expect(noise.some((value) => value < -(2 ** 33))).toBe(true)
  expect(noise.some((value) => value > 2 ** 33)).toBe(true)
  expect(noise.every((value) => Math.abs(value) < 2 ** 44)).toBe(true)
})

test('draws take each row by its chance, and rows do not go together', () => {
  const draws = Array.from({ length: 400 }, (_, n) => new Set(poissonDraw(500, 0.1, entropy(n))))
  const sizes = draws.map(({ size }) => size)
  const mean = sizes.reduce((sum, size) => sum + size, 0) / draws.length
  const variance = sizes.reduce((sum, size) => sum + (size - mean) ** 2, 0) / draws.length
  expect(Math.abs(mean - 50)).toBeLessThan(1.5)
  expect(Math.abs(variance - 45)).toBeLessThan(12)
  const taken = draws.filter((draw) => draw.has(7)).length
  expect(Math.abs(taken - 40)).toBeLessThan(25)
  expect(poissonDraw(10, 1, entropy(1))).toHaveLength(10)
})

const table = {
  features: 2,
  rows: 400,
  values: Float64Array.from({ length: 800 }, (_, i) => Math.sin(i * 1.7) + (i % 4 < 2 ? 1 : -1)),
  labels: Int32Array.from({ length: 400 }, (_, row) => row % 2),
}
const plan: TrainingPlan = {
  name: undefined,
  model: { kind: 'logistic', features: 2, classes: ['no', 'yes'] },
  settings: { ...settings, epochs: 20, batchSize: 50, learningRate: 0.5 },
  privacy: { clipNorm: 1, deltaPicos: 10_000_000, epsilonMicros: 3_000_000 },
}

test('the noise of a step is what the plan says, over and above the clipped sum', async () => {
  // One step on rows whose gradients vanish next to the noise: what is left is noise alone.
  const quiet: TrainingPlan = {
    ...plan,
    settings: { ...plan.settings, epochs: 1, batchSize: 400, learningRate: 1 },
    model: { kind: 'mlp', features: 2, classes: ['no', 'yes'], hidden: [4096], activation: 'tanh' },
    privacy: { clipNorm: 0.001, deltaPicos: 1, noiseMultiplier: 20 },
  }
  const start = initialParameters(quiet.model, 3)
  const trained = await train(quiet, tableSource(table), runtime, { entropy: entropy(5), start })
  const moved = trained.parameters.flatMap(({ values }, index) =>
    Array.from(values, (value, place) => (value - start[index]!.values[place]!) * 400),
  )
  const deviation = Math.sqrt(moved.reduce((sum, v) => sum + v * v, 0) / moved.length)
  expect(Math.abs(deviation / 0.02 - 1)).toBeLessThan(0.03)
})

test('private training learns, says what it spent, and tells nothing else of its rows', async () => {
  const trained = await train(plan, tableSource(table), runtime, { entropy: entropy(9) })
  expect(trained.privacy).toMatchObject({ deltaPicos: 10_000_000, steps: 160 })
  expect(trained.privacy!.epsilonMicros).toBeLessThanOrEqual(3_000_000)
  expect([trained.loss, trained.accuracy]).toEqual([undefined, undefined])
  const { privacy: _, ...open } = plan
  const start = trained.parameters
  const { accuracy } = await train({ ...open, settings: { ...open.settings, learningRate: 1e-9 } }, tableSource(table), runtime, { start, stepsMax: 1 }) // prettier-ignore
  expect(accuracy).toBeGreaterThan(0.8)
  const other = await train(plan, tableSource(table), runtime, { entropy: entropy(10) })
  expect(Buffer.from(other.model).equals(trained.model)).toBe(false)
})

test('what cannot be private is refused by name, and so is training without entropy', async () => {
  const source = tableSource(table)
  await expect(train(plan, source, runtime)).rejects.toThrow('entropy')
  const images: TrainingPlan = {
    ...plan,
    model: {
      kind: 'cnn', height: 1, width: 2, channels: 1, classes: ['no', 'yes'], activation: 'relu',
      blocks: [{ kind: 'conv', filters: 1, kernel: 1, stride: 1, padding: 'same', batchNorm: true }],
    },
  } // prettier-ignore
  await expect(train(images, source, runtime, { entropy: entropy(1) })).rejects.toThrow('batchNorm')
  const gpt: TrainingPlan = {
    ...plan,
    model: { kind: 'gpt', vocabulary: 2, layers: 1, heads: 1, width: 2, context: 2, tied: true, dropout: 0 },
  } // prettier-ignore
  const tokens = { ...source, targets: 2 }
  await expect(train(gpt, tokens, runtime, { entropy: entropy(1) })).rejects.toThrow('kind gpt')
})

test('the grid leaves room for rounding whatever the noise', () => {
  for (const noise of [0.1, 0.9, 1, 3.3, 1000])
    for (const norm of [1e-3, 0.7, 1, 1000]) {
      const { grid, clipNorm, deviation } = privateGrid(norm, noise)
      expect(Math.log2(grid)).toBe(Math.round(Math.log2(grid)))
      expect(deviation * grid).toBeCloseTo(norm * noise, 9)
      expect(deviation).toBeGreaterThanOrEqual(2 ** 26)
      expect(deviation * 9).toBeLessThan(2 ** 52)
      // Rounding of 2^26 numbers, each by half a step, for two sums.
      expect(clipNorm + grid * 2 ** 13).toBeLessThan(norm)
    }
})
