import type { Json } from '@cloister/codec'

import type { Accelerator } from './node-devices.ts'
import {
  allOutputFormats,
  isOutputFormat,
  outputFormatBits,
  outputFormatSet,
} from './output-formats.ts'

/** What of an app's manifest grants are decided by. Only as true as the manifest is the app's: its id is its hash. */
export type AppFacts = {
  /** `train`, `infer`, `federated`, `run` or `chat`. */
  readonly kind: string
  /** All that it may put out: the sum over its outputs. */
  readonly outputBytesMax: number
  /** The formats that its outputs may have, as a set. An output that declares none is any bytes. */
  readonly outputFormats: number
  /** Whether it trains privately: it adds noise, and counts what it spends. */
  readonly private: boolean
  /** What it computes on beside the CPU. */
  readonly accelerator: Accelerator
}

/**
 * Reads what a manifest says about its outputs. What cannot be read is taken for the worst: outputs without end, in every format,
 * not private. So a manifest that is none is covered by no grant.
 */
export function appFactsOf(manifest: Json | undefined): AppFacts {
  const kind = member(manifest, 'kind')
  const outputs = member(manifest, 'outputs')
  return {
    kind: typeof kind === 'string' ? kind : 'unknown',
    outputBytesMax: isList(outputs)
      ? outputs.reduce<number>((sum, output) => sum + bytesOf(output), 0)
      : Number.POSITIVE_INFINITY,
    outputFormats: isList(outputs)
      ? outputs.reduce<number>((set, output) => set | formatOf(output), 0)
      : allOutputFormats,
    private: member(manifest, 'privacy') === 'dp-sgd',
    accelerator: member(manifest, 'accelerator') === 'nvidia' ? 'nvidia' : 'none',
  }
}

function bytesOf(output: Json): number {
  const bytes = member(output, 'bytesMax')
  return typeof bytes === 'number' && bytes >= 0 ? bytes : Number.POSITIVE_INFINITY
}

function formatOf(output: Json): number {
  const format = member(output, 'format')
  if (format === undefined) return outputFormatBits.bytes
  return typeof format === 'string' && isOutputFormat(format)
    ? outputFormatSet([format])
    : allOutputFormats
}

function member(value: Json | undefined, key: string): Json | undefined {
  if (typeof value !== 'object' || value === null || isList(value)) return undefined
  return Object.hasOwn(value, key) ? value[key] : undefined
}

function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}
