import { MalformedError } from '@cloister/codec'
import { isOperatorName, type OperatorName } from './autodiff/rules.ts'
import type { Attributes } from './autodiff/rule.ts'
import type { Tape } from './autodiff/tape.ts'
import { sizeOf, type Tensor } from './autodiff/tensor.ts'
import { modelLimits } from './model-limits.ts'
import type { OnnxAttribute } from './onnx-graph.ts'
import type { ForwardGraph, ForwardNode } from './onnx-forward.ts'
import { tensorFloats, tensorIntegers, type ScannedTensor } from './onnx-scan-tensor.ts'

/** Attributes that an operator of a foreign graph may have. Operators that are not here are refused. */
const attributesOf: Readonly<Partial<Record<OperatorName, readonly string[]>>> = {
  Add: [], Sub: [], Mul: [], Div: [], Pow: [], Neg: [], Exp: [], Log: [], Sqrt: [], Identity: [],
  Tanh: [], Sigmoid: [], Relu: [], Softplus: [], Erf: [], Clip: [], Where: [], GlobalAveragePool: [],
  LeakyRelu: ['alpha'], Elu: ['alpha'], Softmax: ['axis'], LogSoftmax: ['axis'], MatMul: [],
  Gemm: ['alpha', 'beta', 'transA', 'transB'],
  LayerNormalization: ['axis', 'epsilon', 'stash_type'],
  BatchNormalization: ['epsilon', 'momentum', 'training_mode'],
  Conv: ['kernel_shape', 'strides', 'pads', 'dilations', 'group', 'auto_pad'],
  MaxPool: ['kernel_shape', 'strides', 'pads', 'dilations', 'ceil_mode', 'storage_order', 'auto_pad'],
  AveragePool: ['kernel_shape', 'strides', 'pads', 'ceil_mode', 'auto_pad', 'count_include_pad'],
  Reshape: ['allowzero'], Flatten: ['axis'], Transpose: ['perm'], Concat: ['axis'], Split: ['axis'],
  Squeeze: [], Unsqueeze: [], Expand: [], Slice: [], Gather: ['axis'], Dropout: ['seed'],
  ReduceSum: ['keepdims', 'noop_with_empty_axes'], ReduceMean: ['axes', 'keepdims'],
} // prettier-ignore

/** Inputs that have to be constants, after the first one: our rules take them as attributes. */
const constantInputs: Readonly<Partial<Record<OperatorName, readonly string[]>>> = {
  Reshape: ['shape'],
  Squeeze: ['axes'],
  Unsqueeze: ['axes'],
  Expand: ['shape'],
  Slice: ['starts', 'ends', 'axes', 'steps'],
  Split: ['split'],
  ReduceSum: ['axes'],
  Clip: ['min', 'max'],
  Dropout: ['ratio', 'training_mode'],
}

/** Values that switch on something else than our rules do. */
const expectedIntegers: Readonly<Record<string, number>> = {
  training_mode: 0,
  allowzero: 0,
  noop_with_empty_axes: 0,
  stash_type: 1,
}

/** Outputs that an operator may name. Of those but `Split` only the first may be used. */
const outputsMax: Readonly<Partial<Record<OperatorName, number>>> = {
  Split: 64,
  MaxPool: 2,
  LayerNormalization: 3,
}

/** What a walk is given. */
export type Walk = {
  readonly tape: Tape
  readonly x: Tensor
  /** A constant that is a parameter; absent where it is not. */
  readonly parameter: (name: string) => Tensor | undefined
  /** Drops numbers while training; absent otherwise. */
  readonly drop: ((x: Tensor, rate: number) => Tensor) | undefined
}

/**
 * Writes a foreign graph operator by operator through the rules.
 *
 * @throws {MalformedError} naming the operator, and its place in the graph.
 */
export function walkForward(graph: ForwardGraph, walk: Walk): Tensor {
  const constants = new Map(graph.constants.map((constant) => [constant.name, constant]))
  const tensors = new Map<string, Tensor>([[graph.input, walk.x]])
  const tensor = (name: string): Tensor => {
    const known = tensors.get(name) ?? walk.parameter(name) ?? written(walk, constants.get(name))
    if (known === undefined) throw new MalformedError('graph', 0, 'an input that nothing gives')
    tensors.set(name, known)
    return known
  }
  const [rows = 1] = walk.x.shape
  for (const [index, node] of graph.nodes.entries()) {
    const outputs = step(node, index, { walk, constants, tensor })
    for (const [place, output] of outputs.entries()) {
      if (sizeOf(output.shape) > modelLimits.activationsMax * rows)
        throw new MalformedError(`node ${index} ${node.operator}`, 0, 'makes too many numbers')
      tensors.set(node.outputs[place] ?? '', output)
    }
  }
  return tensor(graph.output)
}

type Given = {
  readonly walk: Walk
  readonly constants: ReadonlyMap<string, ScannedTensor>
  readonly tensor: (name: string) => Tensor
}

function step(node: ForwardNode, index: number, given: Given): readonly Tensor[] {
  const { operator } = node
  const where = `node ${index}`
  const allowed = isOperatorName(operator) ? attributesOf[operator] : undefined
  if (!isOperatorName(operator) || allowed === undefined)
    throw new MalformedError(where, 0, 'an operator that is not on the list of allowed ones')
  const path = `${where} ${operator}`
  const stray = Object.keys(node.attributes).some((name) => !allowed.includes(name))
  if (stray) throw new MalformedError(path, 0, `an attribute other than ${allowed.join(', ')}`)
  for (const [name, value] of Object.entries(expectedIntegers)) {
    const found = node.attributes[name]
    if (found && !('integer' in found && found.integer === value))
      throw new MalformedError(path, 0, `expected ${name} ${value}`)
  }
  const limit = outputsMax[operator] ?? 1
  if (node.outputs.length < 1 || node.outputs.length > limit)
    throw new MalformedError(path, 0, `${node.outputs.length} outputs, expected 1 to ${limit}`)

  const listed = constantInputs[operator]
  const attributes = { ...node.attributes, ...constantAttributes(node, path, listed, given) }
  const names = listed ? node.inputs.slice(0, 1) : node.inputs
  if (names.includes('')) throw new MalformedError(path, 0, 'leaves out an input')
  const inputs = names.map((name) => given.tensor(name))
  checkTypes(operator, path, names, given.constants)
  return apply(operator, inputs, attributes, given.walk)
}

function apply(
  operator: OperatorName,
  inputs: readonly Tensor[],
  attributes: Attributes,
  { tape, drop }: Walk,
): readonly Tensor[] {
  if (operator !== 'Dropout') return tape.applyMany(operator, inputs, attributes)
  const [x] = inputs
  if (x === undefined) throw new MalformedError('Dropout', 0, 'input 1 is missing')
  const ratio = attributes['ratio']
  const rate = ratio && 'real' in ratio ? ratio.real : 0.5
  if (!(rate >= 0 && rate <= 0.9)) throw new MalformedError('Dropout', 0, 'a ratio past 0.9')
  return [drop && rate > 0 ? drop(x, rate) : tape.apply('Identity', [x])]
}

function constantAttributes(
  node: ForwardNode,
  path: string,
  names: readonly string[] | undefined,
  { constants }: Given,
): Attributes {
  if (names === undefined) return {}
  if (node.inputs.length > names.length + 1) throw new MalformedError(path, 0, 'too many inputs')
  const entries = names.flatMap((name, place): readonly (readonly [string, OnnxAttribute])[] => {
    const input = node.inputs[place + 1]
    if (input === undefined || input === '') return []
    const constant = constants.get(input)
    if (constant === undefined) throw new MalformedError(path, 0, `${name} has to be a constant`)
    // Whether a file was made for training does not matter: that is for the plan to say.
    if (constant.element === 'bool') return []
    if (constant.element === 'int64') return [[name, { integers: tensorIntegers(constant) }]]
    return [[name, { real: tensorFloats(constant)[0] ?? 0 }]]
  })
  return Object.fromEntries(entries)
}

/** Numbers go everywhere but to the places of `Gather` and the condition of `Where`, which are constants here. */
function checkTypes(
  operator: OperatorName,
  path: string,
  names: readonly string[],
  constants: ReadonlyMap<string, ScannedTensor>,
): void {
  for (const [place, name] of names.entries()) {
    const element = constants.get(name)?.element ?? 'float32'
    const expected =
      operator === 'Gather' && place === 1
        ? 'int64'
        : operator === 'Where' && place === 0
          ? 'bool'
          : 'float32'
    if (element !== expected)
      throw new MalformedError(path, 0, `input ${place + 1} is ${element}, expected ${expected}`)
  }
}

function written({ tape }: Walk, constant: ScannedTensor | undefined): Tensor | undefined {
  if (constant === undefined) return undefined
  const { graph } = tape.emitter
  const { shape, data, element } = constant
  const value =
    element === 'float32'
      ? graph.floats(tensorFloats(constant), shape)
      : element === 'int64'
        ? graph.integers(tensorIntegers(constant), shape)
        : graph.flags(
            Array.from(data.bytes, (byte) => byte !== 0),
            shape,
          )
  return { name: value.name, shape }
}
