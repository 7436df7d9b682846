import { OperationError } from '@cloister/codec'
import type { AppManifest } from '@cloister/learn'

import { askEngine } from '../engine/client.ts'
import type { EngineInput, EngineMessage } from '../engine/messages.ts'
import type { SandboxProgram } from '../sandbox/bubblewrap.ts'
import type { SandboxEnd } from '../sandbox/limits.ts'
import { runSandboxed } from '../sandbox/run-sandboxed.ts'

/** The measured engine, and what confines it. */
export type AppRuntime = {
  readonly program: SandboxProgram
  readonly sandbox: 'bubblewrap' | 'none'
}

/** What an app gave. */
export type AppResult = Extract<EngineMessage, { kind: 'result' }>

const tmpBytes = 16 << 20
const baseThreads = 24 // Node's own, before the app has one.

/**
 * Runs an app over opened inputs inside the sandbox, within its manifest's limits.
 *
 * @throws {OperationError} `app-failed`, with the engine's own code and no byte of any input; `app-killed` past a limit.
 */
export async function runApp(
  runtime: AppRuntime,
  manifest: AppManifest,
  inputs: readonly EngineInput[],
): Promise<AppResult> {
  const { memoryMiB, cpuSeconds, wallSeconds, processes } = manifest.limits
  const limits = {
    memoryBytes: memoryMiB * 1024 * 1024,
    cpus: 1,
    processesMax: baseThreads + processes,
    wallSeconds,
    cpuSeconds,
    tmpBytes,
  }
  const run = await runSandboxed(runtime.program, limits, runtime.sandbox)
  try {
    const message = await askEngine({ stdin: run.input, stdout: run.output }, manifest, inputs)
    if (message.kind === 'result') return message
    const which = message.input === undefined ? '' : ` at input ${message.input}`
    throw new OperationError(
      'app-failed',
      `The app ended without a result: ${message.code}${which}`,
    )
  } catch (cause) {
    if (cause instanceof OperationError && cause.code === 'app-failed') throw cause
    run.kill()
    throw killed(await run.ended, cause)
  } finally {
    run.kill()
    await run.ended
  }
}

function killed(end: SandboxEnd, cause: unknown): OperationError {
  const how =
    end.kind === 'exited'
      ? `it ended with status ${end.status}`
      : end.by === 'us'
        ? 'it did not keep to the protocol'
        : `it was killed by ${end.by}`
  return new OperationError('app-killed', `The app gave no result: ${how}`, { cause })
}
