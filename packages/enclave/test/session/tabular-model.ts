import type { Bytes } from '@cloister/codec'
import { inferenceGraph, initialParameters, noNormalisation } from '@cloister/learn'

/** A small classifier of four numbers, never trained. */
export function tabularModel(): Bytes {
  const model = { kind: 'logistic', features: 4, classes: ['no', 'yes'] } as const
  return inferenceGraph(model, initialParameters(model, 1), noNormalisation(4))
}
