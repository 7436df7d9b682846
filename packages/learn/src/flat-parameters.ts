import { MalformedError } from '@cloister/codec'
import type { BatchSource } from './batch-source.ts'
import type { Parameter } from './model.ts'
import type { Runtime } from './runtime.ts'
import { train, type TrainingOptions } from './training.ts'
import type { TrainingPlan } from './training-settings.ts'

/** All numbers of a model in one list, tensor after tensor. */
export function flatten(parameters: readonly Parameter[]): Float32Array {
  const flat = new Float32Array(parameters.reduce((sum, { values }) => sum + values.length, 0))
  let offset = 0
  for (const { values } of parameters) {
    flat.set(values, offset)
    offset += values.length
  }
  return flat
}

/**
 * Undoes {@link flatten}: the numbers of `flat` in the names and shapes of `like`.
 *
 * @throws {MalformedError} where there are more or fewer numbers.
 */
export function unflatten(flat: Float32Array, like: readonly Parameter[]): readonly Parameter[] {
  const size = like.reduce((sum, { values }) => sum + values.length, 0)
  if (flat.length !== size)
    throw new MalformedError('weights', 0, `${flat.length} numbers, expected ${size}`)
  let offset = 0
  return like.map(({ name, shape, values }) => {
    const own = flat.slice(offset, offset + values.length)
    offset += values.length
    return { name, shape, values: own }
  })
}

/** What a member of a federation gives after some steps of its own. */
export type LocalUpdate = {
  /** Weights after the steps minus weights before them, in one list. */
  readonly change: Float32Array
  readonly rows: number
  readonly steps: number
}

/**
 * Trains from given weights for at most `steps` steps (the plan's epochs may end it sooner) on a member's own rows.
 *
 * @throws {MalformedError} where plan, weights and rows do not fit, or the loss stops being a number.
 */
export async function localUpdate(
  plan: TrainingPlan,
  source: BatchSource,
  runtime: Runtime,
  options: TrainingOptions & { readonly start: readonly Parameter[]; readonly stepsMax: number },
): Promise<LocalUpdate> {
  const trained = await train(plan, source, runtime, options)
  const before = flatten(options.start)
  const change = flatten(trained.parameters).map((value, index) => value - (before[index] ?? 0))
  return { change, rows: trained.rows, steps: trained.steps }
}
