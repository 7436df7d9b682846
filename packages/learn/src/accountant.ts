import { assert, MalformedError } from '@cloister/codec'
import { privacyLimits, type Privacy } from './privacy-settings.ts'
import { trainingLimits, type TrainingPlan } from './training-settings.ts'

/** One private training as its accountant sees it. */
export type PrivateRun = {
  /** Chance of each row to be in a step's draw, above 0 and at most 1. */
  readonly rate: number
  /** Standard deviation of the noise over the clip norm. */
  readonly noiseMultiplier: number
  readonly steps: number
}

/** What a private training spends at most, in the units of grants. */
export type PrivacySpent = {
  readonly epsilonMicros: number
  readonly deltaPicos: number
  readonly noiseMultiplier: number
  readonly rate: number
  readonly steps: number
}

/** Orders at which Renyi divergence is tracked. */
const orders = [
  ...Array.from({ length: 63 }, (_, index) => index + 2),
  80, 96, 128, 160, 192, 256, 320, 384, 512, 768, 1024,
] // prettier-ignore

/**
 * The epsilon that a run spends at `delta`: the Renyi divergence of one Poisson-subsampled Gaussian step at whole orders,
 * times the steps, turned into epsilon by the improved conversion.
 *
 * Spec: Mironov, Talwar and Zhang, "Renyi differential privacy of the sampled Gaussian mechanism", section 3.3;
 * Canonne, Kamath and Steinke, "The discrete Gaussian for differential privacy", proposition 12.
 */
export function epsilonAt(run: PrivateRun, delta: number): number {
  assert(delta > 0 && delta < 1, 'delta is a chance')
  const all = orders.map((order) => {
    const spent = renyiOf(run, order) * run.steps
    return spent + Math.log1p(-1 / order) - (Math.log(delta) + Math.log(order)) / (order - 1)
  })
  return Math.max(0, Math.min(...all))
}

/** Renyi divergence of one step, of a whole order above 1. */
export function renyiOf({ rate, noiseMultiplier }: PrivateRun, order: number): number {
  assert(rate > 0 && rate <= 1 && noiseMultiplier > 0, 'a rate and noise')
  const variance = noiseMultiplier ** 2
  if (rate === 1) return order / (2 * variance)
  const terms = Array.from({ length: order + 1 }, (_, k) => {
    const ways = logFactorial(order) - logFactorial(k) - logFactorial(order - k)
    const chance = (order - k) * Math.log1p(-rate) + k * Math.log(rate)
    return ways + chance + (k * (k - 1)) / (2 * variance)
  })
  const largest = Math.max(...terms)
  const sum = terms.reduce((total, term) => total + Math.exp(term - largest), 0)
  return (largest + Math.log(sum)) / (order - 1)
}

/**
 * The least noise with which `steps` draws at `rate` spend no more than `epsilon` at `delta`, rounded up to 1e-4.
 *
 * @throws {MalformedError} where no noise that is allowed is enough.
 */
export function noiseFor(
  target: { readonly epsilon: number; readonly delta: number },
  run: { readonly rate: number; readonly steps: number },
): number {
  const spends = (ticks: number) =>
    epsilonAt({ ...run, noiseMultiplier: ticks / ticksPerUnit }, target.delta)
  let low = Math.round(privacyLimits.noiseMultiplierMin * ticksPerUnit)
  let high = privacyLimits.noiseMultiplierMax * ticksPerUnit
  if (!(target.epsilon > 0) || spends(high) > target.epsilon)
    throw new MalformedError(
      'parameters.privacy.epsilonMicros',
      0,
      'no noise is enough for so little: allow more, or train fewer epochs with smaller batches',
    )
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (spends(middle) <= target.epsilon) high = middle
    else low = middle + 1
  }
  return high / ticksPerUnit
}

const ticksPerUnit = 10_000

/** How rows are drawn in private training: how likely each one is in a step, and how many steps there are. */
export function privateSampling(
  plan: TrainingPlan,
  rows: number,
): { readonly rate: number; readonly steps: number; readonly batch: number } {
  const { settings } = plan
  const batch = Math.min(settings.batchSize, rows)
  const steps = settings.epochs * Math.ceil(rows / batch)
  if (steps > trainingLimits.stepsMax)
    throw new MalformedError(
      'parameters.settings.epochs',
      0,
      `more than ${trainingLimits.stepsMax} steps`,
    )
  // Draws compare 32-bit numbers: the chance is rounded up to what they can tell apart.
  return { rate: Math.ceil((batch / rows) * 2 ** 32) / 2 ** 32, steps, batch }
}

/**
 * What a private plan spends on `rows` rows, rounded up: known before the first step, and the same whatever the rows hold.
 *
 * @throws {MalformedError} where the plan has no privacy settings, or no noise is enough for its budget.
 */
export function epsilonOf(plan: TrainingPlan, rows: number): PrivacySpent {
  const { privacy } = plan
  if (privacy === undefined) throw new MalformedError('parameters.privacy', 0, 'missing')
  if (!Number.isSafeInteger(rows) || rows < 1) throw new MalformedError('data', 0, 'no rows')
  const { rate, steps } = privateSampling(plan, rows)
  const delta = privacy.deltaPicos / 1e12
  const noiseMultiplier = noiseOf(privacy, { rate, steps })
  const epsilon = epsilonAt({ rate, steps, noiseMultiplier }, delta)
  const epsilonMicros = Math.max(1, Math.ceil(epsilon * 1e6))
  return { epsilonMicros, deltaPicos: privacy.deltaPicos, noiseMultiplier, rate, steps }
}

function noiseOf(privacy: Privacy, run: { readonly rate: number; readonly steps: number }): number {
  if ('noiseMultiplier' in privacy) return privacy.noiseMultiplier
  const target = { epsilon: privacy.epsilonMicros / 1e6, delta: privacy.deltaPicos / 1e12 }
  return noiseFor(target, run)
}

const logFactorials = [0]

function logFactorial(n: number): number {
  for (let next = logFactorials.length; next <= n; next++)
    logFactorials.push((logFactorials[next - 1] ?? 0) + Math.log(next))
  return logFactorials[n] ?? 0
}
