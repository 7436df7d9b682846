import { expect, test } from 'vitest'
import { OnnxGraph } from '../src/onnx-graph.ts'
import { Tape, type Tensor } from '../src/tape.ts'
import { floats, numbers, runtime } from './onnx-runtime.ts'

type Case = {
  readonly name: string
  readonly shapes: readonly (readonly number[])[]
  readonly write: (tape: Tape, inputs: readonly Tensor[]) => Tensor
}

const cases: readonly Case[] = [
  { name: 'add', shapes: [[2, 3], [2, 3]], write: (t, [a, b]) => t.add(a!, b!) },
  { name: 'add, broadcast over rows', shapes: [[4, 3], [3]], write: (t, [a, b]) => t.add(a!, b!) },
  { name: 'add, broadcast over columns', shapes: [[4, 3], [4, 1]], write: (t, [a, b]) => t.add(a!, b!) },
  { name: 'subtract, broadcast', shapes: [[3], [2, 3]], write: (t, [a, b]) => t.subtract(a!, b!) },
  { name: 'multiply', shapes: [[2, 3], [2, 3]], write: (t, [a, b]) => t.multiply(a!, b!) },
  { name: 'multiply by a single number', shapes: [[2, 3], []], write: (t, [a, b]) => t.multiply(a!, b!) },
  { name: 'a tensor times itself', shapes: [[2, 3]], write: (t, [a]) => t.multiply(a!, a!) },
  { name: 'matrix product', shapes: [[2, 3], [3, 4]], write: (t, [a, b]) => t.matrixProduct(a!, b!) },
  { name: 'relu', shapes: [[3, 4]], write: (t, [a]) => t.relu(a!) },
  { name: 'tanh', shapes: [[3, 4]], write: (t, [a]) => t.tanh(a!) },
  { name: 'log softmax', shapes: [[3, 4]], write: (t, [a]) => t.logSoftmax(a!) },
  { name: 'sum', shapes: [[3, 4]], write: (t, [a]) => t.multiply(t.sum(a!), t.sum(t.tanh(a!))) },
  { name: 'sum of a single number', shapes: [[]], write: (t, [a]) => t.sum(t.tanh(t.sum(a!))) },
  {
    name: 'two layers that share a weight',
    shapes: [[2, 3], [3, 3]],
    write: (t, [a, w]) => t.logSoftmax(t.matrixProduct(t.tanh(t.matrixProduct(a!, w!)), w!)),
  },
] // prettier-ignore

/** Away from 0, so that no difference straddles the kink of relu. */
function example(size: number, salt: number): number[] {
  return Array.from({ length: size }, (_, index) => {
    const value = Math.sin(index * 1.7 + salt * 2.3)
    return value + (value < 0 ? -0.2 : 0.2)
  })
}

const size = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1)

test.for(cases)('gradient of $name equals finite differences', async ({ shapes, write }) => {
  const graph = new OnnxGraph()
  const tape = new Tape(graph)
  const inputs = shapes.map((shape, index) => {
    graph.input(`in${index}`, 'float32', shape)
    return { name: `in${index}`, shape }
  })
  const value = write(tape, inputs)
  graph.input('weight', 'float32', value.shape)
  const loss = tape.sum(tape.multiply(value, { name: 'weight', shape: value.shape }))
  graph.output('loss', 'float32', loss)
  for (const [index, gradient] of tape.gradients(loss, inputs).entries())
    graph.output(`gradient${index}`, 'float32', gradient)

  const session = await runtime.load(graph.finish('case'))
  const weight = floats(value.shape, example(size(value.shape), 9))
  const values = shapes.map((shape, index) => example(size(shape), index))
  const run = (current: readonly number[][]) => {
    const feeds = current.map(
      (each, index) => [`in${index}`, floats(shapes[index]!, each)] as const,
    )
    return session.run({ ...Object.fromEntries(feeds), weight })
  }
  const base = await run(values)
  const step = 1 / 128
  for (const [index, own] of values.entries()) {
    const gradient = numbers(base, `gradient${index}`)
    expect(gradient).toHaveLength(own.length)
    for (const place of own.keys()) {
      const moved = async (by: number) => {
        const changed = values.map((each) => [...each])
        changed[index]![place]! += by
        return numbers(await run(changed), 'loss')[0]!
      }
      const slope = ((await moved(step)) - (await moved(-step))) / (2 * step)
      expect(Math.abs(gradient[place]! - slope)).toBeLessThan(2e-3 * Math.max(1, Math.abs(slope)))
    }
  }
})

test('a loss that does not depend on a wanted tensor is a bug, not a zero', () => {
  const graph = new OnnxGraph()
  const tape = new Tape(graph)
  const a = { name: 'a', shape: [2] }
  expect(() => tape.gradients(tape.sum(a), [{ name: 'b', shape: [2] }])).toThrow('influence')
})
