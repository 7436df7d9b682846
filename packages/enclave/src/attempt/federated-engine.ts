import { encodeUtf8, OperationError, parseUtf8, type Bytes } from '@cloister/codec'
import type { AppManifest } from '@cloister/learn'

import type { AppInputSource, AppResult, AppRuntime } from '../drivers/driver.ts'
import { runEngineStage } from '../drivers/run-engine.ts'
import type { EngineOutput } from '../engine/messages.ts'
import type { FederatedStage } from '../engine/federated-stage.ts'
import { bytesToFloats, floatsToBytes } from '../engine/floats.ts'
import { applyOutputPolicy } from '../outputs/output-policy.ts'
import type { FederatedEngine } from './run-federated.ts'

/**
 * The measured engine, once in the sandbox for each stage. It is believed no more than for any other app: numbers that it
 * gives are checked where they are used, and the model against the output policy.
 */
export function federatedEngine(
  runtime: AppRuntime,
  manifest: AppManifest,
  data: readonly AppInputSource[],
  recordsMin: number,
): FederatedEngine {
  const run = (stage: FederatedStage, inputs: readonly AppInputSource[]): Promise<AppResult> =>
    runEngineStage(runtime, { manifest, inputs, recordsMin }, stage)
  return {
    initial: async (parameters) => {
      const { outputs } = await run('initial', [inline('parameters', parameters)])
      return weightsOf(outputs)
    },
    update: async (parameters, weights) => {
      const given = [inline('parameters', parameters), inline('weights', floatsToBytes(weights))]
      const { outputs } = await run('update', [...data, ...given])
      const rows = Number(parseUtf8(named(outputs, 'rows'), 'rows'))
      if (!Number.isSafeInteger(rows) || rows < 1) throw failed('a count of rows is no number')
      const trained = weightsOf(outputs)
      if (trained.length !== weights.length) throw failed('the model changed its size')
      return { weights: trained, rows }
    },
    assemble: async (parameters, weights) => {
      const given = [inline('parameters', parameters), inline('weights', floatsToBytes(weights))]
      const { outputs } = await run('assemble', given)
      return applyOutputPolicy({ ...manifest, metrics: [] }, { outputs, metrics: {} })
    },
  }
}

function weightsOf(outputs: readonly EngineOutput[]): Float32Array {
  return bytesToFloats(named(outputs, 'weights'), 'weights')
}

function named(outputs: readonly EngineOutput[], name: string): Bytes {
  return outputs.find((output) => output.name === name)?.bytes ?? encodeUtf8('')
}

function inline(role: string, bytes: Bytes): AppInputSource {
  const read = async (offset: number, length: number): Promise<Bytes> =>
    bytes.slice(offset, offset + length)
  return { role, size: bytes.length, read }
}

function failed(detail: string): OperationError {
  return new OperationError('engine-failed', `Cannot use what the engine gave: ${detail}`)
}
