import { assert } from '@cloister/codec'
import type { Emitter } from './autodiff/emitter.ts'
import type { Tape } from './autodiff/tape.ts'
import { sizeOf, type Tensor } from './autodiff/tensor.ts'
import { elementNumber } from './onnx-graph.ts'
import type { NetworkParameter, PrivateLayer } from './network.ts'

/** What a private step needs to know. */
export type PrivateStep = {
  /** Length at most of what one row adds, with room left for rounding. */
  readonly clipNorm: number
  /** Width of the grid that sums are rounded to before noise is added: a power of two. */
  readonly grid: number
  /** Rows that a step is expected to draw: sums are divided by it. */
  readonly expectedRows: number
}

/**
 * Sums of the gradients of all rows of a batch, each row's shortened to `clipNorm` first.
 *
 * The loss has to be the plain sum over rows, and no row may take part in another one's loss. Then the gradients of what
 * dense layers put out are enough: a row's gradient of the weights is the product of its input and its gradient, whose
 * length is the product of the lengths. Convolutions add up many places, so theirs are worked out row by row.
 */
export function clippedSums(
  tape: Tape,
  { clipNorm }: PrivateStep,
  given: {
    readonly loss: Tensor
    readonly layers: readonly PrivateLayer[]
    readonly parameters: readonly NetworkParameter[]
  },
): readonly Tensor[] {
  const e = tape.emitter
  const { loss, layers, parameters } = given
  const outputs = tape.gradients(
    loss,
    layers.map(({ output }) => output),
  )
  const rows = layers.map((layer, index) => {
    const gradient = outputs[index]
    assert(gradient !== undefined, 'one gradient for each layer')
    return layer.kind === 'dense' ? denseRows(e, layer, gradient) : convRows(e, layer, gradient)
  })
  const square = rows.map((each) => each.squares).reduce((a, b) => e.binary('Add', a, b))
  const [count = 0] = square.shape
  // Not below: a row whose gradient is no number counts nothing, rather than spoil all.
  const sound = e.op('Less', [square, e.scalar(1e30)], [count, 1])
  const share = e.binary('Div', e.scalar(clipNorm), e.unary('Sqrt', square))
  const factor = e.binary('Min', e.scalar(1), share)
  const sums = new Map(rows.flatMap((each) => [...each.sums({ sound, factor })]))
  return parameters.map(({ name }) => {
    const sum = sums.get(name)
    assert(sum !== undefined, `a layer was told of for ${name}`)
    return sum
  })
}

/**
 * Rounds a sum to the grid, adds whole-number noise, and divides by the expected number of rows.
 *
 * Integers of double precision are exact here: which of them can come out does not depend on the rows.
 */
export function addNoise(
  e: Emitter,
  { grid, expectedRows }: PrivateStep,
  sum: Tensor | undefined,
  noise: Tensor,
): Tensor {
  assert(sum !== undefined, 'one sum for each parameter')
  const { shape } = sum
  const cast = (tensor: Tensor, element: 'float32' | 'float64') =>
    e.op('Cast', [tensor], shape, { to: { integer: elementNumber(element) } })
  const double = (value: number) => {
    const { name } = e.graph.doubles([value], [])
    return { name, shape: [] }
  }
  const steps = e.binary('Mul', cast(sum, 'float64'), double(1 / grid))
  const whole = e.unary('Round', steps)
  const noisy = e.binary('Add', whole, cast(noise, 'float64'))
  return cast(e.binary('Mul', noisy, double(grid / expectedRows)), 'float32')
}

type Factors = {
  /** Whether a row's gradient is made of numbers (rows x 1). */
  readonly sound: Tensor
  /** What a row's gradient is multiplied with (rows x 1). */
  readonly factor: Tensor
}

type ConvLayer = Extract<PrivateLayer, { kind: 'conv' }>

type LayerRows = {
  /** Squared length of each row's gradient of this layer (rows x 1). */
  readonly squares: Tensor
  readonly sums: (factors: Factors) => readonly (readonly [string, Tensor])[]
}

function denseRows(e: Emitter, layer: PrivateLayer, gradient: Tensor): LayerRows {
  const { input, weights, bias } = layer
  const [inputs = 0, outputs = 0] = [input.shape[1], gradient.shape[1]]
  const withBias = e.binary('Add', rowSquares(e, input), e.scalar(1))
  return {
    squares: e.binary('Mul', withBias, rowSquares(e, gradient)),
    sums: ({ sound, factor }) => {
      const kept = orZero(e, sound, input)
      const scaled = orZero(e, sound, e.binary('Mul', gradient, factor))
      const flip = { transA: { integer: 1 } }
      return [
        [weights, e.op('Gemm', [kept, scaled], [inputs, outputs], flip)],
        [bias, e.sum(scaled, [0], false)],
      ]
    },
  }
}

/** Each row is a group of its own in one convolution over all of them. */
function convRows(e: Emitter, layer: ConvLayer, gradient: Tensor): LayerRows {
  const { input, weights, bias } = layer
  const perRow = rowKernels(e, layer, gradient)
  const [rows = 0, ...shape] = perRow.shape
  const flat = e.reshape(perRow, [rows, sizeOf(shape)])
  const [, filters = 0, ...places] = gradient.shape
  const ofBias = e.sum(e.reshape(gradient, [rows, filters, sizeOf(places)]), [2], false)
  assert(input.shape[0] === rows, 'one gradient for each row')
  return {
    squares: e.binary('Add', rowSquares(e, flat), rowSquares(e, ofBias)),
    sums: ({ sound, factor }) => {
      const sum = (each: Tensor) =>
        e.sum(orZero(e, sound, e.binary('Mul', each, factor)), [0], false)
      return [
        [weights, e.reshape(sum(flat), shape)],
        [bias, sum(ofBias)],
      ]
    },
  }
}

/** The gradient of a convolution's weights for each row: rows x filters x channels x kernel. */
function rowKernels(e: Emitter, { input, window }: ConvLayer, gradient: Tensor): Tensor {
  const [rows = 0, channels = 0, ...spatial] = input.shape
  const [, filters = 0, ...places] = gradient.shape
  const images = e.transpose(input, [1, 0, ...spatial.map((_, axis) => axis + 2)])
  const kernels = e.reshape(gradient, [rows * filters, 1, ...places])
  const lengths = window.lengths
  const all = e.op('Conv', [images, kernels], [channels, rows * filters, ...lengths], {
    ...window.attributes,
    group: { integer: rows },
  })
  const exact = [channels, rows * filters, ...window.kernel]
  const zeros = e.integers(exact.map(() => 0))
  const cut =
    sizeOf(lengths) === sizeOf(window.kernel)
      ? all
      : e.op('Slice', [all, zeros, e.integers(exact)], exact)
  const split = e.reshape(cut, [channels, rows, filters, ...window.kernel])
  return e.transpose(split, [1, 2, 0, ...spatial.map((_, axis) => axis + 3)])
}

function rowSquares(e: Emitter, a: Tensor): Tensor {
  const [rows = 0] = a.shape
  const attributes = { axes: { integers: [1] }, keepdims: { integer: 1 } }
  return e.op('ReduceSumSquare', [a], [rows, 1], attributes)
}

function orZero(e: Emitter, sound: Tensor, a: Tensor): Tensor {
  return e.op('Where', [sound, a, e.scalar(0)], a.shape)
}
