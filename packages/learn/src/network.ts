import type { WeightWindow } from './autodiff/rules-convolution.ts'
import type { Tape } from './autodiff/tape.ts'
import type { Shape, Tensor } from './autodiff/tensor.ts'
import type { Parameter } from './model.ts'
import { randomNumbers } from './random.ts'

/** What a tensor holds before training: numbers drawn within `width` of 0, drawn around 0, all one, or given. */
export type Start =
  | { readonly kind: 'uniform'; readonly width: number }
  | { readonly kind: 'normal'; readonly deviation: number }
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'given'; readonly values: Float32Array }

/** A tensor that training changes. */
export type NetworkParameter = {
  readonly name: string
  readonly shape: Shape
  readonly start: Start
  /** Whether it is a matrix of weights, which penalties and decay are for; biases and scales are not. */
  readonly decayed: boolean
}

/** What one row of the data gives, without the dimension of the rows. */
export type RowShape = { readonly element: 'float32' | 'int64'; readonly shape: Shape }

/** A layer whose gradients a private step clips row by row. */
export type PrivateLayer = {
  readonly input: Tensor
  readonly output: Tensor
  readonly weights: string
  readonly bias: string
} & ({ readonly kind: 'dense' } | { readonly kind: 'conv'; readonly window: WeightWindow })

/** One walk through a network. */
export type Pass = {
  readonly tape: Tape
  readonly training: boolean
  /** A parameter or a running average. */
  readonly value: (name: string) => Tensor
  /** A mask for `Dropout`. Only called while training. */
  readonly mask: (shape: Shape, rate: number) => Tensor
  /** Keeps the next value of a running average. Only called while training. */
  readonly average: (name: string, next: Tensor) => void
  /** Tells of a layer. */
  readonly layer: (layer: PrivateLayer) => void
}

/** A model as its parameters and the way from a batch to what it says. */
export type Network = {
  readonly parameters: readonly NetworkParameter[]
  /** Running averages of batch normalisation: they change, but no gradient reaches them. */
  readonly averages: readonly NetworkParameter[]
  readonly x: RowShape
  readonly y: RowShape
  readonly loss: 'cross-entropy' | 'mean-squared-error'
  /** Classes that a label may name; absent where the targets are numbers. */
  readonly classes: number | undefined
  /** From `x` (rows first) to logits or predictions, for `y.shape` positions of each row. */
  readonly forward: (pass: Pass, x: Tensor) => Tensor
  /** Whether rows of a batch take part in one another's outputs, so that padding would change them. */
  readonly mixesRows: boolean
  /** Whether every layer is told to `Pass.layer`, so that each row's gradient can be clipped. */
  readonly canBePrivate: boolean
  /** Multiplications that one row takes in a forward pass, about. */
  readonly work: number
}

/**
 * Tensors to start training from. Equal seeds give equal bits on every machine: only additions and products of numbers
 * from 32-bit integer steps are used.
 */
export function startOf(network: Network, seed: number): readonly Parameter[] {
  const random = randomNumbers(seed, 1)
  return [...network.parameters, ...network.averages].map(({ name, shape, start }) => {
    const size = shape.reduce((product, length) => product * length, 1)
    return { name, shape, values: drawn(start, size, random) }
  })
}

function drawn(start: Start, size: number, random: () => number): Float32Array {
  switch (start.kind) {
    case 'uniform':
      return Float32Array.from({ length: size }, () => (random() * 2 - 1) * start.width)
    case 'normal':
      return Float32Array.from({ length: size }, () => nearlyNormal(random) * start.deviation)
    case 'constant':
      return new Float32Array(size).fill(start.value)
    case 'given':
    default:
      return Float32Array.from(start.values)
  }
}

/** Twelve uniform numbers add up to something of variance 1 that is as good as normal to start from. */
function nearlyNormal(random: () => number): number {
  let sum = -6
  for (let each = 0; each < 12; each++) sum += random()
  return sum
}
