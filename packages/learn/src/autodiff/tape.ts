import { assert } from '@cloister/codec'
import type { OnnxGraph } from '../onnx-graph.ts'
import { Emitter } from './emitter.ts'
import type { Applied, Attributes } from './rule.ts'
import { rules, type OperatorName } from './rules.ts'
import type { Tensor } from './tensor.ts'

type Step = { readonly inputs: readonly Tensor[]; readonly applied: Applied }

/**
 * Writes operators into a graph and remembers how each turns the gradients of its outputs into those of its
 * inputs; `gradients` then writes the backward pass into the same graph (reverse-mode differentiation).
 */
export class Tape {
  readonly emitter: Emitter
  readonly #steps: Step[] = []

  constructor(graph: OnnxGraph, rows: 'fixed' | 'open' = 'fixed') {
    this.emitter = new Emitter(graph, rows)
  }

  /**
   * Writes an operator of {@link rules} and returns its first output.
   *
   * @throws {MalformedError} naming the operator where inputs or attributes are none that it can take.
   */
  apply(operator: OperatorName, inputs: readonly Tensor[], attributes: Attributes = {}): Tensor {
    const [output] = this.applyMany(operator, inputs, attributes)
    assert(output !== undefined, `${operator} has an output`)
    return output
  }

  /** As {@link apply}, for operators with several outputs. */
  applyMany(
    operator: OperatorName,
    inputs: readonly Tensor[],
    attributes: Attributes = {},
  ): readonly Tensor[] {
    const applied = rules[operator](this.emitter, inputs, attributes)
    this.#steps.push({ inputs, applied })
    return applied.outputs
  }

  /** A number that no gradient reaches. */
  constant(value: number): Tensor {
    return this.emitter.scalar(value)
  }

  /** Sum of all elements. */
  sum(a: Tensor): Tensor {
    const axes = { axes: { integers: [...a.shape.keys()] }, keepdims: { integer: 0 } }
    return this.apply('ReduceSum', [a], axes)
  }

  /**
   * Writes the backward pass: the gradient of the single number `loss` with respect to each of `wanted`, which may be
   * anything on the tape. Each must have had an influence on `loss`.
   */
  gradients(loss: Tensor, wanted: readonly Tensor[]): readonly Tensor[] {
    assert(loss.shape.length === 0, 'loss is a single number')
    const moving = this.#dependents(wanted)
    const known = new Map<string, Tensor>([[loss.name, this.constant(1)]])
    for (const { inputs, applied } of this.#steps.toReversed()) {
      const gradients = applied.outputs.map((output) => known.get(output.name))
      const needed = inputs.map((input) => moving.has(input.name))
      if (!needed.includes(true) || gradients.every((each) => each === undefined)) continue
      for (const [index, part] of applied.pull(gradients, needed).entries()) {
        const input = inputs[index]
        if (input === undefined || part === undefined || !needed[index]) continue
        const before = known.get(input.name)
        known.set(input.name, before ? this.emitter.binary('Add', before, part) : part)
      }
    }
    return wanted.map((tensor) => {
      const gradient = known.get(tensor.name)
      assert(gradient !== undefined, `${tensor.name} has an influence on the loss`)
      return gradient
    })
  }

  /** Names of everything that moves when one of `wanted` does: no gradient is worked out for anything else. */
  #dependents(wanted: readonly Tensor[]): ReadonlySet<string> {
    const moving = new Set(wanted.map(({ name }) => name))
    for (const { inputs, applied } of this.#steps)
      if (inputs.some(({ name }) => moving.has(name)))
        for (const { name } of applied.outputs) moving.add(name)
    return moving
  }
}
