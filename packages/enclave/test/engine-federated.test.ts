import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'

import { encodeUtf8, parseUtf8 } from '@cloister/codec'
import { scanModel } from '@cloister/learn'
import { expect, test } from 'vitest'

import type { FederatedStage } from '../src/engine/federated-stage.ts'
import { bytesToFloats, floatsToBytes } from '../src/engine/floats.ts'
import { writeEngineRequest, readEngineRequest, type EngineInput } from '../src/engine/messages.ts'
import { manifestOf, runEngine } from './engine-process.ts'

const app = manifestOf('federated-train')
const program = fileURLToPath(new URL('../src/engine/main.ts', import.meta.url))
const dataUrl = new URL('../../../apps/tabular-train/data/breast_cancer.csv', import.meta.url)
const rows = readFileSync(dataUrl, 'utf8').trimEnd().split('\n').slice(1, 201)
const settings = {
  ...{ epochs: 1, batchSize: 32, learningRate: 0.001, optimizer: 'sgd', l2: 0, seed: 3 },
  standardize: false,
}
const plan = { model: { kind: 'logistic', features: 30, classes: ['0', '1'] }, settings }

function inline(role: string, bytes: Uint8Array<ArrayBuffer>): EngineInput {
  return { role, bytes }
}

async function ask(stage: FederatedStage, inputs: readonly EngineInput[], given: object = plan) {
  const parameters = inline('parameters', encodeUtf8(JSON.stringify(given)))
  const command = { program, cwd: tmpdir(), stage }
  const { message } = await runEngine(command, app, [...inputs, parameters])
  return message
}

async function outputOf(stage: FederatedStage, inputs: readonly EngineInput[], name: string) {
  const message = await ask(stage, inputs)
  if (message.kind !== 'result') throw new Error(message.message)
  const found = message.outputs.find((output) => output.name === name)
  if (found === undefined) throw new Error(`no output ${name}`)
  return found.bytes
}

test('a member trains from the weights that it is given, and says over how many rows', async () => {
  const data = inline('data', encodeUtf8(rows.join('\n')))
  const initial = await outputOf('initial', [], 'weights')
  expect(bytesToFloats(initial, 'weights')).toHaveLength(62) // 30 features and a bias for two classes
  const first = await outputOf('update', [data, inline('weights', initial)], 'weights')
  expect(first).not.toEqual(initial)
  const second = await outputOf('update', [data, inline('weights', first)], 'weights')
  expect(second).not.toEqual(first)
  expect(await outputOf('update', [data, inline('weights', initial)], 'weights')).toEqual(first)
  const told = await outputOf('update', [data, inline('weights', initial)], 'rows')
  expect(parseUtf8(told, 'rows')).toBe('200')
})

test('weights become a model that says which classes it knows', async () => {
  const weights = floatsToBytes(new Float32Array(62).fill(0.25))
  const model = await outputOf('assemble', [inline('weights', weights)], 'model.onnx')
  expect(scanModel(model)).toMatchObject({ features: 30, classes: ['0', '1'] })
})

test.each([
  ['weights of another model', plan, new Float32Array(61), 'bad-request'],
  [
    'normalisation that needs all rows',
    { ...plan, settings: { ...settings, standardize: true } },
    new Float32Array(62),
    'bad-parameters',
  ],
])('%s are refused', async (_what, given, weights, code) => {
  const data = inline('data', encodeUtf8(rows.join('\n')))
  const message = await ask('update', [data, inline('weights', floatsToBytes(weights))], given)
  expect(message).toMatchObject({ kind: 'failed', code })
})

test('no app but a federated one has stages, and that one has nothing else', () => {
  const nobody = async (): Promise<never> => {
    throw new Error('nothing is read')
  }
  const inputs = [inline('parameters', encodeUtf8('{}'))]
  const payload = encodeUtf8('{}')
  const without = writeEngineRequest(app, inputs, 0)
  expect(() => readEngineRequest({ json: without, payload }, nobody)).toThrow('request.stage')
  const other = writeEngineRequest(manifestOf('tabular-train'), inputs, 0, 'initial')
  expect(() => readEngineRequest({ json: other, payload }, nobody)).toThrow('request.stage')
})
