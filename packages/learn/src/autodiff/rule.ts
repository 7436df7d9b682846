import { MalformedError } from '@cloister/codec'
import type { OnnxAttribute } from '../onnx-graph.ts'
import type { Emitter } from './emitter.ts'
import type { Tensor } from './tensor.ts'

/** Attributes of an operator. Lists that ONNX takes as constant inputs (a shape, axes) stand here by their ONNX name. */
export type Attributes = Readonly<Record<string, OnnxAttribute>>

/** Which inputs a gradient is wanted for. Others may be left out of what a rule returns. */
export type Needed = readonly boolean[]

/** Gradients of the inputs, in their order; absent where there is none, or none was wanted. */
export type Pulled = readonly (Tensor | undefined)[]

/** What a rule wrote: the outputs, and how their gradients become those of the inputs. */
export type Applied = {
  readonly outputs: readonly Tensor[]
  readonly pull: (gradients: readonly (Tensor | undefined)[], needed: Needed) => Pulled
}

/**
 * How one operator is written, and its vector-Jacobian product.
 *
 * @throws {MalformedError} naming the operator where shapes or attributes are none that it can take.
 */
export type Rule = (e: Emitter, inputs: readonly Tensor[], attributes: Attributes) => Applied

/** What a rule with a single output wrote. */
export function single(
  output: Tensor,
  pull: (gradient: Tensor, needed: Needed) => Pulled,
): Applied {
  return {
    outputs: [output],
    pull: ([gradient], needed) => (gradient === undefined ? [] : pull(gradient, needed)),
  }
}

/** The input at `index`. @throws {MalformedError} naming `operator` where it is missing. */
export function inputAt(operator: string, inputs: readonly Tensor[], index: number): Tensor {
  const tensor = inputs[index]
  if (tensor === undefined) throw new MalformedError(operator, 0, `input ${index + 1} is missing`)
  return tensor
}

/** A whole number among attributes. @throws {MalformedError} where it is something else. */
export function integerOf(
  operator: string,
  attributes: Attributes,
  name: string,
  otherwise: number,
): number {
  const value = attributes[name]
  if (value === undefined) return otherwise
  if (!('integer' in value)) throw wrong(operator, name, 'a whole number')
  return value.integer
}

/** A list of whole numbers among attributes. @throws {MalformedError} where it is missing and has no default. */
export function integersOf(
  operator: string,
  attributes: Attributes,
  name: string,
  otherwise?: readonly number[],
): readonly number[] {
  const value = attributes[name] ?? (otherwise && { integers: otherwise })
  if (value === undefined || !('integers' in value))
    throw wrong(operator, name, 'a list of whole numbers')
  return value.integers
}

/** A real number among attributes. @throws {MalformedError} where it is something else. */
export function realOf(
  operator: string,
  attributes: Attributes,
  name: string,
  otherwise: number,
): number {
  const value = attributes[name]
  if (value === undefined) return otherwise
  if (!('real' in value)) throw wrong(operator, name, 'a real number')
  return value.real
}

/** A text among attributes. @throws {MalformedError} where it is something else. */
export function textOf(
  operator: string,
  attributes: Attributes,
  name: string,
  otherwise: string,
): string {
  const value = attributes[name]
  if (value === undefined) return otherwise
  if (!('text' in value)) throw wrong(operator, name, 'a text')
  return value.text
}

function wrong(operator: string, name: string, expected: string): MalformedError {
  return new MalformedError(`${operator}.${name}`, 0, `expected ${expected}`)
}
