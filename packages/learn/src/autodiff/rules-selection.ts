import { MalformedError } from '@cloister/codec'
import { inputAt, integerOf, single, type Rule } from './rule.ts'
import { listed, axisOf, broadcastShape, sameShape, sizeOf } from './tensor.ts'

/** `where(condition, a, b)`; the condition (yes and no) has no gradient. */
const where: Rule = (e, inputs) => {
  const condition = inputAt('Where', inputs, 0)
  const [a, b] = [inputAt('Where', inputs, 1), inputAt('Where', inputs, 2)]
  const both = broadcastShape('Where', a.shape, b.shape)
  const shape = broadcastShape('Where', condition.shape, both)
  const zero = e.scalar(0)
  return single(e.op('Where', [condition, a, b], shape), (d, [, toA, toB]) => [
    undefined,
    toA ? e.reduceTo(e.op('Where', [condition, d, zero], shape), a.shape) : undefined,
    toB ? e.reduceTo(e.op('Where', [condition, zero, d], shape), b.shape) : undefined,
  ])
}

/** Rows of a table by number (int64), along `axis`. A row that is taken twice gets both gradients. */
const gather: Rule = (e, inputs, attributes) => {
  const [a, places] = [inputAt('Gather', inputs, 0), inputAt('Gather', inputs, 1)]
  const axis = axisOf('Gather', integerOf('Gather', attributes, 'axis', 0), a.shape.length)
  const [before, after] = [a.shape.slice(0, axis), a.shape.slice(axis + 1)]
  const shape = [...before, ...places.shape, ...after]
  const output = e.op('Gather', [a, places], shape, { axis: { integer: axis } })
  return single(output, (d) => {
    const count = sizeOf(places.shape)
    const list = e.reshape(places, [count, 1])
    // The chosen axis goes first, so that each number of `places` names one whole row.
    const rows = e.reshape(d, [...before, count, ...after])
    const first = [axis, ...[...a.shape.keys()].filter((each) => each !== axis)]
    const moved = axis === 0 ? rows : e.transpose(rows, first)
    const target = first.map((each) => a.shape[each] ?? 1)
    const reduction = { reduction: { text: 'add' } }
    const sums = e.op('ScatterND', [e.zeros(target), list, moved], target, reduction)
    const back = first.map((_, each) => first.indexOf(each))
    return [axis === 0 ? sums : e.transpose(sums, back)]
  })
}

/**
 * Drops what the second input, a mask, says: 0 for a number that is dropped, 1 / (1 - rate) for one that stays. Masks are
 * drawn outside the graph, so that equal seeds give equal steps on every runtime.
 */
const dropout: Rule = (e, inputs) => {
  const [a, mask] = [inputAt('Dropout', inputs, 0), inputAt('Dropout', inputs, 1)]
  if (!sameShape(a.shape, mask.shape))
    throw new MalformedError('Dropout', 0, `a mask of ${listed(mask.shape)} for ${listed(a.shape)}`)
  return single(e.binary('Mul', a, mask), (d) => [e.binary('Mul', d, mask)])
}

/** Rules that choose among numbers. */
export const selectionRules = {
  Where: where,
  Gather: gather,
  Dropout: dropout,
} as const satisfies Readonly<Record<string, Rule>>
