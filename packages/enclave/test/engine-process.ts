import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { parseManifest, type AppManifest } from '@cloister/learn'
import { askEngine } from '../src/engine/client.ts'
import type { FederatedStage } from '../src/engine/federated-stage.ts'
import type { EngineInput, EngineMessage } from '../src/engine/messages.ts'

/** The manifest of one of the project's own apps. */
export function manifestOf(name: string): AppManifest {
  const url = new URL(`../../../apps/${name}/manifest.json`, import.meta.url)
  return parseManifest(readFileSync(url, 'utf8'))
}

/** Where an engine runs, and what it sees of the world: nothing unless said. */
export type EngineCommand = {
  readonly program: string
  readonly cwd: string
  readonly onProgress?: (done: number, total: number) => void
  readonly recordsMin?: number
  readonly stage?: FederatedStage
}

/** What an engine did. */
export type EngineOutcome = {
  readonly message: Exclude<EngineMessage, { kind: 'progress' }>
  readonly stderr: string
  readonly exitCode: number | null
}

/** Starts an engine with an empty environment, asks it once and waits for its end. */
export async function runEngine(
  command: EngineCommand,
  app: AppManifest,
  inputs: readonly EngineInput[],
): Promise<EngineOutcome> {
  const child = spawn(process.execPath, [command.program], {
    cwd: command.cwd,
    env: {},
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: 60_000,
    killSignal: 'SIGKILL',
  })
  const closed = once(child, 'close')
  const errors: Buffer[] = []
  child.stderr.on('data', (piece: Buffer) => errors.push(piece))
  const message = await askEngine(child, app, inputs, command)
  await closed
  return { message, stderr: Buffer.concat(errors).toString(), exitCode: child.exitCode }
}
