import { MalformedError } from '@cloister/codec'
import type { Emitter } from './emitter.ts'
import { inputAt, integerOf, realOf, single, type Rule } from './rule.ts'
import { listed, broadcastShape, sizeOf, type Shape, type Tensor } from './tensor.ts'

const matrixProduct: Rule = (e, inputs) => {
  const [a, b] = [inputAt('MatMul', inputs, 0), inputAt('MatMul', inputs, 1)]
  const [rows, inner] = [a.shape.at(-2), a.shape.at(-1)]
  const [innerToo, columns] = [b.shape.at(-2), b.shape.at(-1)]
  if (rows === undefined || columns === undefined || innerToo === undefined)
    throw new MalformedError('MatMul', 0, 'expected two tensors of two dimensions or more')
  if (inner !== innerToo)
    throw new MalformedError(
      'MatMul',
      0,
      `shapes ${listed(a.shape)} and ${listed(b.shape)} do not fit`,
    )
  const stack = broadcastShape('MatMul', a.shape.slice(0, -2), b.shape.slice(0, -2))
  const output = e.op('MatMul', [a, b], [...stack, rows, columns])
  if (b.shape.length === 2) return single(output, (d, needed) => pullOfMatrix(e, a, b, d, needed))
  return single(output, (d, [toA, toB]) => {
    const left = () => e.op('MatMul', [d, transposed(e, b)], [...stack, rows, innerToo])
    const right = () => e.op('MatMul', [transposed(e, a), d], [...stack, innerToo, columns])
    return [
      toA ? e.reduceTo(left(), a.shape) : undefined,
      toB ? e.reduceTo(right(), b.shape) : undefined,
    ]
  })
}

/** Where `b` is one matrix, all rows of `a` are one tall matrix: two products and no copy. */
function pullOfMatrix(
  e: Emitter,
  a: Tensor,
  b: Tensor,
  d: Tensor,
  [toA, toB]: readonly boolean[],
): readonly (Tensor | undefined)[] {
  const [inner = 1, columns = 1] = b.shape
  const rows = sizeOf(a.shape) / inner
  const flat = (tensor: Tensor, width: number) =>
    tensor.shape.length === 2 ? tensor : e.reshape(tensor, [rows, width])
  const tall = flat(d, columns)
  const left = () => {
    const product = e.op('Gemm', [tall, b], [rows, inner], { transB: { integer: 1 } })
    return a.shape.length === 2 ? product : e.reshape(product, a.shape)
  }
  return [
    toA ? left() : undefined,
    toB ? e.op('Gemm', [flat(a, inner), tall], b.shape, { transA: { integer: 1 } }) : undefined,
  ]
}

function transposed(e: Emitter, a: Tensor): Tensor {
  const axes = [...a.shape.keys()]
  return e.transpose(a, [...axes.slice(0, -2), axes.length - 1, axes.length - 2])
}

/** `alpha * A' * B' + beta * C`, where A' and B' are A and B or their transposes. */
const gemm: Rule = (e, inputs, attributes) => {
  const [a, b, c] = [inputAt('Gemm', inputs, 0), inputAt('Gemm', inputs, 1), inputs[2]]
  const [flipA, flipB] = ['transA', 'transB'].map(
    (name) => integerOf('Gemm', attributes, name, 0) !== 0,
  )
  const alpha = realOf('Gemm', attributes, 'alpha', 1)
  const beta = realOf('Gemm', attributes, 'beta', 1)
  if (a.shape.length !== 2 || b.shape.length !== 2)
    throw new MalformedError('Gemm', 0, 'expected two matrices')
  const [rows = 0, inner] = flipA ? a.shape.toReversed() : a.shape
  const [innerToo, columns = 0] = flipB ? b.shape.toReversed() : b.shape
  if (inner !== innerToo)
    throw new MalformedError(
      'Gemm',
      0,
      `shapes ${listed(a.shape)} and ${listed(b.shape)} do not fit`,
    )
  const shape = [rows, columns]
  if (c !== undefined && broadcastShape('Gemm', c.shape, shape).join() !== shape.join())
    throw new MalformedError(
      'Gemm',
      0,
      `shape ${listed(c.shape)} does not broadcast to ${listed(shape)}`,
    )

  const product = (left: Tensor, right: Tensor, to: Shape, flips: readonly [boolean, boolean]) =>
    e.op('Gemm', [left, right], to, {
      alpha: { real: alpha },
      transA: { integer: flips[0] ? 1 : 0 },
      transB: { integer: flips[1] ? 1 : 0 },
    })
  const output = e.op('Gemm', [a, b, ...(c ? [c] : [])], shape, {
    alpha: { real: alpha },
    beta: { real: beta },
    transA: { integer: flipA ? 1 : 0 },
    transB: { integer: flipB ? 1 : 0 },
  })
  return single(output, (d, [toA, toB, toC]) => {
    const ofA = () =>
      flipA ? product(b, d, a.shape, [!!flipB, true]) : product(d, b, a.shape, [false, !flipB])
    const ofB = () =>
      flipB ? product(d, a, b.shape, [true, !!flipA]) : product(a, d, b.shape, [!flipA, false])
    const ofC = (to: Shape) => {
      const summed = e.reduceTo(d, to)
      return beta === 1 ? summed : e.binary('Mul', summed, e.scalar(beta))
    }
    return [toA ? ofA() : undefined, toB ? ofB() : undefined, toC && c ? ofC(c.shape) : undefined]
  })
}

/** Rules of matrix products. */
export const productRules = {
  MatMul: matrixProduct,
  Gemm: gemm,
} as const satisfies Readonly<Record<string, Rule>>
