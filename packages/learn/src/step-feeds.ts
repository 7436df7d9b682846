import type { NetworkParameter } from './network.ts'
import { stepNumbers } from './optimizer-graph.ts'
import { gaussianNoise, type Entropy } from './private-noise.ts'
import { randomNumbers } from './random.ts'
import type { TensorData } from './runtime.ts'
import type { TrainingGraph } from './training-graph.ts'
import type { TrainingSettings } from './training-settings.ts'
import type { StepRows } from './training-steps.ts'

/** What feeds are made from. */
export type FeedPlan = {
  readonly graph: TrainingGraph
  readonly settings: TrainingSettings
  readonly batch: number
  /** Batches in each step. Private steps have as many as the largest draw needs. */
  readonly accumulate: number
  /** Steps of the whole training. */
  readonly total: number
  readonly privacy?: {
    readonly deviation: number
    readonly entropy: Entropy
    readonly parameters: readonly NetworkParameter[]
  }
}

type Feeds = Readonly<Record<string, TensorData>>

/** The inputs of a training graph that say what happens in each of `steps`, the first of which is number `first`. */
export function stepFeeds(plan: FeedPlan, first: number, steps: readonly StepRows[]): Feeds {
  const { settings, total } = plan
  const numbers = steps.map((_, index) => stepNumbers(settings, first + index, total))
  const list = (values: readonly number[]): TensorData => ({
    type: 'float32',
    shape: [steps.length],
    values: Float32Array.from(values),
  })
  return {
    steps: { type: 'int64', shape: [], values: BigInt64Array.of(BigInt(steps.length)) },
    rate: list(numbers.map(({ rate }) => rate)),
    epsilon: list(numbers.map(({ epsilon }) => epsilon)),
    kept: list(numbers.map(({ kept }) => kept)),
    ...rowFeeds(plan, steps),
    ...maskFeeds(plan, first, steps.length),
    ...noiseFeeds(plan, steps),
  }
}

function rowFeeds({ batch, accumulate, privacy }: FeedPlan, steps: readonly StepRows[]): Feeds {
  const shape = [steps.length, accumulate, batch]
  const order = new BigInt64Array(steps.length * accumulate * batch)
  const words = new Int32Array(order.buffer)
  const weights = new Float32Array(order.length)
  for (const [index, batches] of steps.entries()) {
    const count = batches.reduce((sum, rows) => sum + rows.length, 0)
    const weight = privacy ? 1 : 1 / count
    for (const [number, rows] of batches.entries()) {
      const start = (index * accumulate + number) * batch
      for (let place = 0; place < rows.length; place++) {
        words[2 * (start + place)] = rows[place] ?? 0
        weights[start + place] = weight
      }
    }
  }
  return {
    order: { type: 'int64', shape, values: order },
    weights: { type: 'float32', shape, values: weights },
  }
}

/** Masks depend on the seed and the number of the step only, so that a training goes on as it would have. */
function maskFeeds({ graph, settings, accumulate }: FeedPlan, first: number, steps: number): Feeds {
  const masks = graph.masks.map(({ shape, rate }) => {
    const size = shape.reduce((product, length) => product * length, accumulate)
    return { shape, rate, size, values: new Float32Array(steps * size) }
  })
  for (let index = 0; index < steps && masks.length > 0; index++) {
    const random = randomNumbers(settings.seed, 0x2000_0000 + first + index)
    for (const { rate, size, values } of masks) {
      const kept = 1 / (1 - rate)
      for (let place = index * size; place < (index + 1) * size; place++)
        values[place] = random() < rate ? 0 : kept
    }
  }
  const entries = masks.map(({ shape, values }, index): readonly [string, TensorData] => [
    `mask${index}`,
    { type: 'float32', shape: [steps, accumulate, ...shape], values },
  ])
  return Object.fromEntries(entries)
}

function noiseFeeds({ privacy }: FeedPlan, steps: readonly StepRows[]): Feeds {
  if (privacy === undefined) return {}
  const noise = privacy.parameters.map(({ name, shape }): readonly [string, TensorData] => {
    const size = shape.reduce((product, length) => product * length, steps.length)
    const values = gaussianNoise(size, privacy.deviation, privacy.entropy)
    return [`noise.${name}`, { type: 'int64', shape: [steps.length, ...shape], values }]
  })
  const counts = BigInt64Array.from(steps, (batches) => BigInt(batches.length))
  const batches: TensorData = { type: 'int64', shape: [steps.length], values: counts }
  return { batches, ...Object.fromEntries(noise) }
}
