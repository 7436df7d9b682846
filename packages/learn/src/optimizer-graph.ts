import type { Emitter } from './autodiff/emitter.ts'
import type { Tensor } from './autodiff/tensor.ts'
import type { Parameter } from './model.ts'
import type { NetworkParameter } from './network.ts'
import { rateShare } from './schedule.ts'
import type { TrainingSettings } from './training-settings.ts'

const adam = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const

/** Names of what an optimizer remembers of a parameter from step to step. */
export function stateNames(settings: TrainingSettings, parameter: string): readonly string[] {
  if (settings.optimizer !== 'sgd') return [`mean.${parameter}`, `square.${parameter}`]
  return settings.momentum === undefined ? [] : [`motion.${parameter}`]
}

/** What an optimizer remembers, as it is before the first step. */
export function initialState(
  parameters: readonly NetworkParameter[],
  settings: TrainingSettings,
): readonly Parameter[] {
  return parameters.flatMap(({ name, shape }) =>
    stateNames(settings, name).map((state) => ({
      name: state,
      shape,
      values: new Float32Array(shape.reduce((size, length) => size * length, 1)),
    })),
  )
}

/** Numbers of one step that do not depend on any gradient. They are worked out in double precision, outside the graph. */
export type StepNumbers = {
  /** What a change is multiplied with. */
  readonly rate: number
  /** What keeps a division by a root of squares from zero. */
  readonly epsilon: number
  /** Share of each weight that is left after decay. */
  readonly kept: number
}

/**
 * Works out the numbers of `step` (the first is 0) of `steps`. Adam's corrections of its averages go into the rate and
 * epsilon, which is the same and saves two passes over every parameter.
 *
 * Spec: Kingma and Ba, "Adam: a method for stochastic optimization", end of section 2.
 */
export function stepNumbers(settings: TrainingSettings, step: number, steps: number): StepNumbers {
  const rate = settings.learningRate * rateShare(settings.schedule, step, steps)
  const kept = 1 - rate * (settings.weightDecay ?? 0)
  if (settings.optimizer === 'sgd') return { rate, epsilon: 0, kept }
  const root = Math.sqrt(1 - adam.beta2 ** (step + 1))
  return {
    rate: (rate * root) / (1 - adam.beta1 ** (step + 1)),
    epsilon: adam.epsilon * root,
    kept,
  }
}

/** Where the numbers of a step stand in the graph. */
export type StepTensors = { readonly [name in keyof StepNumbers]: Tensor }

/** Writes how one parameter and its state change. Returns the next values, the parameter's first. */
export function writeUpdate(
  e: Emitter,
  settings: TrainingSettings,
  numbers: StepTensors,
  given: {
    readonly value: Tensor
    readonly gradient: Tensor
    readonly state: readonly Tensor[]
    readonly decayed: boolean
  },
): readonly Tensor[] {
  const { value, gradient, state, decayed } = given
  const [first, second] = state
  if (settings.optimizer === 'sgd') {
    if (first === undefined) return [descend(e, value, gradient, numbers)]
    const faded = e.binary('Mul', first, e.scalar(settings.momentum ?? 0))
    const motion = e.binary('Add', faded, gradient)
    const ahead = () =>
      e.binary('Add', gradient, e.binary('Mul', motion, e.scalar(settings.momentum ?? 0)))
    return [descend(e, value, settings.nesterov ? ahead() : motion, numbers), motion]
  }
  const [mean, square] = [
    approach(e, first ?? gradient, gradient, 1 - adam.beta1),
    approach(e, second ?? gradient, e.binary('Mul', gradient, gradient), 1 - adam.beta2),
  ]
  const scale = e.binary('Add', e.unary('Sqrt', square), numbers.epsilon)
  const direction = e.binary('Div', mean, scale)
  const decays = settings.optimizer === 'adamw' && decayed && (settings.weightDecay ?? 0) > 0
  const base = decays ? e.binary('Mul', value, numbers.kept) : value
  return [descend(e, base, direction, numbers), mean, square]
}

function descend(e: Emitter, value: Tensor, direction: Tensor, { rate }: StepTensors): Tensor {
  return e.binary('Sub', value, e.binary('Mul', direction, rate))
}

/** `kept + (news - kept) * share` */
function approach(e: Emitter, kept: Tensor, news: Tensor, share: number): Tensor {
  const gap = e.binary('Sub', news, kept)
  return e.binary('Add', kept, e.binary('Mul', gap, e.scalar(share)))
}
