import { OperationError } from '@cloister/codec'

import { askEngine } from '../engine/client.ts'
import type { FederatedStage } from '../engine/federated-stage.ts'
import { runSandboxed } from '../sandbox/run-sandboxed.ts'
import { limitsOf, type AppResult, type AppRun, type AppRuntime } from './driver.ts'

/**
 * Runs an `onnx` app: the measured engine does what the manifest's kind says. It reads large inputs in ranges, in an order that hangs
 * on their sizes alone.
 *
 * @throws {OperationError} `engine-failed` and others, whose words stay in the enclave.
 */
export function runEngine(runtime: AppRuntime, run: AppRun): Promise<AppResult> {
  return runEngineStage(runtime, run, undefined)
}

/** The same for one stage of a federated app. @throws {OperationError} likewise. */
export async function runEngineStage(
  { program, sandbox }: AppRuntime,
  { manifest, inputs, recordsMin, budget }: AppRun,
  stage: FederatedStage | undefined,
): Promise<AppResult> {
  const run = await runSandboxed(program, limitsOf(manifest), sandbox)
  try {
    const pipes = { stdin: run.input, stdout: run.output }
    const message = await askEngine(pipes, manifest, inputs, {
      recordsMin,
      budget,
      ...(stage === undefined ? {} : { stage }),
    })
    if (message.kind === 'result') return message
    throw new OperationError(message.code, message.message)
  } finally {
    run.kill()
    await run.ended
  }
}
