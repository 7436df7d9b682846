import { MalformedError } from '@cloister/codec'
import { expect, test } from 'vitest'
import {
  initialParameters,
  parseModelDefinition,
  parseTrainingPlan,
  parseTrainingSettings,
} from '@cloister/learn'
import { randomNumbers, shuffle, xoshiro128 } from '../src/random.ts'

const logistic = { kind: 'logistic', features: 2, classes: ['no', 'yes'] }
const mlp = { ...logistic, kind: 'mlp', hidden: [3], activation: 'relu' }
const settings = {
  epochs: 5,
  batchSize: 8,
  learningRate: 0.01,
  optimizer: 'adam',
  l2: 0.5,
  seed: 1,
  standardize: true,
}

function fieldOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof MalformedError) return error.field
    throw error
  }
  return 'accepted'
}

test.for([
  [logistic, 'accepted'],
  [mlp, 'accepted'],
  [{ ...logistic, features: 4096 }, 'accepted'],
  [{ ...logistic, features: 4097 }, 'model.features'],
  [{ ...logistic, features: 0 }, 'model.features'],
  [{ ...logistic, features: 1.5 }, 'model.features'],
  [{ ...logistic, features: '2' }, 'model.features'],
  [{ ...logistic, kind: 'forest' }, 'model.kind'],
  [{ ...logistic, classes: ['yes'] }, 'model.classes'],
  [{ ...logistic, classes: ['yes', 'yes'] }, 'model.classes[1]'],
  [{ ...logistic, classes: ['yes', 'n,o'] }, 'model.classes[1]'],
  [{ ...logistic, classes: Array.from({ length: 257 }, (_, i) => `c${i}`) }, 'model.classes'],
  [{ ...logistic, hidden: [3] }, 'model'],
  [{ ...mlp, hidden: [] }, 'model.hidden'],
  [{ ...mlp, hidden: [0] }, 'model.hidden[0]'],
  [{ ...mlp, hidden: [4097] }, 'model.hidden[0]'],
  [{ ...mlp, hidden: Array.from({ length: 9 }, () => 1) }, 'model.hidden'],
  [{ ...mlp, hidden: [4096, 4096, 4096] }, 'model'],
  [{ ...mlp, activation: 'step' }, 'model.activation'],
  [{ ...mlp, activation: undefined }, 'model.activation'],
  [[], 'model'],
  [null, 'model'],
] as const)('model %# ends at field %s', ([value, field]) => {
  expect(fieldOf(() => parseModelDefinition(JSON.parse(JSON.stringify(value))))).toBe(field)
})

test.for([
  [{}, 'accepted'],
  [{ epochs: 0 }, 'settings.epochs'],
  [{ epochs: 10_001 }, 'settings.epochs'],
  [{ batchSize: 65_537 }, 'settings.batchSize'],
  [{ learningRate: 0 }, 'settings.learningRate'],
  [{ learningRate: 11 }, 'settings.learningRate'],
  [{ learningRate: null }, 'settings.learningRate'],
  [{ optimizer: 'lion' }, 'settings.optimizer'],
  [{ l2: -1 }, 'settings.l2'],
  [{ seed: 4_294_967_296 }, 'settings.seed'],
  [{ standardize: 1 }, 'settings.standardize'],
  [{ momentum: 0.9 }, 'settings'],
] as const)('settings %# end at field %s', ([change, field]) => {
  expect(fieldOf(() => parseTrainingSettings(JSON.stringify({ ...settings, ...change })))).toBe(
    field,
  )
})

test('text that is no JSON, too long or too deep is refused', () => {
  for (const text of ['', '{', '[[[[[[1]]]]]]', ' '.repeat(65_537), 'null'])
    expect(fieldOf(() => parseTrainingSettings(text))).toBe('settings')
})

test('no message repeats a sealed value or an unknown name', () => {
  const secret = 'canary-7319'
  const texts = [
    JSON.stringify({ ...settings, optimizer: secret }),
    JSON.stringify({ ...settings, [secret]: 1 }),
    JSON.stringify({ ...settings, seed: 7319.7319 }),
    `{"seed": ${secret}}`,
  ]
  for (const text of texts) {
    expect(() => parseTrainingSettings(text)).toThrow(MalformedError)
    expect(() => parseTrainingSettings(text)).not.toThrow('7319')
  }
})

test('a plan is a model and settings, with a name or without', () => {
  const plan = { model: mlp, settings }
  expect(parseTrainingPlan(JSON.stringify(plan))).toEqual({ ...plan, name: undefined })
  expect(parseTrainingPlan(JSON.stringify({ ...plan, name: 'trial' })).name).toBe('trial')
  expect(fieldOf(() => parseTrainingPlan(JSON.stringify({ model: mlp })))).toBe(
    'parameters.settings',
  )
  expect(fieldOf(() => parseTrainingPlan(JSON.stringify({ ...plan, note: 1 })))).toBe('parameters')
})

test('initial weights depend on the seed alone, fill their width, and biases are zero', () => {
  const model = parseModelDefinition({ ...mlp, features: 50, hidden: [40] })
  const parameters = initialParameters(model, 5)
  expect(parameters.map(({ name, shape }) => [name, ...shape])).toEqual([
    ['weights0', 50, 40],
    ['bias0', 40],
    ['weights1', 40, 2],
    ['bias1', 2],
  ])
  expect(initialParameters(model, 5)).toEqual(parameters)
  expect(initialParameters(model, 6)[0]).not.toEqual(parameters[0])
  const width = Math.sqrt(6 / 50)
  const largest = Math.max(...parameters[0]!.values.map(Math.abs))
  expect(largest).toBeLessThanOrEqual(Math.fround(width))
  expect(largest).toBeGreaterThan(0.97 * width)
  expect(parameters[1]!.values.every((value) => value === 0)).toBe(true)
})

test('xoshiro128** gives the numbers that its authors give for state 1, 2, 3, 4', () => {
  const next = xoshiro128([1, 2, 3, 4])
  expect(Array.from({ length: 10 }, next)).toEqual([
    11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
    4258142804,
  ])
})

test('a shuffle keeps every item and leaves hardly any in place', () => {
  const items = Uint32Array.from({ length: 1000 }, (_, index) => index)
  shuffle(items, randomNumbers(9, 2))
  expect(new Set(items).size).toBe(1000)
  expect(items.filter((item, index) => item === index).length).toBeLessThan(10)
})
