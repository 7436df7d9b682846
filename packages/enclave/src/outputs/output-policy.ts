import { OperationError } from '@cloister/codec'
import type { AppManifest } from '@cloister/learn'

import type { AppResult } from '../drivers/driver.ts'
import { canonicalOutput } from './canonical-output.ts'

const metricDecimals = 4
const metricMax = 1e6

/**
 * Holds what came out of a sandbox against what the manifest declared: every output there once, in the manifest's order, no larger than
 * declared and really of its format, spelled in one way; every metric a number, rounded. Nothing else that an app said goes on, and what was given is wiped where
 * it leaves in another spelling.
 *
 * @throws {OperationError} `output-unusable`. @throws {MalformedError} where an output is not of its format.
 */
export function applyOutputPolicy(manifest: AppManifest, given: AppResult): AppResult {
  const outputs = manifest.outputs.map(({ name, bytesMax, format }) => {
    const [output, ...more] = given.outputs.filter((each) => each.name === name)
    if (output === undefined || more.length > 0 || output.bytes.length > bytesMax)
      throw unusable(`output ${name} is missing, there twice, or too large`)
    const bytes = canonicalOutput(name, format, output.bytes)
    // Spelled in one way a number may take more room than it took.
    if (bytes.length > bytesMax) throw unusable(`output ${name} is too large`)
    if (bytes !== output.bytes) output.bytes.fill(0)
    return { name, bytes }
  })
  const metrics = manifest.metrics.map((name) => {
    const value = given.metrics[name]
    if (value === undefined || !Number.isFinite(value) || Math.abs(value) > metricMax)
      throw unusable(`metric ${name} is missing, or past ${metricMax}`)
    return [name, Number(value.toFixed(metricDecimals))] as const
  })
  return { outputs, metrics: Object.fromEntries(metrics), spent: given.spent }
}

/** How many bits the outputs of an app can carry to their recipient at most: every length up to the least that manifest and grants allow. */
export function outputBits(
  { outputs }: Pick<AppManifest, 'outputs'>,
  outputBytesMax: number,
): number {
  const declared = outputs.reduce((sum, { bytesMax }) => sum + bytesMax, 0)
  return outputs.length === 1
    ? 8 * Math.min(declared, outputBytesMax) + 1
    : 8 * Math.min(declared, outputBytesMax) + outputs.length * 32
}

/** How many bits all metrics of an app can carry at most. */
export function metricBits({ metrics }: Pick<AppManifest, 'metrics'>): number {
  return metrics.length * Math.log2(2 * metricMax * 10 ** metricDecimals + 1)
}

function unusable(detail: string): OperationError {
  return new OperationError('output-unusable', `Cannot use what the app gave: ${detail}`)
}
