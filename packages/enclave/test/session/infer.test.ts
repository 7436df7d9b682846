import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { concatBytes, encodeUtf8 } from '@cloister/codec'
import { parseInference } from '@cloister/learn'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { nodeBinary } from '../../../../scripts/build-enclave.ts'
import { buildEngine, engineFiles } from '../../../../scripts/build-engine.ts'
import { probeSandbox } from '../../src/sandbox/bubblewrap.ts'
import { nodeProgram } from '../../src/sandbox/program.ts'
import { runSandboxed, type Sandboxed } from '../../src/sandbox/run-sandboxed.ts'
import { AppPipes } from '../../src/session/app-pipes.ts'
import { sessionLimitsOf, withSessionProgram } from '../../src/session/session-program.ts'
import { manifestOf } from '../engine-process.ts'
import { tabularModel } from './tabular-model.ts'

const hasSandbox = probeSandbox(nodeBinary()) === 'bubblewrap'
if (!hasSandbox) console.warn('SKIPPED: inference sessions, bubblewrap does not run here')

const folder = mkdtempSync(join(tmpdir(), 'infer-session-'))
let sandboxed: Sandboxed
let pipes: AppPipes

beforeAll(async () => {
  if (!hasSandbox) return
  await buildEngine(folder)
  const node = nodeBinary()
  const files = engineFiles.map((name) => ({ from: join(folder, name), to: `/app/${name}` }))
  const program = nodeProgram({ node, files, entry: '/app/engine.js' })
  const bundles = { with: () => Promise.reject(new Error('an onnx app has no bundle')) }
  const manifest = manifestOf('tabular-serve')
  await withSessionProgram({ node, bundles, program }, manifest, async (started) => {
    sandboxed = await runSandboxed(started, sessionLimitsOf(manifest, 60), 'bubblewrap')
  })
  pipes = new AppPipes({ stdin: sandboxed.input, stdout: sandboxed.output })
  const model = tabularModel()
  const read = async (offset: number, length: number) => model.slice(offset, offset + length)
  await pipes.start([{ role: 'model', size: model.length, read }])
})

afterAll(async () => {
  sandboxed?.kill()
  await sandboxed?.ended
  rmSync(folder, { recursive: true, force: true })
})

async function ask(body: string, path = '/v1/infer', method = 'POST') {
  const { pieces } = pipes.ask({
    method,
    path,
    headers: {},
    unitsMax: 1,
    body: encodeUtf8(body),
  })
  const parts: Uint8Array[] = []
  let [status, units] = [0, 0]
  for await (const piece of pieces)
    if (piece.kind === 'head') status = piece.status
    else if (piece.kind === 'data') parts.push(piece.body)
    else units = piece.units
  return { status, units, text: new TextDecoder().decode(concatBytes(...parts)) }
}

test.skipIf(!hasSandbox)('a model stays loaded and classifies what it is asked', async () => {
  const first = await ask('1,2,3,4\n4,3,2,1\n')
  expect([first.status, first.units]).toEqual([200, 2])
  const { classes, records } = parseInference(first.text)
  expect(classes).toEqual(['no', 'yes'])
  expect(records).toHaveLength(2)
  for (const { probabilities } of records)
    expect(probabilities[0]! + probabilities[1]!).toBeCloseTo(1, 5)
  // The same rows one by one say the same.
  const alone = await Promise.all(['1,2,3,4', '4,3,2,1'].map((row) => ask(row)))
  expect(alone.map(({ text }) => parseInference(text).records[0])).toEqual(records)
})

test.skipIf(!hasSandbox)(
  'rows that do not fit are refused by name, and the app goes on',
  async () => {
    const refused = await ask('1,2,3')
    expect([refused.status, refused.units]).toEqual([400, 0])
    expect(JSON.parse(refused.text).error.code).toBe('invalid_records')
    expect((await ask('1,2,3,4', '/v1/other')).status).toBe(404)
    expect((await ask('', '/v1/infer', 'GET')).status).toBe(405)
    expect((await ask('1,2,3,4')).status).toBe(200)
  },
)
