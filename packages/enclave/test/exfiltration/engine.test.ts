import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { encodeUtf8, type Bytes } from '@cloister/codec'
import { parseInference, parseManifest, readInitializers } from '@cloister/learn'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { nodeBinary } from '../../../../scripts/build-enclave.ts'
import { buildEngine, engineFiles } from '../../../../scripts/build-engine.ts'
import type { AppRuntime } from '../../src/drivers/driver.ts'
import { probeSandbox } from '../../src/sandbox/bubblewrap.ts'
import { nodeProgram } from '../../src/sandbox/program.ts'
import { requireSession } from '../../src/session/session-program.ts'
import { codeManifest, inputOf, ObjectFolder, runtimeOver } from '../drivers/app-runner.ts'
import { tabularModel } from '../session/tabular-model.ts'
import { engineAttempts, grantBytesMax } from './attempts.ts'
import { bitsOf, observe, partsOf } from './observe.ts'

const kind = probeSandbox(nodeBinary())
if (kind === 'none') console.warn('SKIPPED: bubblewrap does not run here, no model tried to leak')
const folder = mkdtempSync(join(tmpdir(), 'cloister-leaks-'))
let runtime: AppRuntime

beforeAll(async () => {
  await buildEngine(folder)
  const files = engineFiles.map((name) => ({ from: join(folder, name), to: `/app/${name}` }))
  const program = nodeProgram({ node: nodeBinary(), files, entry: '/app/engine.js' })
  runtime = { ...runtimeOver(new ObjectFolder(), kind), program }
})
afterAll(() => {
  runtime.bundles.close()
  rmSync(folder, { recursive: true })
})

function appOf(name: string) {
  const url = new URL(`../../../../apps/${name}/manifest.json`, import.meta.url)
  return parseManifest(readFileSync(url, 'utf8'))
}

const parameters = (features: number, epochs = 1) =>
  inputOf(
    'parameters',
    JSON.stringify({
      model: { kind: 'logistic', features, classes: ['a', 'b'] },
      settings: { epochs, batchSize: 64, learningRate: 0.1, optimizer: 'sgd', l2: 0, seed: 1, standardize: true },
    }),
  ) // prettier-ignore

/** A record of eight bytes as numbers. */
const records = [
  [17, 204, 91, 3, 250, 66, 129, 38],
  [230, 5, 144, 77, 12, 199, 60, 181],
]
const textOf = (bytes: Bytes) => new TextDecoder().decode(bytes)

describe.skipIf(kind === 'none')('the measured engine', () => {
  test('memorised record: a model of one row holds it, and a grant caps the model', async () => {
    const manifest = appOf('tabular-train')
    const bytesMax = grantBytesMax
    const bits = bitsOf('outputs', manifest, bytesMax)
    expect(engineAttempts[0].verdict).toBe(`capped: ${bits} bits`)
    for (const record of records) {
      const inputs = [inputOf('data', `${record.join()},a\n`), parameters(8)]
      const { recipient } = await observe(runtime, manifest, inputs, { outputBytesMax: bytesMax })
      const { body } = partsOf(recipient)
      const weights = readInitializers(body)
      for (const value of record) expect(weights).toContain(value) // The mean of one row is that row.
      expect(body.length * 8).toBeLessThanOrEqual(bits)
      const tighter = { outputBytesMax: body.length - 1 }
      expect((await observe(runtime, manifest, inputs, tighter)).host.ended).toMatch('app-failed')
    }
  })

  test('one row: a grant that asks for more rows gives no model of it', async () => {
    for (const record of records) {
      const inputs = [inputOf('data', `${record.join()},a\n`), parameters(8)]
      const seen = await observe(runtime, appOf('tabular-train'), inputs, { recordsMin: 2 })
      expect(seen.host.ended).toBe('app-failed: The app gave no result')
      expect(seen.because).toContain('row')
      expect(seen.recipient).toHaveLength(0)
    }
  })

  test('probabilities: what a model says of a record is as large as it is declared, and no larger', async () => {
    const manifest = appOf('tabular-infer')
    const bytesMax = 1024
    const bits = bitsOf('outputs', manifest, bytesMax)
    expect(engineAttempts[2].verdict).toBe(`capped: ${bits} bits`)
    const said = []
    for (const record of ['1,2,3,4', '4,3,2,1']) {
      const inputs = [inputOf('model', tabularModel()), inputOf('record', `${record}\n`)]
      const { recipient } = await observe(runtime, manifest, inputs, { outputBytesMax: bytesMax })
      const { body } = partsOf(recipient)
      said.push(parseInference(textOf(body)).records[0]?.probabilities)
      expect(body.length * 8).toBeLessThanOrEqual(bits)
      const tighter = { outputBytesMax: body.length - 1 }
      expect((await observe(runtime, manifest, inputs, tighter)).host.ended).toMatch('app-failed')
    }
    expect(said[0]).not.toEqual(said[1])
  })

  test('ranges: data that differs is read in the same ranges', async () => {
    const rows = 150_000
    const asked = []
    for (const record of records) {
      const lines = Array.from({ length: rows }, (_, at) => {
        const value = String((record[at % 8] ?? 0) + 100).padStart(3, '0')
        return `${value},${String((at * 7) % 900).padStart(3, '0')},${at % 2 === 0 ? 'a' : 'b'}\n`
      })
      const data = encodeUtf8(lines.join(''))
      expect(data.length).toBe(rows * 10)
      const seen = await observe(runtime, appOf('tabular-train'), [inputOf('data', data), parameters(2)])
      expect(seen.host.ended).toBe('result')
      asked.push(seen.host.asked)
    }
    expect(asked[0]?.length).toBeGreaterThan(2)
    expect(asked[1]).toEqual(asked[0])
  }) // prettier-ignore
})

test('session: an app with code answers no requests', () => {
  const bundle = { digest: `0x${'00'.repeat(32)}`, bytes: 1, entry: ['main.js'] }
  const outputs = [{ name: 'session.json', bytesMax: 4096, format: 'json' as const }]
  const session = { meter: 'request', requestBytesMax: 100, responseBytesMax: 100, idleSeconds: 9 } as const
  const app = { ...codeManifest({ driver: 'js', bundle, outputs }), session }
  expect(() => requireSession({ unitWei: 1n }, app)).toThrow('answer no requests yet')
  expect(() => requireSession({ unitWei: 1n }, { ...app, session: undefined })).toThrow('answers no requests')
}) // prettier-ignore
