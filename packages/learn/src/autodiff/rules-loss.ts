import { MalformedError } from '@cloister/codec'
import { inputAt, single, type Rule } from './rule.ts'
import { listed, sameShape, sizeOf } from './tensor.ts'

/**
 * Weighted sum over rows of the negative logarithm of the true class's probability. Inputs: logits (rows x classes), the
 * class of each row (int64), the weight of each row. No operator of opset 17: written with those that are.
 */
const crossEntropy: Rule = (e, inputs) => {
  const logits = inputAt('CrossEntropy', inputs, 0)
  const labels = inputAt('CrossEntropy', inputs, 1)
  const weights = inputAt('CrossEntropy', inputs, 2)
  const [rows = 0] = logits.shape
  if (logits.shape.length !== 2 || !sameShape(labels.shape, [rows]))
    throw new MalformedError('CrossEntropy', 0, 'expected rows x classes and one class per row')
  if (!sameShape(weights.shape, [rows]))
    throw new MalformedError('CrossEntropy', 0, 'expected one weight per row')
  const logs = e.op('LogSoftmax', [logits], logits.shape, { axis: { integer: -1 } })
  const chosen = e.reshape(labels, [rows, 1])
  const own = e.op('GatherElements', [logs, chosen], [rows, 1], { axis: { integer: 1 } })
  const column = e.reshape(weights, [rows, 1])
  const share = e.binary('Mul', own, column)
  const output = e.unary('Neg', e.sum(share, [0, 1], false))
  return single(output, (d) => {
    const ones = e.op('Expand', [e.scalar(-1), e.integers([rows, 1])], [rows, 1])
    const off = e.op('ScatterElements', [e.unary('Exp', logs), chosen, ones], logits.shape, {
      axis: { integer: 1 },
      reduction: { text: 'add' },
    })
    return [e.binary('Mul', off, e.binary('Mul', column, d))]
  })
}

/**
 * Weighted sum over rows of the mean squared difference. Inputs: predictions and targets of one shape (rows first), the
 * weight of each row.
 */
const meanSquaredError: Rule = (e, inputs) => {
  const predicted = inputAt('MeanSquaredError', inputs, 0)
  const target = inputAt('MeanSquaredError', inputs, 1)
  const weights = inputAt('MeanSquaredError', inputs, 2)
  const [rows = 0] = predicted.shape
  if (predicted.shape.length === 0 || !sameShape(predicted.shape, target.shape))
    throw new MalformedError(
      'MeanSquaredError',
      0,
      `${listed(predicted.shape)} and ${listed(target.shape)}`,
    )
  if (!sameShape(weights.shape, [rows]))
    throw new MalformedError('MeanSquaredError', 0, 'expected one weight per row')
  const width = sizeOf(predicted.shape) / rows
  const column = e.reshape(
    weights,
    predicted.shape.map((length, axis) => (axis === 0 ? length : 1)),
  )
  const difference = e.binary('Sub', predicted, target)
  const weighted = e.binary('Mul', difference, e.binary('Mul', column, e.scalar(1 / width)))
  const axes = [...predicted.shape.keys()]
  const output = e.sum(e.binary('Mul', weighted, difference), axes, false)
  return single(output, (d, [toPredicted, toTarget]) => {
    const slope = e.binary('Mul', weighted, e.binary('Mul', d, e.scalar(2)))
    return [toPredicted ? slope : undefined, toTarget ? e.unary('Neg', slope) : undefined]
  })
}

/** Rules of losses. */
export const lossRules = {
  CrossEntropy: crossEntropy,
  MeanSquaredError: meanSquaredError,
} as const satisfies Readonly<Record<string, Rule>>
