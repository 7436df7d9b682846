import { MalformedError } from '@cloister/codec'
import type { Emitter } from './emitter.ts'
import { inputAt, integerOf, integersOf, single, type Attributes, type Rule } from './rule.ts'
import { sameShape, type Shape, type Tensor } from './tensor.ts'
import { unreached, windowAttributes, windowOf, type Window } from './window.ts'

/** Inputs: x (rows x channels x lengths), weights (filters x channels of a group x kernel), bias (filters; may be absent). */
const convolution: Rule = (e, inputs, attributes) => {
  const [a, weights, bias] = [inputAt('Conv', inputs, 0), inputAt('Conv', inputs, 1), inputs[2]]
  const [, channels = 0, ...spatial] = a.shape
  const [filters = 0, channelsOfGroup = 0, ...kernel] = weights.shape
  const group = integerOf('Conv', attributes, 'group', 1)
  if (spatial.length < 1 || spatial.length > 3 || kernel.length !== spatial.length)
    throw new MalformedError('Conv', 0, 'expected 1 to 3 spatial dimensions in x and weights')
  if (!sameShape(integersOf('Conv', attributes, 'kernel_shape', kernel), kernel))
    throw new MalformedError('Conv.kernel_shape', 0, 'differs from the weights')
  if (group < 1 || channels !== channelsOfGroup * group || filters % group !== 0)
    throw new MalformedError('Conv', 0, `${channels} channels, ${filters} filters, ${group} groups`)
  if (bias && !sameShape(bias.shape, [filters]))
    throw new MalformedError('Conv', 0, 'expected one bias per filter')
  const window = windowOf('Conv', attributes, spatial, kernel)
  const shape = [a.shape[0] ?? 0, filters, ...window.output]
  const output = e.op('Conv', [a, weights, ...(bias ? [bias] : [])], shape, {
    ...windowAttributes(window),
    group: { integer: group },
  })
  const given = { e, a, weights, window, group }
  return single(output, (d, [toA, toWeights, toBias]) => [
    toA ? inputGradient(given, d) : undefined,
    toWeights ? weightGradient(given, d) : undefined,
    toBias && bias ? biasGradient(e, d) : undefined,
  ])
}

type Given = {
  readonly e: Emitter
  readonly a: Tensor
  readonly weights: Tensor
  readonly window: Window
  readonly group: number
}

function inputGradient({ e, a, weights, window, group }: Given, d: Tensor): Tensor {
  return e.op('ConvTranspose', [d, weights], a.shape, {
    ...windowAttributes(window),
    group: { integer: group },
    output_padding: { integers: unreached(window, a.shape.slice(2)) },
  })
}

/** How the gradient of a convolution's weights is itself a convolution. */
export type WeightWindow = {
  readonly kernel: Shape
  /** Lengths that come out: those of the kernel, or more where a stride leaves something over at the end. */
  readonly lengths: Shape
  readonly attributes: Attributes
}

/** A convolution of the inputs with the gradients as kernels: strides and dilations change roles. */
export function weightWindow(window: Window, spatial: Shape): WeightWindow {
  const excess = unreached(window, spatial)
  return {
    kernel: window.kernel,
    lengths: window.kernel.map(
      (length, axis) => length + Math.floor((excess[axis] ?? 0) / (window.dilations[axis] ?? 1)),
    ),
    attributes: {
      kernel_shape: { integers: window.output },
      strides: { integers: window.dilations },
      dilations: { integers: window.strides },
      pads: { integers: [...window.before, ...window.after] },
    },
  }
}

/** Rows take the place of channels; what is too long is cut off. */
function weightGradient({ e, a, weights, window, group }: Given, d: Tensor): Tensor {
  const spatial = a.shape.slice(2)
  const [filters = 0, channels = 0, ...kernel] = weights.shape
  const inputs = rowsAsChannels(e, a, group)
  const axes = [...spatial.keys()].map((axis) => axis + 2)
  const kernels = e.transpose(d, [1, 0, ...axes])
  const { lengths, attributes } = weightWindow(window, spatial)
  const sums = e.op('Conv', [inputs, kernels], [channels, filters, ...lengths], {
    ...attributes,
    group: { integer: group },
  })
  const exact = sameShape(lengths, kernel) ? sums : cut(e, sums, [channels, filters, ...kernel])
  return e.transpose(exact, [1, 0, ...axes])
}

/** From rows x (groups x channels) to channels x (groups x rows). */
function rowsAsChannels(e: Emitter, a: Tensor, group: number): Tensor {
  const [rows = 0, all = 0, ...spatial] = a.shape
  const axes = [...spatial.keys()]
  if (group === 1) return e.transpose(a, [1, 0, ...axes.map((axis) => axis + 2)])
  const channels = all / group
  const split = e.reshape(a, [rows, group, channels, ...spatial])
  const turned = e.transpose(split, [2, 1, 0, ...axes.map((axis) => axis + 3)])
  return e.reshape(turned, [channels, group * rows, ...spatial])
}

function cut(e: Emitter, a: Tensor, shape: Shape): Tensor {
  const zeros = e.integers(shape.map(() => 0))
  return e.op('Slice', [a, zeros, e.integers(shape)], shape)
}

function biasGradient(e: Emitter, d: Tensor): Tensor {
  return e.sum(
    d,
    [...d.shape.keys()].filter((axis) => axis !== 1),
    false,
  )
}

/** Rules of convolutions. */
export const convolutionRules = { Conv: convolution } as const satisfies Readonly<
  Record<string, Rule>
>
