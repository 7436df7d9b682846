import { isGenuine, type CheckedRim, type GivenRim } from './collateral.ts'
import type { Rim } from './rim.ts'
import type { MeasurementBlock } from './parse.ts'

/** Which part of a device a manifest is for. */
export type RimKind = 'driver' | 'vbios'

/** What a device says it runs: what manifests are chosen by. */
export type Running = {
  readonly productLine: string
  readonly driverVersion: string | undefined
  readonly vbiosVersion: string | undefined
  readonly blocks: readonly MeasurementBlock[]
  readonly videoDecoder: boolean | undefined
}

/** A manifest beside a device's report. */
export type MatchedRim = CheckedRim & {
  /** Undefined where it is for another product or version. */
  readonly kind: RimKind | undefined
  /** Active measurements (from 0) whose block is absent or has another value, in order. */
  readonly mismatches: readonly number[]
}

/** A manifest that can't be read, or one beside the report. */
export type JudgedRim = MatchedRim | { readonly malformed: string }

/** What the measurement of the first video decoder is counted as: it says nothing while the decoder is off. */
const videoDecoderIndex = 35

/** Lays every manifest beside a device's report. */
export function matchRims(rims: readonly GivenRim[], running: Running): readonly JudgedRim[] {
  const values = new Map(running.blocks.map(({ index, value }) => [index, value]))
  return rims.map((given) => {
    if ('malformed' in given) return given
    return {
      ...given,
      kind: kindOf(given.rim, running),
      mismatches: mismatchesOf(given.rim, values),
    }
  })
}

/** Mismatches that count: NVIDIA's verifier does not compare the video decoder's measurement while it is off. */
export function countedMismatches(
  { mismatches }: MatchedRim,
  videoDecoder: boolean | undefined,
): readonly number[] {
  return mismatches.filter((index) => index !== videoDecoderIndex || videoDecoder !== false)
}

/**
 * The manifest of one kind that speaks best for the device, among genuine ones: one that matches before one that does
 * not, then one whose time is not over. NVIDIA signs several for one version, and any of them names good values.
 */
export function bestRim(
  rims: readonly JudgedRim[],
  kind: RimKind,
  videoDecoder: boolean | undefined,
): MatchedRim | undefined {
  const genuine = rims.filter(
    (rim): rim is MatchedRim => 'kind' in rim && rim.kind === kind && isGenuine(rim),
  )
  const rank = (rim: MatchedRim): number =>
    (countedMismatches(rim, videoDecoder).length === 0 ? 0 : 2) + (rim.chain === 'good' ? 0 : 1)
  return genuine.toSorted((a, b) => rank(a) - rank(b))[0]
}

/** Measurements that both manifests name. There must be none: each speaks for its own part. */
export function conflicts(
  driver: MatchedRim | undefined,
  vbios: MatchedRim | undefined,
): readonly number[] {
  if (driver === undefined || vbios === undefined) return []
  return [...driver.rim.measurements.keys()].filter((index) => vbios.rim.measurements.has(index))
}

/**
 * A manifest names its product and one version, so these are what it is chosen by. The board's project and SKU stand in
 * the id that it was fetched under, which no signature covers.
 */
function kindOf({ product, version }: Rim, running: Running): RimKind | undefined {
  if (product !== running.productLine) return undefined
  if (version === running.driverVersion) return 'driver'
  return version.toUpperCase() === running.vbiosVersion?.toUpperCase() ? 'vbios' : undefined
}

function mismatchesOf(rim: Rim, values: ReadonlyMap<number, string>): readonly number[] {
  return [...rim.measurements]
    .filter(([index, accepted]) => {
      const value = values.get(index + 1)
      return value === undefined || !accepted.includes(value)
    })
    .map(([index]) => index)
    .toSorted((a, b) => a - b)
}
