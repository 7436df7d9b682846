import { readFile } from 'node:fs/promises'
import { MalformedError } from '@cloister/codec'
import { expect, test } from 'vitest'
import type { TensorData } from '@cloister/learn'
import { OnnxGraph } from '../../src/onnx-graph.ts'
import { rules } from '../../src/autodiff/rules.ts'
import { Tape } from '../../src/autodiff/tape.ts'
import type { Tensor } from '../../src/autodiff/tensor.ts'
import { floats, numbers, runtime } from '../onnx-runtime.ts'
import { gradientCases, type CaseInput, type GradientCase } from './gradient-cases.ts'

const size = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1)

/** Away from 0, so that no difference straddles a kink. Distinct ones are far from one another too. */
function example(input: CaseInput, salt: number): number[] {
  const kind = 'kind' in input ? input.kind : 'any'
  const count = size(input.shape)
  return Array.from({ length: count }, (_, index) => {
    const value = Math.sin(index * 1.7 + salt * 2.3)
    if (kind === 'distinct') return (((index * 7 + salt) % count) - count / 2 + 0.25) / 4
    if (kind === 'positive' || kind === 'variance') return 0.8 + Math.abs(value)
    return value + (value < 0 ? -0.2 : 0.2)
  })
}

function named({ operator, attributes, inputs, output }: GradientCase): string {
  const shapes = inputs.map(({ shape }) => `[${shape.join()}]`).join(' ')
  const rest = Object.entries(attributes ?? {}).map(
    ([key, value]) => `${key}=${JSON.stringify(value)}`,
  )
  return [operator, shapes, ...rest, ...(output ? [`output ${output}`] : [])].join(' ')
}

/** Writes the operator, a weighted sum of its output as the loss, and the backward pass. */
async function build({ operator, attributes, inputs, output = 0 }: GradientCase) {
  const graph = new OnnxGraph()
  const tape = new Tape(graph)
  const tensors = inputs.map((input, index): Tensor => {
    const { shape } = input
    if ('flags' in input) return { name: graph.flags(input.flags, shape).name, shape }
    if ('integers' in input) return { name: graph.integers(input.integers, shape).name, shape }
    graph.input(`in${index}`, 'float32', shape)
    return { name: `in${index}`, shape }
  })
  const value = tape.applyMany(operator, tensors, attributes)[output]!
  graph.input('weight', 'float32', value.shape)
  const loss = tape.sum(tape.apply('Mul', [value, { name: 'weight', shape: value.shape }]))
  const wanted = inputs.flatMap((input, index) => (isChecked(input) ? [index] : []))
  const gradients = tape.gradients(
    loss,
    wanted.map((index) => tensors[index]!),
  )
  graph.output('value', 'float32', value)
  graph.output('loss', 'float32', loss)
  for (const [place, gradient] of gradients.entries())
    graph.output(`gradient${wanted[place]}`, 'float32', gradient)
  const session = await runtime.load(graph.finish('case'))
  const weight = floats(value.shape, example({ shape: value.shape }, 9))
  const run = (values: readonly number[][]) => {
    const feeds: Record<string, TensorData> = { weight }
    for (const [index, input] of inputs.entries())
      if (!('flags' in input) && !('integers' in input))
        feeds[`in${index}`] = floats(input.shape, values[index]!)
    return session.run(feeds)
  }
  return { run, wanted, value }
}

function isChecked(input: CaseInput): boolean {
  return (
    !('flags' in input) &&
    !('integers' in input) &&
    input.kind !== 'constant' &&
    input.kind !== 'variance'
  )
}

test.for(gradientCases.map((each) => ({ name: named(each), each })))(
  'gradient of $name equals finite differences',
  async ({ each }) => {
    const { run, wanted, value } = await build(each)
    const values = each.inputs.map((input, index) => example(input, index))
    const base = await run(values)
    expect(base['value']!.shape).toEqual(value.shape)
    const step = 1 / 128
    for (const index of wanted) {
      const gradient = numbers(base, `gradient${index}`)
      expect(gradient).toHaveLength(values[index]!.length)
      expect(base[`gradient${index}`]!.shape).toEqual(each.inputs[index]!.shape)
      for (const place of gradient.keys()) {
        const moved = async (by: number) => {
          const changed = values.map((own) => [...own])
          changed[index]![place]! += by
          return numbers(await run(changed), 'loss')[0]!
        }
        const slope = ((await moved(step)) - (await moved(-step))) / (2 * step)
        const difference = Math.abs(gradient[place]! - slope)
        expect(difference, `input ${index}, place ${place}`).toBeLessThan(
          3e-3 * Math.max(1, Math.abs(slope)),
        )
      }
    }
  },
)

test('every rule is checked, and the manual lists exactly these', async () => {
  const checked = new Set(gradientCases.map(({ operator }) => operator))
  expect([...checked].toSorted()).toEqual(Object.keys(rules).toSorted())
  const manual = await readFile(new URL('../../../../docs/learn.md', import.meta.url), 'utf8')
  const table = manual.split('## Operators')[1]!.split('\n## ')[0]!
  const listed = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
  expect(listed.toSorted((a = '', b = '') => (a < b ? -1 : 1))).toEqual(
    Object.keys(rules).toSorted(),
  )
})

test('a chain that uses a tensor twice adds both gradients up', async () => {
  const graph = new OnnxGraph()
  const tape = new Tape(graph)
  graph.input('a', 'float32', [2])
  const a = { name: 'a', shape: [2] }
  const square = tape.apply('Mul', [a, a])
  const loss = tape.sum(tape.apply('Mul', [square, tape.apply('Identity', [a])]))
  graph.output('gradient', 'float32', tape.gradients(loss, [a])[0]!)
  const session = await runtime.load(graph.finish('cube'))
  expect(numbers(await session.run({ a: floats([2], [2, -1]) }), 'gradient')).toEqual([12, 3])
})

test('a loss that does not depend on a wanted tensor is a bug, not a zero', () => {
  const tape = new Tape(new OnnxGraph())
  const a = { name: 'a', shape: [2] }
  expect(() => tape.gradients(tape.sum(a), [{ name: 'b', shape: [2] }])).toThrow('influence')
})

const wrong: readonly (GradientCase & { readonly says: string })[] = [
  { operator: 'Add', inputs: [{ shape: [2] }, { shape: [3] }], says: 'broadcast' },
  { operator: 'Add', inputs: [{ shape: [2] }], says: 'input 2 is missing' },
  { operator: 'MatMul', inputs: [{ shape: [2, 3] }, { shape: [2, 3] }], says: 'do not fit' },
  { operator: 'MatMul', inputs: [{ shape: [3] }, { shape: [3, 2] }], says: 'two dimensions' },
  { operator: 'Gemm', inputs: [{ shape: [2, 3] }, { shape: [3, 2] }, { shape: [3] }], says: 'broadcast' },
  { operator: 'Conv', inputs: [{ shape: [1, 2, 3, 3] }, { shape: [1, 3, 2, 2] }], says: 'groups' },
  { operator: 'Conv', inputs: [{ shape: [1, 1, 2, 2] }, { shape: [1, 1, 3, 3] }], says: 'does not fit' },
  { operator: 'Conv', attributes: { pads: { integers: [1e9, 0, 0, 0] } }, inputs: [{ shape: [1, 1, 2, 2] }, { shape: [1, 1, 1, 1] }], says: 'wide' },
  { operator: 'MaxPool', attributes: { kernel_shape: { integers: [2, 2] }, ceil_mode: { integer: 1 } }, inputs: [{ shape: [1, 1, 3, 3] }], says: 'ceil_mode' },
  { operator: 'Reshape', attributes: { shape: { integers: [4] } }, inputs: [{ shape: [2, 3] }], says: 'does not fit' },
  { operator: 'Reshape', attributes: { shape: { integers: [-1, -1] } }, inputs: [{ shape: [2, 3] }], says: 'does not fit' },
  { operator: 'Slice', attributes: { starts: { integers: [0] }, ends: { integers: [4] }, steps: { integers: [2] } }, inputs: [{ shape: [4] }], says: 'step' },
  { operator: 'Slice', attributes: { starts: { integers: [3] }, ends: { integers: [1] } }, inputs: [{ shape: [4] }], says: 'nothing' },
  { operator: 'Transpose', attributes: { perm: { integers: [0, 0] } }, inputs: [{ shape: [2, 3] }], says: 'no order' },
  { operator: 'Softmax', attributes: { axis: { integer: 2 } }, inputs: [{ shape: [2, 3] }], says: 'axis 2' },
  { operator: 'Concat', attributes: { axis: { integer: 0 } }, inputs: [{ shape: [2, 3] }, { shape: [2, 2] }], says: 'differ' },
  { operator: 'Split', attributes: { split: { integers: [1, 2] } }, inputs: [{ shape: [4] }], says: 'does not cut' },
  { operator: 'Expand', attributes: { shape: { integers: [1e6, 1e6] } }, inputs: [{ shape: [] }], says: 'more than' },
  { operator: 'CrossEntropy', inputs: [{ shape: [2, 3] }, { shape: [3], integers: [0, 1, 2] }, { shape: [2] }], says: 'class per row' },
] // prettier-ignore

test.for(wrong.map((each) => ({ name: named(each), each })))(
  '$name is refused by name',
  ({ each }) => {
    const tape = new Tape(new OnnxGraph())
    const inputs = each.inputs.map(({ shape }, index) => ({ name: `in${index}`, shape }))
    expect(() => tape.apply(each.operator, inputs, each.attributes)).toThrow(MalformedError)
    expect(() => tape.apply(each.operator, inputs, each.attributes)).toThrow(each.says)
    expect(() => tape.apply(each.operator, inputs, each.attributes)).toThrow(each.operator)
  },
)
