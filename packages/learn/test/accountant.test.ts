import { expect, test } from 'vitest'
import { epsilonAt, epsilonOf, noiseFor, parseTrainingPlan, type PrivateRun } from '@cloister/learn'
import { renyiOf } from '../src/accountant.ts'

const plan = (privacy: object, settings: object = {}) =>
  JSON.stringify({
    model: { kind: 'logistic', features: 2, classes: ['no', 'yes'] },
    settings: {
      epochs: 60, batchSize: 256, learningRate: 0.1, optimizer: 'sgd', l2: 0, seed: 1, standardize: false, ...settings,
    },
    privacy,
  }) // prettier-ignore

// Figures of three published settings at delta 1e-5, from an accountant written apart from this one.
test.for([
  [{ rate: 0.01, noiseMultiplier: 1, steps: 10_000 }, 6.72],
  [{ rate: 256 / 60_000, noiseMultiplier: 1.1, steps: 14_040 }, 2.59],
  [{ rate: 0.0064, noiseMultiplier: 1, steps: 1560 }, 1.65],
] as const)('epsilon of %o is %d', ([run, epsilon]) => {
  expect(Math.abs(epsilonAt(run, 1e-5) - epsilon)).toBeLessThan(0.005)
})

/** Integral of (1 - q + q exp((2x - 1) / 2s^2))^a under the normal density of deviation s, by the trapezoid rule. */
function renyiByIntegral({ rate, noiseMultiplier: s }: PrivateRun, order: number): number {
  const [from, to, steps] = [-12 * s, order + 12 * s, 400_000]
  const width = (to - from) / steps
  let sum = 0
  for (let i = 0; i <= steps; i++) {
    const x = from + i * width
    const ratio = 1 - rate + rate * Math.exp((2 * x - 1) / (2 * s * s))
    const density = Math.exp((-x * x) / (2 * s * s)) / (s * Math.sqrt(2 * Math.PI))
    sum += (i === 0 || i === steps ? 0.5 : 1) * ratio ** order * density * width
  }
  return Math.log(sum) / (order - 1)
}

test.for([
  [0.01, 1, 2],
  [0.01, 1, 8],
  [0.2, 0.8, 3],
  [0.5, 2, 16],
  [1, 1.5, 5],
] as const)(
  'divergence at rate %d, noise %d, order %d is that of the integral',
  ([rate, noiseMultiplier, order]) => {
    const run = { rate, noiseMultiplier, steps: 1 }
    const expected = renyiByIntegral(run, order)
    expect(Math.abs(renyiOf(run, order) / expected - 1)).toBeLessThan(1e-6)
  },
)

/** Least epsilon of the plain Gaussian mechanism at delta. Spec: Balle and Wang 2018, theorem 8, by bisection. */
function exactGaussian(s: number, delta: number): number {
  const normal = (x: number) => {
    // Phi by its series near 0 and a continued fraction in the tail would be longer: numeric integral instead.
    const steps = 20_000
    const from = -40
    const width = (x - from) / steps
    let sum = 0
    for (let i = 0; i <= steps; i++) {
      const at = from + i * width
      sum +=
        ((i === 0 || i === steps ? 0.5 : 1) * Math.exp(-(at * at) / 2) * width) /
        Math.sqrt(2 * Math.PI)
    }
    return sum
  }
  const deltaAt = (eps: number) =>
    normal(1 / (2 * s) - eps * s) - Math.exp(eps) * normal(-1 / (2 * s) - eps * s)
  let [low, high] = [0, 50]
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2
    if (deltaAt(middle) > delta) low = middle
    else high = middle
  }
  return high
}

test.for([1, 2, 5])(
  'epsilon of one full step with noise %d is a bound, and not far from the best',
  (s) => {
    const best = exactGaussian(s, 1e-5)
    const bound = epsilonAt({ rate: 1, noiseMultiplier: s, steps: 1 }, 1e-5)
    expect(bound).toBeGreaterThan(best)
    expect(bound).toBeLessThan(best * 1.2)
  },
)

test('more steps, a higher rate and less noise spend more; a smaller delta too', () => {
  const base = { rate: 0.01, noiseMultiplier: 1, steps: 1000 }
  const spent = epsilonAt(base, 1e-5)
  for (let factor = 1.1; factor < 10; factor *= 1.5) {
    expect(epsilonAt({ ...base, steps: Math.ceil(1000 * factor) }, 1e-5)).toBeGreaterThan(spent)
    expect(epsilonAt({ ...base, rate: 0.01 * factor }, 1e-5)).toBeGreaterThan(spent)
    expect(epsilonAt({ ...base, noiseMultiplier: 1 / factor }, 1e-5)).toBeGreaterThan(spent)
    expect(epsilonAt(base, 1e-5 / factor)).toBeGreaterThan(spent)
  }
})

test.for([0.5, 1, 3, 8])('noise for epsilon %d is enough, and a little less is not', (epsilon) => {
  const run = { rate: 0.01, steps: 2000 }
  const noiseMultiplier = noiseFor({ epsilon, delta: 1e-5 }, run)
  expect(epsilonAt({ ...run, noiseMultiplier }, 1e-5)).toBeLessThanOrEqual(epsilon)
  expect(epsilonAt({ ...run, noiseMultiplier: noiseMultiplier - 2e-4 }, 1e-5)).toBeGreaterThan(
    epsilon,
  )
})

test('a plan says what it spends before the first step, rounded up, either way round', () => {
  const given = parseTrainingPlan(plan({ clipNorm: 1, deltaPicos: 1e7, noiseMultiplier: 1.1 }))
  const spent = epsilonOf(given, 60_000)
  expect(spent).toMatchObject({ deltaPicos: 1e7, noiseMultiplier: 1.1, steps: 60 * 235 })
  const exact = epsilonAt({ rate: spent.rate, noiseMultiplier: 1.1, steps: 60 * 235 }, 1e-5) * 1e6
  expect(spent.epsilonMicros).toBeGreaterThanOrEqual(exact)
  expect(spent.epsilonMicros - exact).toBeLessThan(1)
  const budget = parseTrainingPlan(plan({ clipNorm: 1, deltaPicos: 1e7, epsilonMicros: 2_000_000 }))
  const within = epsilonOf(budget, 60_000)
  expect(within.epsilonMicros).toBeLessThanOrEqual(2_000_000)
  expect(within.epsilonMicros).toBeGreaterThan(1_990_000)
  expect(within.noiseMultiplier).toBeGreaterThan(1.1)
})

test.for([
  [{ clipNorm: 1, deltaPicos: 1e7, epsilonMicros: 0 }, {}, 'epsilonMicros'],
  [{ clipNorm: 1, deltaPicos: 0, epsilonMicros: 1 }, {}, 'deltaPicos'],
  [{ clipNorm: 0, deltaPicos: 1, epsilonMicros: 1 }, {}, 'clipNorm'],
  [{ clipNorm: 1, deltaPicos: 1, noiseMultiplier: 0 }, {}, 'noiseMultiplier'],
  [{ clipNorm: 1, deltaPicos: 1 }, {}, 'either'],
  [{ clipNorm: 1, deltaPicos: 1, epsilonMicros: 1, noiseMultiplier: 1 }, {}, 'either'],
  [{ clipNorm: 1, deltaPicos: 1, epsilonMicros: 1 }, { standardize: true }, 'standardize'],
  [{ clipNorm: 1, deltaPicos: 1, epsilonMicros: 1 }, { accumulate: 2 }, 'accumulate'],
  [{ clipNorm: 1, deltaPicos: 1, epsilonMicros: 1 }, { clipNorm: 2 }, 'clipNorm'],
] as const)('privacy %o with %o is refused by name', ([privacy, settings, name]) => {
  expect(() => parseTrainingPlan(plan(privacy, settings))).toThrow(name)
})

test('a budget that no noise can keep is refused, and so is a plan without privacy', () => {
  const tiny = parseTrainingPlan(plan({ clipNorm: 1, deltaPicos: 1, epsilonMicros: 1 }))
  expect(() => epsilonOf(tiny, 1000)).toThrow('no noise is enough')
  const open = parseTrainingPlan(plan({ clipNorm: 1, deltaPicos: 1, epsilonMicros: 1 }))
  const { privacy: _, ...without } = open
  expect(() => epsilonOf(without, 1000)).toThrow('parameters.privacy')
  expect(() => epsilonOf(open, 0)).toThrow('no rows')
})
