import {
  canonicalJson,
  encodeHex,
  encodeUtf8,
  MalformedError,
  parseJson,
  type Bytes,
} from '@cloister/codec'
import { listed } from './autodiff/tensor.ts'
import type { Parameter } from './model.ts'
import { encodeSafetensors, parseSafetensors, tensorValues } from './safetensors.ts'
import type { TrainingPlan } from './training-settings.ts'

/** A training between two steps. The order of rows and what is dropped follow from the seed and the number of the step. */
export type Checkpoint = {
  /** Steps that were done. */
  readonly step: number
  /** Losses of the epoch that it stopped in, added up, and how many they are. */
  readonly lossSum: number
  readonly lossCount: number
  /** Parameters, running averages and what the optimizer remembers. */
  readonly tensors: readonly Parameter[]
}

const format = 'cloister-checkpoint/1'

/** Identity of a plan on so many rows: a checkpoint goes on with no other. Hexadecimal SHA-256. */
export async function planDigest(plan: TrainingPlan, rows: number): Promise<string> {
  const { model, settings, privacy } = plan
  const text = JSON.stringify({ model, settings, privacy, rows })
  const limits = { charactersMax: 16_777_216, depthMax: 16 }
  const canonical = encodeUtf8(canonicalJson(parseJson(text, 'plan', limits)))
  return encodeHex(new Uint8Array(await crypto.subtle.digest('SHA-256', canonical)))
}

/** Writes a checkpoint as a safetensors file. */
export function encodeCheckpoint(checkpoint: Checkpoint, plan: string): Bytes {
  const { step, lossSum, lossCount, tensors } = checkpoint
  return encodeSafetensors(tensors, {
    format,
    plan,
    step: String(step),
    lossSum: String(lossSum),
    lossCount: String(lossCount),
  })
}

/**
 * Reads a checkpoint of `plan`, which has to hold every tensor of `expected` in its shape.
 *
 * @throws {MalformedError} where it is of another plan, or none at all.
 */
export function parseCheckpoint(
  bytes: Bytes,
  plan: string,
  expected: readonly { readonly name: string; readonly shape: readonly number[] }[],
): Checkpoint {
  const { tensors, metadata } = parseSafetensors(bytes, 'checkpoint')
  if (metadata['format'] !== format)
    throw new MalformedError('checkpoint', 8, `expected the format ${format}`)
  if (metadata['plan'] !== plan)
    throw new MalformedError('checkpoint', 8, 'of another plan, or of other data')
  const number = (name: string) => {
    const value = Number(metadata[name] ?? 'missing')
    if (!Number.isFinite(value)) throw new MalformedError(`checkpoint.${name}`, 8, 'no number')
    return value
  }
  const found = expected.map(({ name, shape }) => {
    const place = tensors.find((each) => each.name === name)
    if (place === undefined || place.shape.join() !== shape.join())
      throw new MalformedError('checkpoint', 8, `no tensor ${name} of ${listed(shape)}`)
    return { name, shape, values: tensorValues(bytes, place) }
  })
  if (tensors.length !== found.length)
    throw new MalformedError('checkpoint', 8, `${tensors.length} tensors, expected ${found.length}`)
  const step = number('step')
  if (!Number.isSafeInteger(step) || step < 0)
    throw new MalformedError('checkpoint.step', 8, 'no number of steps')
  return { step, lossSum: number('lossSum'), lossCount: number('lossCount'), tensors: found }
}
