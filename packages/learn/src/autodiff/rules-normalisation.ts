import { MalformedError } from '@cloister/codec'
import type { Emitter } from './emitter.ts'
import { inputAt, integerOf, realOf, single, type Applied, type Rule } from './rule.ts'
import { listed, axisOf, sameShape, type Tensor } from './tensor.ts'

/** Inputs: x, scale, bias, the latter two shaped like the dimensions that are normalised (`axis` and all after it). */
const layerNormalization: Rule = (e, inputs, attributes) => {
  const operator = 'LayerNormalization'
  const [a, scale] = [inputAt(operator, inputs, 0), inputAt(operator, inputs, 1)]
  const bias = inputs[2]
  const axis = axisOf(operator, integerOf(operator, attributes, 'axis', -1), a.shape.length)
  const epsilon = realOf(operator, attributes, 'epsilon', 1e-5)
  const normalised = a.shape.slice(axis)
  if (!sameShape(scale.shape, normalised) || (bias && !sameShape(bias.shape, normalised)))
    throw new MalformedError(operator, 0, `expected a scale and a bias of ${listed(normalised)}`)
  const kept = a.shape.map((length, each) => (each < axis ? length : 1))
  const outputs = e.ops(operator, [a, scale, ...(bias ? [bias] : [])], [a.shape, kept, kept], {
    axis: { integer: axis },
    epsilon: { real: epsilon },
  })
  const [mean, inverse] = [inputAt(operator, outputs, 1), inputAt(operator, outputs, 2)]
  const axes = [...a.shape.keys()].slice(axis)
  return single(inputAt(operator, outputs, 0), (d, [toA, toScale, toBias]) => {
    const unit = e.binary('Mul', e.binary('Sub', a, mean), inverse)
    return [
      toA ? pullOfUnit(e, unit, inverse, e.binary('Mul', d, scale), axes) : undefined,
      toScale ? e.reduceTo(e.binary('Mul', d, unit), scale.shape) : undefined,
      toBias && bias ? e.reduceTo(d, bias.shape) : undefined,
    ]
  })
}

/**
 * Inputs: x, scale, bias, mean, variance (the latter four one number per channel, dimension 1 of x). With
 * `training_mode` 1 the batch's own mean and variance count, and the outputs are y and the two running averages
 * (`momentum` is the share of the old ones); else mean and variance are constants.
 */
const batchNormalization: Rule = (e, inputs, attributes) => {
  const operator = 'BatchNormalization'
  const a = inputAt(operator, inputs, 0)
  const [, channels] = a.shape
  const perChannel = [1, 2, 3, 4].map((index) => inputAt(operator, inputs, index))
  if (channels === undefined || perChannel.some(({ shape }) => !sameShape(shape, [channels])))
    throw new MalformedError(operator, 0, 'expected four inputs with one number per channel')
  const epsilonValue = realOf(operator, attributes, 'epsilon', 1e-5)
  const training = integerOf(operator, attributes, 'training_mode', 0) !== 0
  if (e.forwardOnly && !training) {
    const given = { epsilon: { real: epsilonValue } }
    return single(e.op(operator, [a, ...perChannel], a.shape, given), () => [])
  }
  const aligned = a.shape.map((_, axis) => (axis === 1 ? channels : 1))
  const [scale, bias, mean, variance] = perChannel.map((each) => reshaped(e, each, aligned))
  const given = {
    a,
    scale: scale ?? a,
    bias: bias ?? a,
    mean: mean ?? a,
    variance: variance ?? a,
    epsilon: e.scalar(epsilonValue),
    perChannel: [channels],
  }
  return training
    ? byBatch(e, given, realOf(operator, attributes, 'momentum', 0.9))
    : byConstants(e, given)
}

type BatchNormalization = {
  readonly a: Tensor
  readonly scale: Tensor
  readonly bias: Tensor
  readonly mean: Tensor
  readonly variance: Tensor
  readonly epsilon: Tensor
  readonly perChannel: readonly number[]
}

function byConstants(e: Emitter, given: BatchNormalization): Applied {
  const { a, scale, bias, mean, variance, epsilon, perChannel } = given
  const inverse = inverseDeviation(e, variance, epsilon)
  const unit = e.binary('Mul', e.binary('Sub', a, mean), inverse)
  const output = e.binary('Add', e.binary('Mul', unit, scale), bias)
  return single(output, (d, [toA, toScale, toBias]) => [
    toA ? e.binary('Mul', d, e.binary('Mul', scale, inverse)) : undefined,
    toScale
      ? reshaped(e, e.reduceTo(e.binary('Mul', d, unit), scale.shape), perChannel)
      : undefined,
    toBias ? reshaped(e, e.reduceTo(d, bias.shape), perChannel) : undefined,
  ])
}

function byBatch(e: Emitter, given: BatchNormalization, momentum: number): Applied {
  const { a, scale, bias, epsilon, perChannel } = given
  const axes = [...a.shape.keys()].filter((axis) => axis !== 1)
  const mean = e.mean(a, axes)
  const centred = e.binary('Sub', a, mean)
  const variance = e.mean(e.binary('Mul', centred, centred), axes)
  const inverse = inverseDeviation(e, variance, epsilon)
  const unit = e.binary('Mul', centred, inverse)
  const output = e.binary('Add', e.binary('Mul', unit, scale), bias)
  const average = (kept: Tensor, news: Tensor) => {
    const old = e.binary('Mul', kept, e.scalar(momentum))
    const next = e.binary('Add', old, e.binary('Mul', news, e.scalar(1 - momentum)))
    return reshaped(e, next, perChannel)
  }
  const averages = [average(given.mean, mean), average(given.variance, variance)]
  return {
    outputs: [output, ...averages],
    pull: ([d], [toA, toScale, toBias]) => {
      if (d === undefined) return []
      return [
        toA ? pullOfUnit(e, unit, inverse, e.binary('Mul', d, scale), axes) : undefined,
        toScale
          ? reshaped(e, e.reduceTo(e.binary('Mul', d, unit), scale.shape), perChannel)
          : undefined,
        toBias ? reshaped(e, e.reduceTo(d, bias.shape), perChannel) : undefined,
      ]
    },
  }
}

function inverseDeviation(e: Emitter, variance: Tensor, epsilon: Tensor): Tensor {
  return e.unary('Reciprocal', e.unary('Sqrt', e.binary('Add', variance, epsilon)))
}

/** From the gradient of `unit = (a - mean) * inverse` to that of `a`, where mean and deviation are those of `a` over `axes`. */
function pullOfUnit(
  e: Emitter,
  unit: Tensor,
  inverse: Tensor,
  gradient: Tensor,
  axes: readonly number[],
): Tensor {
  const level = e.mean(gradient, axes)
  const slant = e.mean(e.binary('Mul', gradient, unit), axes)
  const flat = e.binary('Sub', e.binary('Sub', gradient, level), e.binary('Mul', unit, slant))
  return e.binary('Mul', flat, inverse)
}

function reshaped(e: Emitter, a: Tensor, shape: readonly number[]): Tensor {
  // Not the emitter's reshape: the first dimension of these is never the rows.
  return e.op('Reshape', [a, e.integers(shape)], shape)
}

/** Rules of normalisation. */
export const normalisationRules = {
  LayerNormalization: layerNormalization,
  BatchNormalization: batchNormalization,
} as const satisfies Readonly<Record<string, Rule>>
