import type { Bytes } from '@cloister/codec'
import { Tape } from './autodiff/tape.ts'
import type { Shape } from './autodiff/tensor.ts'
import { readForward, type ForwardGraph } from './onnx-forward.ts'
import { OnnxGraph } from './onnx-graph.ts'
import { walkForward } from './onnx-walk.ts'

/**
 * Works out every shape of a model for one row, without running it.
 *
 * @throws {MalformedError} naming the operator where shapes do not fit, or a tensor would be too large.
 */
export function checkShapes(bytes: Bytes): void {
  outputShape(readForward(bytes), 1)
}

/** The shape that comes out for so many rows. @throws {MalformedError} as {@link checkShapes}. */
export function outputShape(graph: ForwardGraph, rows: number): Shape {
  const tape = new Tape(new OnnxGraph())
  const x = { name: graph.input, shape: [rows, ...graph.rowShape] }
  // Only shapes matter here: constants stay where they are.
  const shapes = new Map(graph.constants.map(({ name, shape }) => [name, { name, shape }]))
  const parameter = (name: string) => shapes.get(name)
  return walkForward(graph, { tape, x, parameter, drop: undefined }).shape
}
