import { MalformedError, type Bytes } from '@cloister/codec'
import {
  openTrainingData,
  poolSources,
  type AppManifest,
  type AppRole,
  type BatchSource,
  type ModelDefinition,
} from '@cloister/learn'

import { EngineFailure } from './failure.ts'
import { engineLimits, type EngineRequest, type RangedInput } from './messages.ts'

/**
 * All data of a request as one source of rows, in the order of the inputs.
 *
 * @throws {EngineFailure} `bad-data` naming the input, `too-few-records`.
 */
export async function openData(
  { app, inputs, recordsMin }: Pick<EngineRequest, 'app' | 'inputs' | 'recordsMin'>,
  model: ModelDefinition,
): Promise<BatchSource> {
  const header = hasHeader(app, 'data')
  const sources: BatchSource[] = []
  for (const [index, { role, size, read }] of inputs.entries())
    if (role === 'data')
      sources.push(
        await EngineFailure.guardAsync('bad-data', index, () =>
          openTrainingData(model, { bytes: size, read }, { header }),
        ),
      )
  const source = poolSources(sources)
  if (source.rows < recordsMin)
    throw new EngineFailure('too-few-records', `The data have fewer than ${recordsMin} rows`)
  return source
}

/** The one input of a role, whole. */
export async function single(
  inputs: readonly RangedInput[],
  role: AppRole,
): Promise<{ readonly index: number; readonly bytes: Bytes }> {
  const index = inputs.findIndex((input) => input.role === role)
  const input = inputs[index]
  if (input === undefined) throw new MalformedError('request.inputs', 0, `no input of role ${role}`)
  return { index, bytes: await readWhole(input) }
}

async function readWhole({ size, read }: RangedInput): Promise<Bytes> {
  const whole = new Uint8Array(size)
  for (let offset = 0; offset < size; offset += engineLimits.readBytesMax)
    whole.set(await read(offset, Math.min(engineLimits.readBytesMax, size - offset)), offset)
  return whole
}

/** Whether the first line of a table names its columns. */
export function hasHeader(app: AppManifest, role: AppRole): boolean {
  return app.inputs.find((input) => input.role === role)?.header ?? false
}
