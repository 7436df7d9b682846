import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeUtf8 } from '@cloister/codec'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildEngine, nativeFolder } from '../../../scripts/build-engine.ts'
import { manifestOf, runEngine } from './engine-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'engine-'))
const empty = mkdtempSync(join(tmpdir(), 'empty-'))
beforeAll(() => buildEngine(folder))
afterAll(() => {
  for (const path of [folder, empty]) rmSync(path, { recursive: true })
})

test('the bundle is three files and knows no path of the machine that built it', () => {
  expect(readdirSync(folder).toSorted()).toEqual([
    'engine.js',
    'libonnxruntime.so.1',
    'onnxruntime_binding.node',
  ])
  const code = readFileSync(join(folder, 'engine.js'), 'utf8')
  expect(code).not.toContain(process.cwd())
  expect(code).not.toContain('napi-v6')
})

test('two builds are equal, byte for byte', async () => {
  const digest = () =>
    createHash('sha256')
      .update(readFileSync(join(folder, 'engine.js')))
      .digest('hex')
  const first = digest()
  await buildEngine(folder)
  expect(digest()).toBe(first)
})

test('the bundle trains in an empty folder with an empty environment and leaves nothing behind', async () => {
  const settings = {
    epochs: 20,
    batchSize: 2,
    learningRate: 0.1,
    optimizer: 'sgd',
    l2: 0,
    seed: 1,
    standardize: true,
  }
  const model = { kind: 'logistic', features: 1, classes: ['low', 'high'] }
  const { message, stderr, exitCode } = await runEngine(
    { program: join(folder, 'engine.js'), cwd: empty },
    manifestOf('tabular-train'),
    [
      { role: 'data', bytes: encodeUtf8('1,low\n2,low\n8,high\n9,high\n') },
      { role: 'parameters', bytes: encodeUtf8(JSON.stringify({ model, settings })) },
    ],
  )
  expect([stderr, exitCode]).toEqual(['', 0])
  expect(message).toMatchObject({ kind: 'result', metrics: { accuracy: 1 } })
  expect(readdirSync(empty)).toEqual([])
})

test('the native library in use is 1.27.0 and has no telemetry uploader in it', () => {
  const library = readFileSync(join(nativeFolder(), 'libonnxruntime.so.1'))
  expect(library.includes('1.27.0')).toBe(true)
  for (const trace of [
    'events.data.microsoft.com',
    'OneCollector',
    'onnxruntime.db',
    'ORT_DISABLE_TELEMETRY',
  ])
    expect(library.includes(trace)).toBe(false)
  expect(readFileSync(join(folder, 'libonnxruntime.so.1')).equals(library)).toBe(true)
})

test('a folder that holds something else is not written to', async () => {
  execFileSync('touch', [join(empty, 'stray')])
  await expect(buildEngine(empty)).rejects.toThrow('it holds stray')
  expect(readdirSync(empty)).toEqual(['stray'])
})
