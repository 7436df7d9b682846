import type { OperatorName } from '../../src/autodiff/rules.ts'
import type { Attributes } from '../../src/autodiff/rule.ts'

/** One check of one rule: inputs by shape, or by value where they are not plain examples. */
export type GradientCase = {
  readonly operator: OperatorName
  readonly attributes?: Attributes
  readonly inputs: readonly CaseInput[]
  /** Which output is looked at. */
  readonly output?: number
}

/** Numbers away from 0 unless said otherwise; a gradient is checked for every input of floats but `constant` ones and variances. */
export type CaseInput =
  | {
      readonly shape: readonly number[]
      readonly kind?: 'any' | 'positive' | 'constant' | 'variance' | 'distinct'
    }
  | { readonly shape: readonly number[]; readonly integers: readonly number[] }
  | { readonly shape: readonly number[]; readonly flags: readonly boolean[] }

const any = (...shape: number[]): CaseInput => ({ shape })
const positive = (...shape: number[]): CaseInput => ({ shape, kind: 'positive' })
const constant = (...shape: number[]): CaseInput => ({ shape, kind: 'constant' })
const distinct = (...shape: number[]): CaseInput => ({ shape, kind: 'distinct' })
const places = (...integers: number[]): CaseInput => ({ shape: [integers.length], integers })
const ints = (...integers: number[]) => ({ integers })
const int = (integer: number) => ({ integer })

const binary = (['Add', 'Sub', 'Mul'] as const).flatMap((operator) => [
  { operator, inputs: [any(2, 3), any(2, 3)] },
  { operator, inputs: [any(4, 3), any(3)] },
  { operator, inputs: [any(3), any(2, 3)] },
  { operator, inputs: [any(4, 3), any(4, 1)] },
  { operator, inputs: [any(2, 1, 3), any(4, 1)] },
  { operator, inputs: [any(2, 3), any()] },
  { operator, inputs: [any(), any(1, 2)] },
])

const shared = (['Neg', 'Exp', 'Tanh', 'Sigmoid', 'Relu', 'LeakyRelu', 'Elu', 'Erf', 'Softplus', 'Identity'] as const)
  .flatMap((operator) => [any(3, 4), any(), any(2, 1, 5)].map((input) => ({ operator, inputs: [input] }))) // prettier-ignore

/** Cases of arithmetic, activations and products. */
const elementwise: readonly GradientCase[] = [
  ...binary,
  ...shared,
  { operator: 'Div', inputs: [any(2, 3), positive(2, 3)] },
  { operator: 'Div', inputs: [any(4, 3), positive(3)] },
  { operator: 'Div', inputs: [any(), positive(2, 2)] },
  { operator: 'Div', inputs: [any(2, 1, 3), positive(4, 1)] },
  { operator: 'Pow', inputs: [positive(2, 3), any(2, 3)] },
  { operator: 'Pow', inputs: [positive(4, 3), any(3)] },
  { operator: 'Pow', inputs: [positive(3), any()] },
  { operator: 'Log', inputs: [positive(3, 4)] },
  { operator: 'Log', inputs: [positive()] },
  { operator: 'Sqrt', inputs: [positive(3, 4)] },
  { operator: 'Sqrt', inputs: [positive(2, 2, 2)] },
  { operator: 'LeakyRelu', attributes: { alpha: { real: 0.3 } }, inputs: [any(3, 4)] },
  { operator: 'Elu', attributes: { alpha: { real: 0.7 } }, inputs: [any(3, 4)] },
  { operator: 'Clip', attributes: { min: { real: -0.6 }, max: { real: 0.9 } }, inputs: [distinct(4, 5)] },
  { operator: 'Clip', attributes: { min: { real: 0.05 } }, inputs: [distinct(4)] },
  { operator: 'Gelu', inputs: [any(3, 4)] },
  { operator: 'Gelu', inputs: [any()] },
  { operator: 'Gelu', attributes: { approximate: { text: 'tanh' } }, inputs: [any(3, 4)] },
  { operator: 'Gelu', attributes: { approximate: { text: 'tanh' } }, inputs: [any(2, 1, 5)] },
  ...(['Softmax', 'LogSoftmax'] as const).flatMap((operator) => [
    { operator, inputs: [any(3, 4)] },
    { operator, attributes: { axis: int(0) }, inputs: [any(3, 4)] },
    { operator, attributes: { axis: int(1) }, inputs: [any(2, 3, 4)] },
  ]),
  { operator: 'MatMul', inputs: [any(2, 3), any(3, 4)] },
  { operator: 'MatMul', inputs: [any(2, 3, 4), any(4, 2)] },
  { operator: 'MatMul', inputs: [any(2, 3, 4), any(2, 4, 2)] },
  { operator: 'MatMul', inputs: [any(2, 1, 3, 4), any(3, 4, 2)] },
  { operator: 'MatMul', inputs: [any(3, 4), any(2, 4, 2)] },
  { operator: 'Gemm', inputs: [any(2, 3), any(3, 4)] },
  { operator: 'Gemm', inputs: [any(2, 3), any(3, 4), any(4)] },
  { operator: 'Gemm', inputs: [any(2, 3), any(3, 4), any(2, 1)] },
  { operator: 'Gemm', inputs: [any(2, 3), any(3, 4), any()] },
  ...[[0, 1], [1, 0], [1, 1]].map(([a = 0, b = 0]) => ({
    operator: 'Gemm' as const,
    attributes: { transA: int(a), transB: int(b), alpha: { real: 0.5 }, beta: { real: 2 } },
    inputs: [a ? any(3, 2) : any(2, 3), b ? any(4, 3) : any(3, 4), any(1, 4)],
  })),
] // prettier-ignore

const conv = (inputs: readonly CaseInput[], attributes: Attributes = {}): GradientCase => ({ operator: 'Conv', attributes, inputs }) // prettier-ignore
const pool = (operator: 'MaxPool' | 'AveragePool', input: CaseInput, attributes: Attributes): GradientCase => ({ operator, attributes, inputs: [input] }) // prettier-ignore

const windows = [
  { kernel_shape: ints(2, 2), strides: ints(2, 2) },
  { kernel_shape: ints(2, 2) },
  { kernel_shape: ints(3, 2), strides: ints(2, 1), pads: ints(1, 0, 1, 1) },
  { kernel_shape: ints(3, 3), strides: ints(2, 2), auto_pad: { text: 'SAME_UPPER' } },
]

/** Cases of convolutions and pooling. */
const spatial: readonly GradientCase[] = [
  conv([any(2, 2, 5, 4), any(3, 2, 3, 3)]),
  conv([any(2, 2, 5, 4), any(3, 2, 3, 3), any(3)]),
  conv([any(1, 1, 4, 4), any(2, 1, 1, 1), any(2)]),
  conv([any(2, 2, 6, 5), any(3, 2, 3, 2)], { strides: ints(2, 1) }),
  conv([any(2, 2, 6, 6), any(3, 2, 3, 3)], { strides: ints(2, 2), pads: ints(1, 1, 1, 1) }),
  conv([any(1, 2, 7, 7), any(2, 2, 3, 3)], { dilations: ints(2, 2), pads: ints(1, 0, 2, 1) }),
  conv([any(1, 2, 8, 7), any(2, 2, 2, 3)], { dilations: ints(2, 1), strides: ints(3, 2) }),
  conv([any(2, 4, 4, 4), any(6, 2, 3, 3), any(6)], { group: int(2) }),
  conv([any(2, 3, 5, 5), any(3, 1, 3, 3)], { group: int(3), strides: ints(2, 2) }),
  conv([any(2, 2, 5, 5), any(3, 2, 3, 3)], { auto_pad: { text: 'SAME_UPPER' }, strides: ints(2, 2) }),
  conv([any(2, 2, 5, 5), any(3, 2, 2, 2)], { auto_pad: { text: 'SAME_LOWER' } }),
  conv([any(2, 2, 7), any(3, 2, 3), any(3)], { strides: ints(2) }),
  ...windows.map((each) => pool('MaxPool', distinct(2, 2, 6, 5), each)),
  pool('MaxPool', distinct(1, 2, 6, 6), { kernel_shape: ints(2, 2), dilations: ints(2, 2) }),
  pool('MaxPool', distinct(2, 2, 7), { kernel_shape: ints(3), strides: ints(2) }),
  ...windows.map((each) => pool('AveragePool', any(2, 2, 6, 5), each)),
  ...windows.map((each) => pool('AveragePool', any(2, 1, 6, 5), { ...each, count_include_pad: int(1) })),
  pool('AveragePool', any(2, 2, 7), { kernel_shape: ints(3), strides: ints(2) }),
  { operator: 'GlobalAveragePool', inputs: [any(2, 3, 4, 2)] },
  { operator: 'GlobalAveragePool', inputs: [any(2, 3, 5)] },
  { operator: 'LayerNormalization', inputs: [any(4, 5), any(5), any(5)] },
  { operator: 'LayerNormalization', inputs: [any(2, 3, 4), any(4)] },
  { operator: 'LayerNormalization', attributes: { axis: int(1), epsilon: { real: 0.1 } }, inputs: [any(2, 3, 4), any(3, 4), any(3, 4)] },
  ...[0, 1].flatMap((mode) =>
    [any(4, 3), any(2, 3, 4, 2), any(3, 2, 5)].map((input) => ({
      operator: 'BatchNormalization' as const,
      attributes: { training_mode: int(mode), epsilon: { real: 0.1 } },
      inputs: [input, ...[0, 1, 2, 3].map((index) => {
        const shape = [input.shape[1]!]
        return index < 2 ? any(...shape) : { shape, kind: index === 2 ? 'constant' as const : 'variance' as const }
      })],
    })),
  ),
] // prettier-ignore

/** Cases of shapes, sums, choices and losses. */
const structural: readonly GradientCase[] = [
  { operator: 'Reshape', attributes: { shape: ints(3, 2) }, inputs: [any(2, 3)] },
  { operator: 'Reshape', attributes: { shape: ints(0, -1) }, inputs: [any(2, 3, 2)] },
  { operator: 'Reshape', attributes: { shape: ints(1) }, inputs: [any()] },
  { operator: 'Flatten', inputs: [any(2, 3, 2)] },
  { operator: 'Flatten', attributes: { axis: int(0) }, inputs: [any(2, 3)] },
  { operator: 'Flatten', attributes: { axis: int(2) }, inputs: [any(2, 3)] },
  { operator: 'Squeeze', attributes: { axes: ints(1) }, inputs: [any(2, 1, 1)] },
  { operator: 'Squeeze', inputs: [any(1, 2, 1)] },
  { operator: 'Unsqueeze', attributes: { axes: ints(0, -1) }, inputs: [any(2, 3)] },
  { operator: 'Transpose', inputs: [any(2, 3)] },
  { operator: 'Transpose', attributes: { perm: ints(2, 0, 1) }, inputs: [any(2, 3, 4)] },
  { operator: 'Expand', attributes: { shape: ints(2, 4, 3) }, inputs: [any(4, 1)] },
  { operator: 'Expand', attributes: { shape: ints(1) }, inputs: [any(2, 3)] },
  { operator: 'Slice', attributes: { starts: ints(1), ends: ints(3) }, inputs: [any(4, 3)] },
  { operator: 'Slice', attributes: { starts: ints(-2, 0), ends: ints(99, -1), axes: ints(-1, 0) }, inputs: [any(4, 3)] },
  { operator: 'Concat', attributes: { axis: int(1) }, inputs: [any(2, 3), any(2, 1), any(2, 2)] },
  { operator: 'Concat', attributes: { axis: int(0) }, inputs: [any(2, 3)] },
  ...[0, 1, 2].map((output) => ({ operator: 'Split' as const, attributes: { axis: int(1), split: ints(1, 3, 2) }, inputs: [any(2, 6)], output })),
  ...(['ReduceSum', 'ReduceMean'] as const).flatMap((operator) => [
    { operator, inputs: [any(2, 3)] },
    { operator, attributes: { keepdims: int(0) }, inputs: [any(2, 3)] },
    { operator, attributes: { axes: ints(-1) }, inputs: [any(2, 3, 4)] },
    { operator, attributes: { axes: ints(0, 2), keepdims: int(0) }, inputs: [any(2, 3, 4)] },
    { operator, inputs: [any()] },
  ]),
  { operator: 'Where', inputs: [{ shape: [2, 3], flags: [true, false, true, true, false, false] }, any(2, 3), any(2, 3)] },
  { operator: 'Where', inputs: [{ shape: [2, 1], flags: [true, false] }, any(3), any()] },
  { operator: 'Where', inputs: [{ shape: [3, 3], flags: [true, false, false, true, true, false, true, true, true] }, any(2, 3, 3), { shape: [], kind: 'constant' }] },
  { operator: 'Gather', inputs: [any(4, 3), places(1, 3, 1)] },
  { operator: 'Gather', inputs: [any(4, 2, 2), { shape: [2, 2], integers: [0, 1, 1, -1] }] },
  { operator: 'Gather', attributes: { axis: int(1) }, inputs: [any(2, 4, 3), places(3, 0, 3)] },
  { operator: 'Gather', attributes: { axis: int(-1) }, inputs: [any(2, 4), { shape: [], integers: [2] }] },
  { operator: 'Dropout', inputs: [any(2, 3), constant(2, 3)] },
  { operator: 'Dropout', inputs: [any(2, 2, 2), constant(2, 2, 2)] },
  { operator: 'CrossEntropy', inputs: [any(4, 3), places(0, 2, 1, 2), constant(4)] },
  { operator: 'CrossEntropy', inputs: [any(1, 2), places(1), constant(1)] },
  { operator: 'MeanSquaredError', inputs: [any(4, 3), any(4, 3), constant(4)] },
  { operator: 'MeanSquaredError', inputs: [any(3), any(3), constant(3)] },
] // prettier-ignore

/** Every check. A test holds this list to the table of rules. */
export const gradientCases: readonly GradientCase[] = [...elementwise, ...spatial, ...structural]
