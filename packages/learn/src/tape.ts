import { assert } from '@cloister/codec'
import type { OnnxGraph, OnnxValue } from './onnx-graph.ts'

/** A tensor on the tape: every size is known. */
export type Tensor = { readonly name: string; readonly shape: readonly number[] }

type Step = {
  readonly output: Tensor
  readonly inputs: readonly Tensor[]
  /** From the gradient of the output to those of the inputs. */
  readonly pull: (gradient: Tensor) => readonly Tensor[]
}

/**
 * Writes operators into a graph and remembers how each turns the gradient of its output into those of its
 * inputs; `gradients` then writes the backward pass into the same graph (reverse-mode differentiation).
 */
export class Tape {
  readonly #graph: OnnxGraph
  readonly #steps: Step[] = []

  constructor(graph: OnnxGraph) {
    this.#graph = graph
  }

  /** `a + b`, broadcast as NumPy does. */
  add(a: Tensor, b: Tensor): Tensor {
    const output = this.#write('Add', [a, b], broadcast(a.shape, b.shape))
    return this.#record(output, [a, b], (gradient) => [
      this.#reduceTo(gradient, a.shape),
      this.#reduceTo(gradient, b.shape),
    ])
  }

  /** `a - b`, broadcast as NumPy does. */
  subtract(a: Tensor, b: Tensor): Tensor {
    const output = this.#write('Sub', [a, b], broadcast(a.shape, b.shape))
    return this.#record(output, [a, b], (gradient) => [
      this.#reduceTo(gradient, a.shape),
      this.#reduceTo(this.#write('Neg', [gradient], gradient.shape), b.shape),
    ])
  }

  /** `a * b` element by element, broadcast as NumPy does. */
  multiply(a: Tensor, b: Tensor): Tensor {
    const output = this.#write('Mul', [a, b], broadcast(a.shape, b.shape))
    return this.#record(output, [a, b], (gradient) => [
      this.#reduceTo(this.#write('Mul', [gradient, b], output.shape), a.shape),
      this.#reduceTo(this.#write('Mul', [gradient, a], output.shape), b.shape),
    ])
  }

  /** Product of two matrices. */
  matrixProduct(a: Tensor, b: Tensor): Tensor {
    const [rows = 0, inner] = a.shape
    const [innerToo, columns = 0] = b.shape
    assert(a.shape.length === 2 && b.shape.length === 2 && inner === innerToo, 'matrices fit')
    const output = this.#write('MatMul', [a, b], [rows, columns])
    return this.#record(output, [a, b], (gradient) => [
      this.#write('Gemm', [gradient, b], a.shape, { transB: { integer: 1 } }),
      this.#write('Gemm', [a, gradient], b.shape, { transA: { integer: 1 } }),
    ])
  }

  /** `max(a, 0)`. Its slope at 0 is taken as 0. */
  relu(a: Tensor): Tensor {
    const output = this.#write('Relu', [a], a.shape)
    return this.#record(output, [a], (gradient) => {
      const zero = this.constant(0)
      const positive = this.#write('Greater', [output, zero], a.shape)
      return [this.#write('Where', [positive, gradient, zero], a.shape)]
    })
  }

  /** Hyperbolic tangent. */
  tanh(a: Tensor): Tensor {
    const output = this.#write('Tanh', [a], a.shape)
    return this.#record(output, [a], (gradient) => {
      const square = this.#write('Mul', [output, output], a.shape)
      const slope = this.#write('Sub', [this.constant(1), square], a.shape)
      return [this.#write('Mul', [gradient, slope], a.shape)]
    })
  }

  /** Logarithm of the softmax of each row. */
  logSoftmax(a: Tensor): Tensor {
    const output = this.#write('LogSoftmax', [a], a.shape, { axis: { integer: -1 } })
    return this.#record(output, [a], (gradient) => {
      const total = this.#sumOver(gradient, [-1], [...a.shape.slice(0, -1), 1], true)
      const share = this.#write('Exp', [output], a.shape)
      const spread = this.#write('Mul', [share, total], a.shape)
      return [this.#write('Sub', [gradient, spread], a.shape)]
    })
  }

  /** Sum of all elements. */
  sum(a: Tensor): Tensor {
    // A step whose output is its input would count its gradient twice.
    if (a.shape.length === 0) return a
    const axes = a.shape.map((_, axis) => axis)
    const output = this.#sumOver(a, axes, [], false)
    return this.#record(output, [a], (gradient) => {
      const shape = this.#graph.integers(a.shape)
      return [fixed(this.#graph.operator('Expand', [gradient, shape], a.shape))]
    })
  }

  /** A number that no gradient reaches. */
  constant(value: number): Tensor {
    return fixed(this.#graph.scalar(value))
  }

  /**
   * Writes the backward pass: the gradient of the single number `loss` with respect to each of `wanted`.
   * Each must have had an influence on `loss`.
   */
  gradients(loss: Tensor, wanted: readonly Tensor[]): readonly Tensor[] {
    assert(loss.shape.length === 0, 'loss is a single number')
    const known = new Map<string, Tensor>([[loss.name, this.constant(1)]])
    for (const step of this.#steps.toReversed()) {
      const gradient = known.get(step.output.name)
      if (gradient === undefined) continue
      for (const [index, part] of step.pull(gradient).entries()) {
        const input = step.inputs[index]
        assert(input !== undefined, 'one gradient per input')
        const before = known.get(input.name)
        known.set(input.name, before ? this.#write('Add', [before, part], input.shape) : part)
      }
    }
    return wanted.map((tensor) => {
      const gradient = known.get(tensor.name)
      assert(gradient !== undefined, `${tensor.name} has an influence on the loss`)
      return gradient
    })
  }

  #record(output: Tensor, inputs: Step['inputs'], pull: Step['pull']): Tensor {
    this.#steps.push({ output, inputs, pull })
    return output
  }

  #write(
    type: string,
    inputs: readonly Tensor[],
    shape: readonly number[],
    attributes: Parameters<OnnxGraph['operator']>[3] = {},
  ): Tensor {
    return fixed(this.#graph.operator(type, inputs, shape, attributes))
  }

  #sumOver(
    a: Tensor,
    axes: readonly number[],
    shape: readonly number[],
    keepAxes: boolean,
  ): Tensor {
    const attributes = { keepdims: { integer: keepAxes ? 1 : 0 } }
    return fixed(
      this.#graph.operator('ReduceSum', [a, this.#graph.integers(axes)], shape, attributes),
    )
  }

  /** Undoes a broadcast: adds up what was copied. */
  #reduceTo(gradient: Tensor, shape: readonly number[]): Tensor {
    const extra = gradient.shape.length - shape.length
    const axes = [...gradient.shape.keys()].filter(
      (axis) => axis < extra || (shape[axis - extra] === 1 && gradient.shape[axis] !== 1),
    )
    if (axes.length === 0) return gradient
    const summed = this.#sumOver(gradient, axes, shape, false)
    const sizes = this.#graph.integers(shape)
    return fixed(this.#graph.operator('Reshape', [summed, sizes], shape))
  }
}

function fixed(value: OnnxValue): Tensor {
  const shape = value.shape.filter((length) => typeof length === 'number')
  assert(shape.length === value.shape.length, 'every size is known')
  return { name: value.name, shape }
}

function broadcast(a: readonly number[], b: readonly number[]): readonly number[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1
    const right = b[axis - rank + b.length] ?? 1
    assert(left === right || left === 1 || right === 1, 'shapes broadcast')
    return Math.max(left, right)
  })
}
