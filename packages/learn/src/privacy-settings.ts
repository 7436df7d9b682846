import { MalformedError, type Json } from '@cloister/codec'
import { JsonFields } from './json-fields.ts'

/** How private a training has to be: what one row more or less may change (differential privacy). */
export type Privacy = {
  /** Length at most of the gradient of one row. */
  readonly clipNorm: number
  /** Chance, in 1e-12, that the promise does not hold. */
  readonly deltaPicos: number
} & (
  | {
      /** The most that all steps together may spend, in 1e-6: the noise follows from it. */
      readonly epsilonMicros: number
    }
  | {
      /** Standard deviation of the noise over `clipNorm`: what is spent follows from it. */
      readonly noiseMultiplier: number
    }
)

/** What privacy settings may hold. */
export const privacyLimits = {
  clipNormMin: 1e-3,
  clipNormMax: 1e3,
  noiseMultiplierMin: 0.1,
  noiseMultiplierMax: 1000,
  epsilonMicrosMax: 100_000_000,
  /** A chance above this would let a mechanism that hands out one row in a thousand pass for private. */
  deltaPicosMax: 1_000_000_000,
} as const

/**
 * Reads privacy settings: exactly one of `epsilonMicros` and `noiseMultiplier`, and neither budget may be zero.
 *
 * @throws {MalformedError} naming the field.
 */
export function readPrivacy(value: Json, path: string): Privacy {
  const fields = new JsonFields(value, path)
  const shared = {
    clipNorm: fields.number('clipNorm', privacyLimits.clipNormMin, privacyLimits.clipNormMax),
    deltaPicos: fields.whole('deltaPicos', 1, privacyLimits.deltaPicosMax),
  }
  if (fields.has('epsilonMicros') === fields.has('noiseMultiplier'))
    throw new MalformedError(path, 0, 'expected either epsilonMicros or noiseMultiplier')
  const privacy: Privacy = fields.has('epsilonMicros')
    ? { ...shared, epsilonMicros: fields.whole('epsilonMicros', 1, privacyLimits.epsilonMicrosMax) }
    : {
        ...shared,
        noiseMultiplier: fields.number(
          'noiseMultiplier',
          privacyLimits.noiseMultiplierMin,
          privacyLimits.noiseMultiplierMax,
        ),
      }
  fields.end()
  return privacy
}
