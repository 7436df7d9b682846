import type { Json } from '@cloister/codec'
import { JsonFields } from './json-fields.ts'

/** How the learning rate changes from step to step. The first `warmupSteps` lead up to it in a straight line. */
export type Schedule = { readonly warmupSteps: number } & (
  | { readonly kind: 'constant' }
  /** Half a cosine from the full rate down to `floor` of it at the last step. */
  | { readonly kind: 'cosine'; readonly floor: number }
  /** A straight line from the full rate down to `floor` of it at the last step. */
  | { readonly kind: 'linear'; readonly floor: number }
  /** Times `factor` after every `everySteps`. */
  | { readonly kind: 'step'; readonly everySteps: number; readonly factor: number }
)

const stepsMax = 5_000_000

/**
 * Reads a schedule. Unknown fields are refused.
 *
 * @throws {MalformedError} naming the field.
 */
export function readSchedule(value: Json, path: string): Schedule {
  const fields = new JsonFields(value, path)
  const kind = fields.choice('kind', ['constant', 'cosine', 'linear', 'step'])
  const warmupSteps = fields.whole('warmupSteps', 0, stepsMax)
  const schedule: Schedule =
    kind === 'constant'
      ? { kind, warmupSteps }
      : kind === 'step'
        ? {
            kind,
            warmupSteps,
            everySteps: fields.whole('everySteps', 1, stepsMax),
            factor: fields.number('factor', 1e-6, 1),
          }
        : { kind, warmupSteps, floor: fields.number('floor', 0, 1) }
  fields.end()
  return schedule
}

/** Share of the learning rate that counts at `step` (the first is 0) of `steps`. */
export function rateShare(schedule: Schedule | undefined, step: number, steps: number): number {
  if (schedule === undefined) return 1
  const { warmupSteps } = schedule
  if (step < warmupSteps) return (step + 1) / warmupSteps
  const done = step - warmupSteps
  const way = Math.min(1, done / Math.max(1, steps - 1 - warmupSteps))
  switch (schedule.kind) {
    case 'constant':
      return 1
    case 'cosine':
      return schedule.floor + ((1 - schedule.floor) * (1 + Math.cos(Math.PI * way))) / 2
    case 'linear':
      return 1 - (1 - schedule.floor) * way
    case 'step':
    default:
      return schedule.factor ** Math.floor(done / schedule.everySteps)
  }
}
