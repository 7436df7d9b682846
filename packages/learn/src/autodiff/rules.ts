import type { Rule } from './rule.ts'
import { activationRules } from './rules-activation.ts'
import { arithmeticRules } from './rules-arithmetic.ts'
import { convolutionRules } from './rules-convolution.ts'
import { lossRules } from './rules-loss.ts'
import { normalisationRules } from './rules-normalisation.ts'
import { poolingRules } from './rules-pooling.ts'
import { productRules } from './rules-product.ts'
import { reductionRules } from './rules-reduction.ts'
import { selectionRules } from './rules-selection.ts'
import { shapeRules } from './rules-shape.ts'

/** Every operator that can be differentiated. docs/learn.md lists them, and a test holds it to this table. */
export const rules = {
  ...arithmeticRules,
  ...activationRules,
  ...productRules,
  ...normalisationRules,
  ...convolutionRules,
  ...poolingRules,
  ...shapeRules,
  ...reductionRules,
  ...selectionRules,
  ...lossRules,
} as const satisfies Readonly<Record<string, Rule>>

/** The name of an operator that can be differentiated. */
export type OperatorName = keyof typeof rules

/** Whether `name` is that of an operator that can be differentiated. */
export function isOperatorName(name: string): name is OperatorName {
  return Object.hasOwn(rules, name)
}
