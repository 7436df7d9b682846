import { OperationError } from '@cloister/codec'
import { expect, test } from 'vitest'
import {
  evaluate,
  flatten,
  generate,
  initialParameters,
  localUpdate,
  memoryRanges,
  networkOf,
  openTrainingData,
  parseSafetensors,
  poolSources,
  scanModel,
  tableSource,
  tensorValues,
  textSource,
  train,
  unflatten,
  type BatchSource,
  type ModelDefinition,
  type Table,
  type TrainingPlan,
  type TrainingSettings,
} from '@cloister/learn'
import { cutOf, epochRandom, windowsOf } from '../src/data-window.ts'
import { rateShare, type Schedule } from '../src/schedule.ts'
import { runtime } from './onnx-runtime.ts'

const settings: TrainingSettings = {
  epochs: 3, batchSize: 8, learningRate: 0.01, optimizer: 'adam', l2: 0.001, seed: 4, standardize: false,
} // prettier-ignore

const table: Table = {
  features: 32,
  rows: 60,
  values: Float64Array.from({ length: 60 * 32 }, (_, i) => Math.sin(i * 0.9 + (i * i) / 70)),
  labels: Int32Array.from({ length: 60 }, (_, row) => row % 3),
}
const cnn: ModelDefinition = {
  kind: 'cnn', height: 4, width: 4, channels: 2, classes: ['a', 'b', 'c'], activation: 'tanh',
  blocks: [
    { kind: 'conv', filters: 3, kernel: 3, stride: 1, padding: 'same', batchNorm: true },
    { kind: 'average-pool', size: 2 },
    { kind: 'dropout', rate: 0.3 },
    { kind: 'conv', filters: 4, kernel: 2, stride: 1, padding: 'valid', batchNorm: false },
    { kind: 'global-average-pool' },
  ],
} // prettier-ignore
const prose = new TextEncoder().encode('the owner seals it once and grants its use. '.repeat(12))
const gpt: ModelDefinition = {
  kind: 'gpt', vocabulary: 256, layers: 1, heads: 2, width: 16, context: 12, tied: true, dropout: 0.1,
} // prettier-ignore
const plans: readonly { name: string; plan: TrainingPlan; source: BatchSource }[] = [
  {
    name: 'mlp',
    plan: { name: undefined, model: { kind: 'mlp', features: 32, classes: ['a', 'b', 'c'], hidden: [7], activation: 'relu' }, settings: { ...settings, standardize: true } },
    source: tableSource(table),
  },
  { name: 'cnn', plan: { name: undefined, model: cnn, settings: { ...settings, optimizer: 'sgd', momentum: 0.9 } }, source: tableSource(table) },
  {
    name: 'gpt',
    plan: { name: undefined, model: gpt, settings: { ...settings, optimizer: 'adamw', weightDecay: 0.1, clipNorm: 1, accumulate: 2, schedule: { kind: 'cosine', warmupSteps: 2, floor: 0.1 } } },
    source: textSource(memoryRanges(prose), 12),
  },
] // prettier-ignore

test.for(plans)(
  '$name: equal plans give equal bytes, another seed gives others',
  async ({ plan, source }) => {
    const one = await train(plan, source, runtime)
    const two = await train(plan, source, runtime)
    expect(Buffer.from(one.model).equals(two.model)).toBe(true)
    expect(Buffer.from(one.weights).equals(two.weights)).toBe(true)
    expect([one.loss, one.accuracy]).toEqual([two.loss, two.accuracy])
    const other = await train({ ...plan, settings: { ...plan.settings, seed: 5 } }, source, runtime)
    expect(Buffer.from(one.weights).equals(other.weights)).toBe(false)
  },
)

test.for(plans)(
  '$name: training that goes on from any checkpoint ends in the same bytes',
  async ({ plan, source }) => {
    const kept: Uint8Array<ArrayBuffer>[] = []
    const whole = await train(plan, source, runtime)
    const stepwise = await train(plan, source, runtime, {
      checkpoint: { everySteps: 1, keep: async (bytes) => void kept.push(bytes) },
    })
    expect(Buffer.from(stepwise.weights).equals(whole.weights)).toBe(true)
    expect(kept.length).toBeGreaterThanOrEqual(2)
    for (const resume of kept) {
      const resumed = await train(plan, source, runtime, { resume })
      expect(Buffer.from(resumed.model).equals(whole.model)).toBe(true)
      expect(resumed.loss).toBe(whole.loss)
    }
    const [first] = kept
    const foreign = { ...plan, settings: { ...plan.settings, seed: 99 } }
    await expect(train(foreign, source, runtime, { resume: first! })).rejects.toThrow(
      'another plan',
    )
    const broken = first!.slice(0, -4)
    await expect(train(plan, source, runtime, { resume: broken })).rejects.toThrow('checkpoint')
  },
)

test('a checkpoint in the middle of an epoch goes on in the middle of it', async () => {
  const { plan, source } = plans[0]!
  const whole = await train(plan, source, runtime)
  const kept: Uint8Array<ArrayBuffer>[] = []
  // Eight steps an epoch: ten is in the middle of the second.
  const checkpoint = {
    everySteps: 1,
    keep: async (bytes: Uint8Array<ArrayBuffer>) => void kept.push(bytes),
  }
  const part = await train(plan, source, runtime, { stepsMax: 10, checkpoint })
  expect(part.steps).toBe(10)
  const resumed = await train(plan, source, runtime, { resume: kept.at(-1)! })
  expect(Buffer.from(resumed.weights).equals(whole.weights)).toBe(true)
  expect(resumed.loss).toBe(whole.loss)
})

test.for(plans)('$name learns its rows', async ({ plan, source }) => {
  const network = networkOf(plan.model)
  const parameters = initialParameters(plan.model, plan.settings.seed)
  const before = await evaluate(network, { parameters, normalisation: undefined, source, runtime })
  const long = { ...plan.settings, epochs: 40, learningRate: 0.02 }
  const trained = await train({ ...plan, settings: long }, source, runtime)
  expect(trained.loss).toBeLessThan(before.loss * 0.9)
})

test('accumulated batches are one step over all their rows', async () => {
  const { source } = plans[0]!
  const model: ModelDefinition = { kind: 'logistic', features: 32, classes: ['a', 'b', 'c'] }
  const base: TrainingSettings = { ...settings, optimizer: 'sgd', learningRate: 0.1, epochs: 2 }
  const [large, small] = [{ batchSize: 24 }, { batchSize: 6, accumulate: 4 }]
  const run = (given: object) =>
    train({ name: undefined, model, settings: { ...base, ...given } }, source, runtime)
  const [one, many] = [await run(large), await run(small)]
  expect(one.steps).toBe(many.steps)
  const [a, b] = [flatten(one.parameters), flatten(many.parameters)]
  for (const [index, value] of a.entries()) expect(Math.abs(value - b[index]!)).toBeLessThan(1e-6)
})

test('rows that do not fit into memory are read block by block, each once an epoch', async () => {
  const rows = 50_000
  const reads: number[] = []
  let largest = 0
  const source: BatchSource = {
    rows,
    width: 512,
    targets: 1,
    read: (start, count) => {
      largest = Math.max(largest, count)
      for (let row = start; row < start + count; row++) reads.push(row)
      const x = Float32Array.from({ length: count * 512 }, (_, i) => ((start * 512 + i) % 13) / 13)
      return Promise.resolve({
        x,
        y: Int32Array.from({ length: count }, (_, i) => (start + i) % 2),
      })
    },
  }
  const model: ModelDefinition = { kind: 'logistic', features: 512, classes: ['a', 'b'] }
  const plan = { name: undefined, model, settings: { ...settings, epochs: 1, batchSize: 500 } }
  const trained = await train(plan, source, runtime, { stepsMax: 100 })
  expect(trained.steps).toBe(100)
  const seen = reads.slice(0, rows)
  expect(new Set(seen).size).toBe(rows)
  expect(seen.some((row, index) => row !== index)).toBe(true)
  expect(largest * 513 * 8).toBeLessThan(4 * 2 ** 20)
})

test('windows cover every block once, in an order that the seed decides', () => {
  const source = { rows: 1000, width: 10, targets: 1, read: () => Promise.reject(new Error()) }
  const limits = { windowBytes: 88 * 100, blockBytes: 88 * 25 }
  const cut = cutOf(source, 10, limits)
  expect(cut).toEqual({ blockRows: 20, blocks: 50, blocksPerWindow: 5 })
  const order = (seed: number) => windowsOf(cut, epochRandom(seed, 1))
  expect(
    order(1)
      .flat()
      .toSorted((a, b) => a - b),
  ).toEqual([...Array(50).keys()])
  expect(order(1)).toEqual(order(1))
  expect(order(1)).not.toEqual(order(2))
})

test.for<[Schedule | undefined, number[]]>([
  [undefined, [1, 1, 1, 1, 1]],
  [{ kind: 'constant', warmupSteps: 2 }, [0.5, 1, 1, 1, 1]],
  [{ kind: 'linear', warmupSteps: 0, floor: 0.2 }, [1, 0.8, 0.6, 0.4, 0.2]],
  [
    { kind: 'cosine', warmupSteps: 0, floor: 0 },
    [1, 0.5 + Math.SQRT1_2 / 2, 0.5, 0.5 - Math.SQRT1_2 / 2, 0],
  ],
  [{ kind: 'step', warmupSteps: 1, everySteps: 2, factor: 0.1 }, [1, 1, 1, 0.1, 0.1]],
])('schedule %o', ([schedule, shares]) => {
  for (const [step, share] of shares.entries())
    expect(rateShare(schedule, step, 5)).toBeCloseTo(share, 12)
})

const wrong: readonly [string, Partial<Table> & { model?: ModelDefinition; settings?: Partial<TrainingSettings> }, string][] = [
  ['no rows', { rows: 0, values: new Float64Array(), labels: new Int32Array() }, 'empty cohort'],
  ['other width', { features: 30, rows: 64 }, '32 features'],
  ['a label past the classes', { labels: new Int32Array(60).fill(3) }, 'none of the 3 classes'],
  ['a negative label', { labels: new Int32Array(60).fill(-1) }, 'none of the 3 classes'],
  ['a value that is no number', { values: new Float64Array(1920).fill(Number.NaN) }, 'no finite number'],
  ['a value past single precision', { values: new Float64Array(1920).fill(1e300) }, 'no finite number'],
  ['a loss that explodes', { settings: { optimizer: 'sgd', learningRate: 10, l2: 10, epochs: 30 } }, 'no longer a number at step'],
  ['more rows in a step than there are', { model: cnn, settings: { batchSize: 60, accumulate: 2 } }, 'batch normalisation needs'],
] // prettier-ignore

test.for(wrong)('%s is refused by name', async ([, { model, settings: own, ...rest }, says]) => {
  const used = model ?? {
    kind: 'mlp',
    features: 32,
    classes: ['a', 'b', 'c'],
    hidden: [4],
    activation: 'relu',
  }
  const plan: TrainingPlan = { name: undefined, model: used, settings: { ...settings, ...own } }
  await expect(train(plan, tableSource({ ...table, ...rest }), runtime)).rejects.toThrow(says)
})

test('tokens past the vocabulary are refused before a graph sees them', async () => {
  const model: ModelDefinition = { ...gpt, vocabulary: 100 }
  const plan = { name: undefined, model, settings }
  await expect(train(plan, plans[2]!.source, runtime)).rejects.toThrow('tokens below 100')
})

test('a gpt says after training what its text says, greedily and from a seed', async () => {
  const long = { ...settings, epochs: 80, learningRate: 0.01 }
  const plan: TrainingPlan = {
    name: undefined,
    model: { ...gpt, width: 32, context: 24, dropout: 0 },
    settings: long,
  }
  const trained = await train(plan, textSource(memoryRanges(prose), 24), runtime)
  const start = [...new TextEncoder().encode('the owner seals')]
  const shared = { context: 24, vocabulary: 256, tokens: 8, seed: 1 }
  const greedy = await generate(trained.model, start, { ...shared, temperature: 0 }, runtime)
  expect(new TextDecoder().decode(Uint8Array.from(greedy))).toBe(' it once')
  const drawn = (seed: number) =>
    generate(trained.model, start, { ...shared, seed, temperature: 3 }, runtime)
  expect(await drawn(1)).toEqual(await drawn(1))
  expect(await drawn(1)).not.toEqual(await drawn(2))
  await expect(generate(trained.model, [], { ...shared, temperature: 0 }, runtime)).rejects.toThrow(
    'prompt',
  )
  await expect(
    generate(trained.model, [256], { ...shared, temperature: 0 }, runtime),
  ).rejects.toThrow('below 256')
})

test('weights come as safetensors with the definition beside them', async () => {
  const { plan, source } = plans[0]!
  const trained = await train(plan, source, runtime)
  const { tensors, metadata } = parseSafetensors(trained.weights)
  expect(JSON.parse(metadata['model']!)).toEqual(plan.model)
  for (const { name, shape, values } of trained.parameters) {
    const place = tensors.find((each) => each.name === name)!
    expect(place.shape).toEqual(shape)
    expect(tensorValues(trained.weights, place)).toEqual(values)
  }
  expect(tensors.map(({ name }) => name)).toContain('normalisation.mean')
})

test('a trained cnn passes the scan of models from outside', async () => {
  const { plan, source } = plans[1]!
  expect(scanModel((await train(plan, source, runtime)).model)).toMatchObject({ features: 32 })
})

test('members train from shared weights, and their changes are weights after minus weights before', async () => {
  const { plan, source } = plans[0]!
  const start = initialParameters(plan.model, 1)
  const { change, rows, steps } = await localUpdate(plan, source, runtime, { start, stepsMax: 5 })
  expect([rows, steps]).toEqual([60, 5])
  const trained = await train(plan, source, runtime, { start, stepsMax: 5 })
  const moved = flatten(start).map((value, index) => value + change[index]!)
  for (const [index, value] of flatten(trained.parameters).entries())
    expect(Math.abs(value - moved[index]!)).toBeLessThan(1e-6)
  expect(unflatten(flatten(start), start)).toEqual(start)
  expect(() => unflatten(new Float32Array(3), start)).toThrow('3 numbers')
})

test('sources are pooled in their order, read across their borders', async () => {
  const part = (from: number, rows: number) =>
    tableSource({ features: 1, rows, values: Float64Array.from({ length: rows }, (_, i) => from + i), labels: new Int32Array(rows).fill(from) }) // prettier-ignore
  const pooled = poolSources([part(10, 3), part(20, 1), part(30, 2)])
  expect(pooled.rows).toBe(6)
  expect(await pooled.read(1, 4)).toEqual({
    x: Float64Array.of(11, 12, 20, 30),
    y: Int32Array.of(10, 10, 20, 30),
  })
  const wide = tableSource({
    features: 2,
    rows: 1,
    values: new Float64Array(2),
    labels: new Int32Array(1),
  })
  expect(() => poolSources([part(1, 1), wide])).toThrow('data[1]')
})

test('a file that gives fewer bytes than it says is an error that may pass', async () => {
  const short = { bytes: 100, read: async () => new Uint8Array(3) }
  const opened = openTrainingData(gpt, short, { header: false })
  await expect(opened).rejects.toThrow(OperationError)
  await expect(
    openTrainingData(gpt, memoryRanges(new Uint8Array()), { header: false }),
  ).rejects.toThrow('empty')
  await expect(
    openTrainingData(gpt, memoryRanges(new Uint8Array(5)), { header: false }),
  ).rejects.toThrow('5 bytes of text')
})
