import type { Emitter } from './emitter.ts'
import { inputAt, integerOf, integersOf, single, type Attributes, type Rule } from './rule.ts'
import { axisOf, droppedShape, keptShape, sizeOf, type Tensor } from './tensor.ts'

const reduceSum: Rule = (e, inputs, attributes) => {
  const { a, axes, keep } = reduction('ReduceSum', inputs, attributes)
  // A step whose output is its input would count its gradient twice.
  const output = axes.length === 0 ? e.unary('Identity', a) : e.sum(a, axes, keep)
  return single(output, (d) => [spread(e, d, a, axes)])
}

const reduceMean: Rule = (e, inputs, attributes) => {
  const { a, axes, keep } = reduction('ReduceMean', inputs, attributes)
  if (axes.length === 0) return single(e.unary('Identity', a), (d) => [d])
  const share = sizeOf(axes.map((axis) => a.shape[axis] ?? 1))
  const mean = e.mean(a, axes)
  const output = keep ? mean : e.reshape(mean, droppedShape(a.shape, axes))
  return single(output, (d) => [spread(e, e.binary('Mul', d, e.scalar(1 / share)), a, axes)])
}

/** `axes`: all where it is absent. */
function reduction(
  operator: string,
  inputs: readonly Tensor[],
  attributes: Attributes,
): { readonly a: Tensor; readonly axes: readonly number[]; readonly keep: boolean } {
  const a = inputAt(operator, inputs, 0)
  const given = integersOf(operator, attributes, 'axes', [...a.shape.keys()])
  const axes = given.map((axis) => axisOf(operator, axis, a.shape.length))
  return { a, axes, keep: integerOf(operator, attributes, 'keepdims', 1) !== 0 }
}

/** Each number that was added up gets the gradient of the sum. */
function spread(e: Emitter, gradient: Tensor, a: Tensor, axes: readonly number[]): Tensor {
  const kept = keptShape(a.shape, axes)
  const aligned = gradient.shape.length === kept.length ? gradient : e.reshape(gradient, kept)
  return e.expand(aligned, a.shape)
}

/** Rules of sums and means. */
export const reductionRules = {
  ReduceSum: reduceSum,
  ReduceMean: reduceMean,
} as const satisfies Readonly<Record<string, Rule>>
