import { assert, MalformedError } from '@cloister/codec'
import type { OnnxAttribute, OnnxGraph, OnnxValue } from '../onnx-graph.ts'
import { broadcastShape, keptShape, sameShape, sizeOf, type Shape, type Tensor } from './tensor.ts'

/** Most numbers that one tensor of a graph may hold. */
export const tensorElementsMax = 2 ** 31 - 1

/** Writes operators whose shapes are all known into a graph. Equal constants are written once. */
export class Emitter {
  readonly graph: OnnxGraph
  readonly #constants = new Map<string, Tensor>()
  /** Whether the outermost dimension is left to run time: reshapes then name every length but that one. */
  readonly #rowsLeftOpen: boolean

  /** Whether nobody will ask for gradients: then outputs that only they need can be left out. */
  get forwardOnly(): boolean {
    return this.#rowsLeftOpen
  }

  constructor(graph: OnnxGraph, rows: 'fixed' | 'open' = 'fixed') {
    this.graph = graph
    this.#rowsLeftOpen = rows === 'open'
  }

  /** An operator with one output of a shape that the caller vouches for. */
  op(
    type: string,
    inputs: readonly (Tensor | undefined)[],
    shape: Shape,
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): Tensor {
    checkSize(type, shape)
    return fixed(this.graph.operator(type, inputs, shape, attributes))
  }

  /** An operator with several outputs. */
  ops(
    type: string,
    inputs: readonly (Tensor | undefined)[],
    shapes: readonly Shape[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): readonly Tensor[] {
    for (const shape of shapes) checkSize(type, shape)
    return this.graph.operators(type, inputs, shapes, attributes).map(fixed)
  }

  /** A single number. */
  scalar(value: number): Tensor {
    return this.#once(`f${value}`, () => this.graph.scalar(value))
  }

  /** A list of whole numbers. */
  integers(values: readonly number[]): Tensor {
    return this.#once(`i${values.join()}`, () => this.graph.integers(values))
  }

  /** `Add`, `Sub`, `Mul`, `Div`, `Min`: element by element, broadcast. */
  binary(type: 'Add' | 'Sub' | 'Mul' | 'Div' | 'Min', a: Tensor, b: Tensor): Tensor {
    return this.op(type, [a, b], broadcastShape(type, a.shape, b.shape))
  }

  /** An operator with one input and an output of the same shape. */
  unary(type: string, a: Tensor): Tensor {
    return this.op(type, [a], a.shape)
  }

  /** The same numbers in another shape. */
  reshape(a: Tensor, shape: Shape): Tensor {
    assert(sizeOf(a.shape) === sizeOf(shape), 'a reshape keeps every number')
    const open = this.#rowsLeftOpen && shape.length > 0
    const sizes = open ? [-1, ...shape.slice(1)] : shape
    return this.op('Reshape', [a, this.integers(sizes)], shape)
  }

  /** Swaps dimensions: dimension `i` of the output is dimension `order[i]` of `a`. */
  transpose(a: Tensor, order: readonly number[]): Tensor {
    const shape = order.map((axis) => a.shape[axis] ?? 1)
    return this.op('Transpose', [a], shape, { perm: { integers: order } })
  }

  /** Sum over `axes`, which stay as dimensions of 1 where `keep` says so. */
  sum(a: Tensor, axes: readonly number[], keep: boolean): Tensor {
    const shape = keep
      ? keptShape(a.shape, axes)
      : a.shape.filter((_, axis) => !axes.includes(axis))
    const attributes = { keepdims: { integer: keep ? 1 : 0 } }
    return this.op('ReduceSum', [a, this.integers(axes)], shape, attributes)
  }

  /** Mean over `axes`, which stay as dimensions of 1. */
  mean(a: Tensor, axes: readonly number[]): Tensor {
    const attributes = { axes: { integers: axes }, keepdims: { integer: 1 } }
    return this.op('ReduceMean', [a], keptShape(a.shape, axes), attributes)
  }

  /** Sum of the squares of all numbers. */
  squares(a: Tensor): Tensor {
    const attributes = { keepdims: { integer: 0 } }
    return this.op('ReduceSumSquare', [a], [], attributes)
  }

  /** Undoes a broadcast: adds up what was copied. */
  reduceTo(gradient: Tensor, shape: Shape): Tensor {
    const extra = gradient.shape.length - shape.length
    const axes = [...gradient.shape.keys()].filter(
      (axis) => axis < extra || (shape[axis - extra] === 1 && gradient.shape[axis] !== 1),
    )
    if (axes.length === 0) return gradient
    const summed = this.sum(gradient, axes, false)
    return sameShape(summed.shape, shape) ? summed : this.reshape(summed, shape)
  }

  /** Copies of `a` along the dimensions in which it is 1 long. */
  expand(a: Tensor, shape: Shape): Tensor {
    return sameShape(a.shape, shape) ? a : this.op('Expand', [a, this.integers(shape)], shape)
  }

  /** A tensor of zeros. */
  zeros(shape: Shape): Tensor {
    return this.op('ConstantOfShape', [this.integers(shape)], shape)
  }

  #once(key: string, make: () => OnnxValue): Tensor {
    const known = this.#constants.get(key)
    if (known !== undefined) return known
    const tensor = fixed(make())
    this.#constants.set(key, tensor)
    return tensor
  }
}

function checkSize(type: string, shape: Shape): void {
  if (sizeOf(shape) > tensorElementsMax)
    throw new MalformedError(type, 0, `a tensor of more than ${tensorElementsMax} numbers`)
}

function fixed(value: OnnxValue): Tensor {
  const shape = value.shape.filter((length) => typeof length === 'number')
  assert(shape.length === value.shape.length, 'every size is known')
  return { name: value.name, shape }
}
