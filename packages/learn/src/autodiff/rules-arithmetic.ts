import { inputAt, single, type Rule } from './rule.ts'
import { broadcastShape } from './tensor.ts'

const add: Rule = (e, inputs) => {
  const [a, b] = [inputAt('Add', inputs, 0), inputAt('Add', inputs, 1)]
  return single(e.binary('Add', a, b), (d, [toA, toB]) => [
    toA ? e.reduceTo(d, a.shape) : undefined,
    toB ? e.reduceTo(d, b.shape) : undefined,
  ])
}

const subtract: Rule = (e, inputs) => {
  const [a, b] = [inputAt('Sub', inputs, 0), inputAt('Sub', inputs, 1)]
  return single(e.binary('Sub', a, b), (d, [toA, toB]) => [
    toA ? e.reduceTo(d, a.shape) : undefined,
    toB ? e.unary('Neg', e.reduceTo(d, b.shape)) : undefined,
  ])
}

const multiply: Rule = (e, inputs) => {
  const [a, b] = [inputAt('Mul', inputs, 0), inputAt('Mul', inputs, 1)]
  return single(e.binary('Mul', a, b), (d, [toA, toB]) => [
    toA ? e.reduceTo(e.binary('Mul', d, b), a.shape) : undefined,
    toB ? e.reduceTo(e.binary('Mul', d, a), b.shape) : undefined,
  ])
}

const divide: Rule = (e, inputs) => {
  const [a, b] = [inputAt('Div', inputs, 0), inputAt('Div', inputs, 1)]
  const output = e.binary('Div', a, b)
  return single(output, (d, [toA, toB]) => {
    const share = e.binary('Div', d, b)
    return [
      toA ? e.reduceTo(share, a.shape) : undefined,
      toB ? e.unary('Neg', e.reduceTo(e.binary('Mul', share, output), b.shape)) : undefined,
    ]
  })
}

/** For an exponent that a gradient is wanted for, the base has to be above 0. */
const power: Rule = (e, inputs) => {
  const [a, b] = [inputAt('Pow', inputs, 0), inputAt('Pow', inputs, 1)]
  const output = e.op('Pow', [a, b], broadcastShape('Pow', a.shape, b.shape))
  return single(output, (d, [toA, toB]) => {
    const lower = () => {
      const exponent = e.binary('Sub', b, e.scalar(1))
      return e.op('Pow', [a, exponent], output.shape)
    }
    const slopeA = () => e.binary('Mul', e.binary('Mul', d, b), lower())
    const slopeB = () => e.binary('Mul', e.binary('Mul', d, output), e.unary('Log', a))
    return [
      toA ? e.reduceTo(slopeA(), a.shape) : undefined,
      toB ? e.reduceTo(slopeB(), b.shape) : undefined,
    ]
  })
}

const negate: Rule = (e, inputs) =>
  single(e.unary('Neg', inputAt('Neg', inputs, 0)), (d) => [e.unary('Neg', d)])

const exponential: Rule = (e, inputs) => {
  const output = e.unary('Exp', inputAt('Exp', inputs, 0))
  return single(output, (d) => [e.binary('Mul', d, output)])
}

const logarithm: Rule = (e, inputs) => {
  const a = inputAt('Log', inputs, 0)
  return single(e.unary('Log', a), (d) => [e.binary('Div', d, a)])
}

const squareRoot: Rule = (e, inputs) => {
  const output = e.unary('Sqrt', inputAt('Sqrt', inputs, 0))
  return single(output, (d) => [e.binary('Div', e.binary('Mul', d, e.scalar(0.5)), output)])
}

const identity: Rule = (e, inputs) =>
  single(e.unary('Identity', inputAt('Identity', inputs, 0)), (d) => [d])

/** Rules of element-by-element arithmetic. */
export const arithmeticRules = {
  Add: add,
  Sub: subtract,
  Mul: multiply,
  Div: divide,
  Pow: power,
  Neg: negate,
  Exp: exponential,
  Log: logarithm,
  Sqrt: squareRoot,
  Identity: identity,
} as const satisfies Readonly<Record<string, Rule>>
