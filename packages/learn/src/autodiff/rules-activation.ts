import { MalformedError } from '@cloister/codec'
import type { Emitter } from './emitter.ts'
import { inputAt, integerOf, realOf, single, textOf, type Rule } from './rule.ts'
import { axisOf, type Tensor } from './tensor.ts'

const tanh: Rule = (e, inputs) => {
  const output = e.unary('Tanh', inputAt('Tanh', inputs, 0))
  return single(output, (d) => {
    const slope = e.binary('Sub', e.scalar(1), e.binary('Mul', output, output))
    return [e.binary('Mul', d, slope)]
  })
}

const sigmoid: Rule = (e, inputs) => {
  const output = e.unary('Sigmoid', inputAt('Sigmoid', inputs, 0))
  return single(output, (d) => {
    const slope = e.binary('Mul', output, e.binary('Sub', e.scalar(1), output))
    return [e.binary('Mul', d, slope)]
  })
}

/** The slope at 0 is taken as 0. */
const relu: Rule = (e, inputs) => {
  const output = e.unary('Relu', inputAt('Relu', inputs, 0))
  // The sign of what is never negative: 1 where the input was positive, else 0.
  return single(output, (d) => [e.binary('Mul', d, e.unary('Sign', output))])
}

/** The slope at 0 is taken as `alpha`. */
const leakyRelu: Rule = (e, inputs, attributes) => {
  const a = inputAt('LeakyRelu', inputs, 0)
  const alpha = realOf('LeakyRelu', attributes, 'alpha', 0.01)
  const output = e.op('LeakyRelu', [a], a.shape, { alpha: { real: alpha } })
  return single(output, (d) => {
    const positive = e.op('Greater', [a, e.scalar(0)], a.shape)
    const slope = e.op('Where', [positive, e.scalar(1), e.scalar(alpha)], a.shape)
    return [e.binary('Mul', d, slope)]
  })
}

const elu: Rule = (e, inputs, attributes) => {
  const a = inputAt('Elu', inputs, 0)
  const alpha = realOf('Elu', attributes, 'alpha', 1)
  const output = e.op('Elu', [a], a.shape, { alpha: { real: alpha } })
  return single(output, (d) => {
    const positive = e.op('Greater', [a, e.scalar(0)], a.shape)
    const below = e.binary('Add', output, e.scalar(alpha))
    const slope = e.op('Where', [positive, e.scalar(1), below], a.shape)
    return [e.binary('Mul', d, slope)]
  })
}

/** The slope at either bound is taken as 0. */
const clip: Rule = (e, inputs, attributes) => {
  const a = inputAt('Clip', inputs, 0)
  const low = e.scalar(realOf('Clip', attributes, 'min', -3.4028234663852886e38))
  const high = e.scalar(realOf('Clip', attributes, 'max', 3.4028234663852886e38))
  const output = e.op('Clip', [a, low, high], a.shape)
  return single(output, (d) => {
    const above = e.op('Greater', [a, low], a.shape)
    const below = e.op('Less', [a, high], a.shape)
    const inside = e.op('And', [above, below], a.shape)
    return [e.op('Where', [inside, d, e.scalar(0)], a.shape)]
  })
}

const softplus: Rule = (e, inputs) => {
  const a = inputAt('Softplus', inputs, 0)
  return single(e.unary('Softplus', a), (d) => [e.binary('Mul', d, e.unary('Sigmoid', a))])
}

const erf: Rule = (e, inputs) => {
  const a = inputAt('Erf', inputs, 0)
  return single(e.unary('Erf', a), (d) => {
    const bell = e.unary('Exp', e.unary('Neg', e.binary('Mul', a, a)))
    const slope = e.binary('Mul', bell, e.scalar(2 / Math.sqrt(Math.PI)))
    return [e.binary('Mul', d, slope)]
  })
}

/** Not an operator of opset 17: written with those that are. `approximate`: `none` (erf) or `tanh`. */
const gelu: Rule = (e, inputs, attributes) => {
  const a = inputAt('Gelu', inputs, 0)
  const form = textOf('Gelu', attributes, 'approximate', 'none')
  if (form !== 'none' && form !== 'tanh')
    throw new MalformedError('Gelu.approximate', 0, 'expected none or tanh')
  return form === 'none' ? geluByErf(e, a) : geluByTanh(e, a)
}

/** `x * P(x)` where P is the distribution function of the standard normal. */
function geluByErf(e: Emitter, a: Tensor): ReturnType<Rule> {
  const error = e.unary('Erf', e.binary('Mul', a, e.scalar(Math.SQRT1_2)))
  const half = e.scalar(0.5)
  const share = e.binary('Mul', e.binary('Add', error, e.scalar(1)), half)
  return single(e.binary('Mul', a, share), (d) => {
    const square = e.binary('Mul', e.binary('Mul', a, a), e.scalar(-0.5))
    const density = e.binary('Mul', e.unary('Exp', square), e.scalar(1 / Math.sqrt(2 * Math.PI)))
    const slope = e.binary('Add', share, e.binary('Mul', a, density))
    return [e.binary('Mul', d, slope)]
  })
}

/**
 * `x * sigmoid(x * p)` with `p = linear + cubic * x^2`: the same as `0.5 * x * (1 + tanh(x * p / 2))`, in fewer passes
 * over memory. Spec: Hendrycks and Gimpel, "Gaussian error linear units", section 2.
 */
function geluByTanh(e: Emitter, a: Tensor): ReturnType<Rule> {
  const linear = 2 * Math.sqrt(2 / Math.PI)
  const cubic = linear * 0.044715
  const square = e.binary('Mul', e.binary('Mul', a, a), e.scalar(cubic))
  const p = e.binary('Add', square, e.scalar(linear))
  const share = e.unary('Sigmoid', e.binary('Mul', a, p))
  const output = e.binary('Mul', a, share)
  return single(output, (d) => {
    // The slope of x * p is linear + 3 * cubic * x^2 = 3p - 2 * linear.
    const inner = e.binary('Sub', e.binary('Mul', p, e.scalar(3)), e.scalar(2 * linear))
    const rest = e.binary('Mul', output, e.binary('Sub', e.scalar(1), share))
    const slope = e.binary('Add', share, e.binary('Mul', rest, inner))
    return [e.binary('Mul', d, slope)]
  })
}

const softmax: Rule = (e, inputs, attributes) => {
  const a = inputAt('Softmax', inputs, 0)
  const axis = axisOf('Softmax', integerOf('Softmax', attributes, 'axis', -1), a.shape.length)
  const output = e.op('Softmax', [a], a.shape, { axis: { integer: axis } })
  return single(output, (d) => {
    const weighted = e.binary('Mul', d, output)
    const total = e.sum(weighted, [axis], true)
    return [e.binary('Sub', weighted, e.binary('Mul', output, total))]
  })
}

const logSoftmax: Rule = (e, inputs, attributes) => {
  const a = inputAt('LogSoftmax', inputs, 0)
  const axis = axisOf('LogSoftmax', integerOf('LogSoftmax', attributes, 'axis', -1), a.shape.length)
  const output = e.op('LogSoftmax', [a], a.shape, { axis: { integer: axis } })
  return single(output, (d) => {
    const total = e.sum(d, [axis], true)
    return [e.binary('Sub', d, e.binary('Mul', e.unary('Exp', output), total))]
  })
}

/** Rules of activations. */
export const activationRules = {
  Tanh: tanh,
  Sigmoid: sigmoid,
  Relu: relu,
  LeakyRelu: leakyRelu,
  Elu: elu,
  Clip: clip,
  Softplus: softplus,
  Erf: erf,
  Gelu: gelu,
  Softmax: softmax,
  LogSoftmax: logSoftmax,
} as const satisfies Readonly<Record<string, Rule>>
