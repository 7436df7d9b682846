import { OperationError } from '@cloister/codec'
import type { AppManifest } from '@cloister/learn'

import { askEngine } from '../engine/client.ts'
import type { EngineInput, EngineMessage } from '../engine/messages.ts'
import type { SandboxProgram } from '../sandbox/program.ts'
import { runSandboxed } from '../sandbox/run-sandboxed.ts'
import type { SealedInput } from './open-inputs.ts'

/** The measured engine, and what confines it. */
export type AppRuntime = {
  readonly program: SandboxProgram
  readonly sandbox: 'bubblewrap' | 'none'
}

/** What an app gave. */
export type AppResult = Extract<EngineMessage, { kind: 'result' }>

const baseThreads = 24 // Node's own, before the app has one.

/**
 * Opens inputs and runs an app over them inside the sandbox, within its manifest's limits.
 *
 * @throws {OperationError} `app-failed`, and no word why; `part-refused`, `wrong-key`, `tampered` or the host's, where an input does
 * not open.
 */
export async function runApp(
  runtime: AppRuntime,
  manifest: AppManifest,
  sealed: readonly SealedInput[],
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
  const inputs = await openAll(sealed)
  const run = await runSandboxed(runtime.program, limits, runtime.sandbox)
  try {
    const message = await askEngine({ stdin: run.input, stdout: run.output }, manifest, inputs)
    if (message.kind !== 'result') throw appFailed()
    return message
  } catch (cause) {
    throw appFailed(cause)
  } finally {
    for (const { bytes } of inputs) bytes.fill(0)
    run.kill()
    await run.ended
  }
}

// Failures to open are told apart from the app's: they hang on what the host gave, and on no bit of the plaintext.
async function openAll(sealed: readonly SealedInput[]): Promise<readonly EngineInput[]> {
  const inputs: EngineInput[] = []
  try {
    for (const { role, size, read } of sealed) inputs.push({ role, bytes: await read(0, size) })
    return inputs
  } catch (cause) {
    for (const { bytes } of inputs) bytes.fill(0)
    throw cause
  }
}

/**
 * Why an app gave nothing is not told: whether it failed, was killed, by which limit, or put out too much, may hang on every
 * bit of its inputs, and the host that asks is not to learn one.
 */
export function appFailed(cause?: unknown): OperationError {
  return new OperationError('app-failed', 'The app gave no result', { cause })
}
