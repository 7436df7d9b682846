import { MalformedError } from '@cloister/codec'
import { inputAt, integerOf, integersOf, single, type Rule } from './rule.ts'
import {
  listed,
  axisOf,
  broadcastShape,
  droppedShape,
  sameShape,
  sizeOf,
  type Shape,
} from './tensor.ts'

/** `shape`: lengths, where 0 keeps the length at the same place and one -1 is whatever is left. */
const reshape: Rule = (e, inputs, attributes) => {
  const a = inputAt('Reshape', inputs, 0)
  const wanted = integersOf('Reshape', attributes, 'shape')
  const copied = wanted.map((length, axis) => (length === 0 ? (a.shape[axis] ?? 0) : length))
  const known = copied.filter((length) => length !== -1).reduce((size, length) => size * length, 1)
  const shape = copied.map((length) => (length === -1 ? sizeOf(a.shape) / known : length))
  const fits = shape.every((length) => Number.isInteger(length) && length > 0)
  if (!fits || sizeOf(shape) !== sizeOf(a.shape))
    throw new MalformedError('Reshape', 0, `${listed(a.shape)} does not fit into ${listed(wanted)}`)
  return single(e.reshape(a, shape), (d) => [e.reshape(d, a.shape)])
}

const flatten: Rule = (e, inputs, attributes) => {
  const a = inputAt('Flatten', inputs, 0)
  const given = integerOf('Flatten', attributes, 'axis', 1)
  const axis = given === a.shape.length ? given : axisOf('Flatten', given, a.shape.length)
  const shape = [sizeOf(a.shape.slice(0, axis)), sizeOf(a.shape.slice(axis))]
  return single(e.reshape(a, shape), (d) => [e.reshape(d, a.shape)])
}

const squeeze: Rule = (e, inputs, attributes) => {
  const a = inputAt('Squeeze', inputs, 0)
  const ones = [...a.shape.keys()].filter((axis) => a.shape[axis] === 1)
  const axes = integersOf('Squeeze', attributes, 'axes', ones).map((axis) =>
    axisOf('Squeeze', axis, a.shape.length),
  )
  if (axes.some((axis) => a.shape[axis] !== 1))
    throw new MalformedError('Squeeze', 0, `an axis of ${listed(a.shape)} is longer than 1`)
  return single(e.reshape(a, droppedShape(a.shape, axes)), (d) => [e.reshape(d, a.shape)])
}

const unsqueeze: Rule = (e, inputs, attributes) => {
  const a = inputAt('Unsqueeze', inputs, 0)
  const given = integersOf('Unsqueeze', attributes, 'axes')
  const rank = a.shape.length + given.length
  const axes = given.map((axis) => axisOf('Unsqueeze', axis, rank))
  if (new Set(axes).size !== axes.length) throw new MalformedError('Unsqueeze', 0, 'one axis twice')
  const rest = [...a.shape]
  const shape = Array.from({ length: rank }, (_, axis) =>
    axes.includes(axis) ? 1 : (rest.shift() ?? 1),
  )
  return single(e.reshape(a, shape), (d) => [e.reshape(d, a.shape)])
}

const transpose: Rule = (e, inputs, attributes) => {
  const a = inputAt('Transpose', inputs, 0)
  const order = integersOf('Transpose', attributes, 'perm', [...a.shape.keys()].toReversed())
  if (
    !sameShape(
      order.toSorted((x, y) => x - y),
      [...a.shape.keys()],
    )
  )
    throw new MalformedError(
      'Transpose',
      0,
      `${listed(order)} is no order of ${a.shape.length} axes`,
    )
  const back = order.map((_, axis) => order.indexOf(axis))
  return single(e.transpose(a, order), (d) => [e.transpose(d, back)])
}

const expand: Rule = (e, inputs, attributes) => {
  const a = inputAt('Expand', inputs, 0)
  const shape = broadcastShape('Expand', a.shape, integersOf('Expand', attributes, 'shape'))
  const output = e.op('Expand', [a, e.integers(shape)], shape)
  return single(output, (d) => [e.reduceTo(d, a.shape)])
}

/** Runs of neighbours only: every step has to be 1. Bounds past the end are brought back, as ONNX has it. */
const slice: Rule = (e, inputs, attributes) => {
  const a = inputAt('Slice', inputs, 0)
  const starts = integersOf('Slice', attributes, 'starts')
  const ends = integersOf('Slice', attributes, 'ends')
  const axes = integersOf('Slice', attributes, 'axes', [...starts.keys()]).map((axis) =>
    axisOf('Slice', axis, a.shape.length),
  )
  const steps = integersOf(
    'Slice',
    attributes,
    'steps',
    axes.map(() => 1),
  )
  if (steps.some((step) => step !== 1)) throw new MalformedError('Slice', 0, 'a step other than 1')
  if (starts.length !== axes.length || ends.length !== axes.length)
    throw new MalformedError('Slice', 0, 'expected one start and one end for each axis')
  const bounds = a.shape.map((length, axis) => {
    const place = axes.indexOf(axis)
    const bound = (value: number) =>
      Math.min(Math.max(value < 0 ? value + length : value, 0), length)
    return place < 0 ? [0, length] : [bound(starts[place] ?? 0), bound(ends[place] ?? 0)]
  })
  const shape = bounds.map(([start = 0, end = 0]) => end - start)
  if (shape.some((length) => length < 1)) throw new MalformedError('Slice', 0, 'nothing is left')
  const all = [...a.shape.keys()]
  const firsts = bounds.map(([start = 0]) => start)
  const lasts = bounds.map(([, end = 0]) => end)
  const output = e.op('Slice', [a, e.integers(firsts), e.integers(lasts), e.integers(all)], shape)
  return single(output, (d) => {
    const after = lasts.map((end, axis) => (a.shape[axis] ?? 0) - end)
    return [e.op('Pad', [d, e.integers([...firsts, ...after])], a.shape)]
  })
}

const concatenate: Rule = (e, inputs, attributes) => {
  const first = inputAt('Concat', inputs, 0)
  const given = integerOf('Concat', attributes, 'axis', 0)
  const axis = axisOf('Concat', given, first.shape.length)
  const rest = (shape: Shape) => shape.with(axis, 1)
  if (
    inputs.some(({ shape }) => shape.length <= axis || !sameShape(rest(shape), rest(first.shape)))
  )
    throw new MalformedError('Concat', 0, 'shapes differ along other axes')
  const lengths = inputs.map(({ shape }) => shape[axis] ?? 0)
  const total = lengths.reduce((sum, length) => sum + length, 0)
  const at = { axis: { integer: axis } }
  const output = e.op('Concat', inputs, first.shape.with(axis, total), at)
  return single(output, (d) =>
    inputs.length === 1
      ? [d]
      : e.ops(
          'Split',
          [d, e.integers(lengths)],
          inputs.map(({ shape }) => shape),
          at,
        ),
  )
}

/** `split`: how long each part is along `axis`. */
const split: Rule = (e, inputs, attributes) => {
  const a = inputAt('Split', inputs, 0)
  const axis = axisOf('Split', integerOf('Split', attributes, 'axis', 0), a.shape.length)
  const lengths = integersOf('Split', attributes, 'split')
  const total = lengths.reduce((sum, length) => sum + length, 0)
  if (total !== a.shape[axis] || lengths.some((length) => length < 1))
    throw new MalformedError(
      'Split',
      0,
      `${listed(lengths)} does not cut axis ${axis} of ${listed(a.shape)}`,
    )
  const shapes = lengths.map((length) => a.shape.with(axis, length))
  const at = { axis: { integer: axis } }
  const outputs = e.ops('Split', [a, e.integers(lengths)], shapes, at)
  return {
    outputs,
    pull: (gradients) => {
      const parts = gradients.map((gradient, index) => gradient ?? e.zeros(shapes[index] ?? []))
      return [e.op('Concat', parts, a.shape, at)]
    },
  }
}

/** Rules that move numbers and leave them as they are. */
export const shapeRules = {
  Reshape: reshape,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Transpose: transpose,
  Expand: expand,
  Slice: slice,
  Concat: concatenate,
  Split: split,
} as const satisfies Readonly<Record<string, Rule>>
