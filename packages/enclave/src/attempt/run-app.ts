import { OperationError } from '@cloister/codec'
import type { AppManifest } from '@cloister/learn'

import { askEngine } from '../engine/client.ts'
import type { EngineInput, EngineMessage } from '../engine/messages.ts'
import type { SandboxProgram } from '../sandbox/bubblewrap.ts'
import { runSandboxed } from '../sandbox/run-sandboxed.ts'

/** The measured engine, and what confines it. */
export type AppRuntime = {
  readonly program: SandboxProgram
  readonly sandbox: 'bubblewrap' | 'none'
}

/** What an app gave. */
export type AppResult = Extract<EngineMessage, { kind: 'result' }>

const baseThreads = 24 // Node's own, before the app has one.

/**
 * Runs an app over opened inputs inside the sandbox, within its manifest's limits.
 *
 * @throws {OperationError} `app-failed`, and no word why.
 */
export async function runApp(
  runtime: AppRuntime,
  manifest: AppManifest,
  inputs: readonly EngineInput[],
): Promise<AppResult> {
  const { memoryMiB, cpuSeconds, wallSeconds, processes, tmpMiB } = manifest.limits
  const limits = {
    memoryBytes: memoryMiB * 1024 * 1024,
    cpus: 1,
    processesMax: baseThreads + processes,
    wallSeconds,
    cpuSeconds,
    tmpBytes: tmpMiB * 1024 * 1024,
  }
  const run = await runSandboxed(runtime.program, limits, runtime.sandbox)
  try {
    const message = await askEngine({ stdin: run.input, stdout: run.output }, manifest, inputs)
    if (message.kind !== 'result') throw appFailed()
    return message
  } catch (cause) {
    throw appFailed(cause)
  } finally {
    run.kill()
    await run.ended
  }
}

/**
 * Why an app gave nothing is not told: whether it failed, was killed, by which limit, or put out too much, may hang on every
 * bit of its inputs, and the host that asks is not to learn one.
 */
export function appFailed(cause?: unknown): OperationError {
  return new OperationError('app-failed', 'The app gave no result', { cause })
}
