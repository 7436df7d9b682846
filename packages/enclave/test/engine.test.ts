import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'
import { encodeUtf8, OperationError, parseUtf8 } from '@cloister/codec'
import { parseInference, scanModel, type AppManifest } from '@cloister/learn'
import { expect, test } from 'vitest'
import type { EngineInput } from '../src/engine/messages.ts'
import { manifestOf, runEngine, type EngineCommand } from './engine-process.ts'

const engine: EngineCommand = {
  program: fileURLToPath(new URL('../src/engine/main.ts', import.meta.url)),
  cwd: tmpdir(),
}
const train = manifestOf('tabular-train')
const infer = manifestOf('tabular-infer')

const plan = {
  name: 'canary-name-4711',
  model: { kind: 'logistic', features: 30, classes: ['0', '1'] },
  settings: {
    epochs: 30,
    batchSize: 32,
    learningRate: 0.01,
    optimizer: 'adam',
    l2: 0.01,
    seed: 1,
    standardize: true,
  },
}
const dataUrl = new URL('../../../apps/tabular-train/data/breast_cancer.csv', import.meta.url)
const rows = readFileSync(dataUrl, 'utf8').trimEnd().split('\n').slice(1)
const data = (from: number, to: number): EngineInput => ({
  role: 'data',
  bytes: encodeUtf8(rows.slice(from, to).join('\n')),
})
const parameters = (value: unknown): EngineInput => ({
  role: 'parameters',
  bytes: encodeUtf8(JSON.stringify(value)),
})
const record = (text: string): EngineInput => ({ role: 'record', bytes: encodeUtf8(text) })

async function trained(command: EngineCommand = engine) {
  const inputs = [data(0, 100), data(100, 300), data(300, 455), parameters(plan)]
  const { message, stderr, exitCode } = await runEngine(command, train, inputs)
  if (message.kind !== 'result') throw new Error(message.message)
  return { ...message, stderr, exitCode, model: message.outputs[0]!.bytes }
}

test('three datasets train one model that classifies rows it never saw', async () => {
  const begin = performance.now()
  const result = await trained()
  expect(performance.now() - begin).toBeLessThan(20_000)
  expect([result.stderr, result.exitCode]).toEqual(['', 0])
  expect(result.outputs.map(({ name }) => name)).toEqual(['model.onnx'])
  expect(scanModel(result.model)).toMatchObject({ features: 30, classes: ['0', '1'] })
  expect(Object.keys(result.metrics)).toEqual(['loss', 'accuracy'])
  expect(result.metrics['accuracy']).toBeGreaterThan(0.97)

  const unseen = rows.slice(455).map((row) => row.split(','))
  const text = unseen.map((cells) => cells.slice(0, 30).join(',')).join('\n')
  const inputs: EngineInput[] = [{ role: 'model', bytes: result.model }, record(text)]
  const { message, stderr } = await runEngine(engine, infer, inputs)
  if (message.kind !== 'result') throw new Error(message.message)
  expect([stderr, message.metrics]).toEqual(['', {}])
  const { classes, records } = parseInference(parseUtf8(message.outputs[0]!.bytes))
  expect(classes).toEqual(['0', '1'])
  expect(records).toHaveLength(114)
  const right = records.filter(({ label }, index) => label === unseen[index]![30]).length
  expect(right).toBeGreaterThanOrEqual(108)
  for (const { label, probabilities } of records) {
    expect(probabilities[0]! + probabilities[1]!).toBeCloseTo(1, 5)
    expect(label).toBe(probabilities[1]! > probabilities[0]! ? '1' : '0')
  }
})

test('equal requests give equal bytes, and datasets are pooled in the order of the inputs', async () => {
  const [one, two] = [await trained(), await trained()]
  expect(Buffer.from(one.model).equals(two.model)).toBe(true)
  const whole = await runEngine(engine, train, [data(0, 455), parameters(plan)])
  if (whole.message.kind !== 'result') throw new Error(whole.message.message)
  expect(Buffer.from(one.model).equals(whole.message.outputs[0]!.bytes)).toBe(true)
})

test('progress is in percent, never says how many epochs there are, and comes a few times a second', async () => {
  const seen: [number, number][] = []
  const onProgress = (done: number, total: number) => seen.push([done, total])
  const long = { ...plan, settings: { ...plan.settings, epochs: 600, batchSize: 8 } }
  const begin = performance.now()
  await runEngine({ ...engine, onProgress }, train, [data(0, 455), parameters(long)])
  const seconds = (performance.now() - begin) / 1000
  expect(seen.length).toBeGreaterThan(0)
  expect(seen.length).toBeLessThanOrEqual(seconds * 4 + 1)
  expect(seen.every(([done, total]) => total === 100 && done > 0 && done < 100)).toBe(true)
})

test.for<[string, AppManifest, EngineInput[], string, number | undefined, string]>([
  ['a bad cell', train, [data(0, 9), { role: 'data', bytes: encodeUtf8(`${rows[0]!}\n${rows[1]!.replace('20.57', 'canary4711')}`) }, parameters(plan)], 'bad-data', 1, 'line 2, column 1'],
  ['a bad setting', train, [data(0, 9), parameters({ ...plan, settings: { ...plan.settings, epochs: 'canary4711' } })], 'bad-parameters', 1, 'parameters.settings.epochs'],
  ['parameters that are no JSON', train, [{ role: 'parameters', bytes: encodeUtf8('canary4711') }, data(0, 9)], 'bad-parameters', 0, 'not JSON'],
  ['a model of another width', train, [data(0, 9), parameters({ ...plan, model: { ...plan.model, features: 29 } })], 'bad-data', 0, '31 columns'],
  ['no dataset', train, [parameters(plan)], 'bad-request', undefined, 'role data'],
  ['a role that the app does not have', train, [data(0, 9), parameters(plan), record('1')], 'bad-request', undefined, 'request.inputs[2].role'],
  ['a model that is none', infer, [{ role: 'model', bytes: encodeUtf8('canary4711') }, record('1')], 'bad-model', 0, 'model'],
  ['a record past its size', infer, [{ role: 'model', bytes: new Uint8Array() }, { role: 'record', bytes: new Uint8Array(1_048_577) }], 'bad-request', undefined, 'at most 1048576'],
  ['an output past its size', { ...train, outputs: [{ name: 'model.onnx', bytesMax: 100, format: 'onnx' }] }, [data(0, 99), parameters(plan)], 'output-too-large', undefined, '100 bytes'],
])('%s ends in one message that names it and repeats no data', async ([, app, inputs, code, input, part]) => {
  const { message, stderr, exitCode } = await runEngine(engine, app, inputs)
  expect(message).toMatchObject({ kind: 'failed', code, input })
  expect(message).toHaveProperty('message', expect.stringContaining(part))
  expect(JSON.stringify(message)).not.toContain('4711')
  expect([stderr, exitCode]).toEqual(['', 1])
}) // prettier-ignore

test('a record of another width than the model is the record owner’s fault', async () => {
  const { model } = await trained()
  const { message } = await runEngine(engine, infer, [
    { role: 'model', bytes: model },
    record('1,2'),
  ])
  expect(message).toMatchObject({ kind: 'failed', code: 'bad-record', input: 1 })
})

test('a model that passes the scan and that ONNX Runtime refuses is the model owner’s fault', async () => {
  const { model } = await trained()
  const text = Buffer.from(model).toString('latin1').replace('Softmax', 'Sigmoid')
  const broken = Uint8Array.from(Buffer.from(text, 'latin1'))
  expect(scanModel(broken).features).toBe(30)
  const inputs: EngineInput[] = [
    { role: 'model', bytes: broken },
    record(rows[0]!.split(',').slice(0, 30).join(',')),
  ]
  const { message, stderr } = await runEngine(engine, infer, inputs)
  expect(message).toMatchObject({ kind: 'failed', code: 'bad-model', input: 0 })
  expect(message).toHaveProperty('message', expect.stringContaining('refuses'))
  expect(stderr).toBe('')
})

test('an engine that dies says nothing, and the client says so', async () => {
  const dead = { ...engine, program: '/dev/null' }
  await expect(runEngine(dead, infer, [record('1')])).rejects.toThrow(OperationError)
})
