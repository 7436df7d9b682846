import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'

import { assert, encodeUtf8, OperationError, parseUtf8, type Bytes } from '@cloister/codec'
import { askEngine, type EngineInput } from '@cloister/enclave'
import { parseInference, parseManifest, type AppManifest } from '@cloister/learn'

const engineMs = 120_000
const engineProgram = fileURLToPath(import.meta.resolve('../../../enclave/src/engine/main.ts'))

/**
 * Trains with the engine that enclaves run, but in the open: no sandbox, no seal, no proof. What a world without secrets gets.
 *
 * @param parameters a training plan, as JSON.
 * @throws {OperationError} with the engine's code.
 */
export async function trainInTheOpen(csvs: readonly string[], parameters: string): Promise<Bytes> {
  const data = csvs.map((csv): EngineInput => ({ role: 'data', bytes: encodeUtf8(csv) }))
  const inputs = [...data, { role: 'parameters', bytes: encodeUtf8(parameters) }] as const
  return ask(manifestOf('tabular-train'), inputs)
}

/** The part of labelled rows that a model classifies right. */
export async function accuracyOf(model: Bytes, csv: string): Promise<number> {
  const rows = linesOf(csv).map((line) => line.split(','))
  const record = rows.map((row) => row.slice(0, -1).join(',')).join('\n')
  const answer = await ask(manifestOf('tabular-infer'), [
    { role: 'model', bytes: model },
    { role: 'record', bytes: encodeUtf8(record) },
  ])
  const { records } = parseInference(parseUtf8(answer))
  return records.filter(({ label }, index) => label === rows[index]?.at(-1)).length / rows.length
}

/** The lines of a CSV text, the last line end aside. */
export function linesOf(csv: string): readonly string[] {
  return csv.trimEnd().split('\n')
}

function manifestOf(name: 'tabular-train' | 'tabular-infer'): AppManifest {
  const path = fileURLToPath(import.meta.resolve(`../../../../apps/${name}/manifest.json`))
  return parseManifest(readFileSync(path, 'utf8'))
}

async function ask(app: AppManifest, inputs: readonly EngineInput[]): Promise<Bytes> {
  const child = spawn(process.execPath, [engineProgram], {
    cwd: tmpdir(),
    env: {},
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: engineMs,
  })
  const message = await askEngine(child, app, inputs)
  if (message.kind === 'failed') throw new OperationError(message.code, message.message)
  const [output] = message.outputs
  assert(output !== undefined, 'a result has the outputs of its manifest')
  return output.bytes
}
