import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'

import { encodeUtf8, MalformedError, type Bytes } from '@cloister/codec'

/** Handwritten digits, split among owners, and images that nobody trains on. */
export type Digits = {
  /** What each owner holds: 64 pixels from 0 to 16, then the digit. */
  readonly owners: readonly Bytes[]
  readonly test: Bytes
  readonly testImages: number
}

/** The digits, as a plan names its classes. */
export const digitClasses: readonly string[] = Array.from({ length: 10 }, (_, digit) =>
  String(digit),
)

const file = fileURLToPath(import.meta.resolve('../../../../apps/image-train/data/digits.csv.gz'))
const bytesMax = 1 << 20
const cells = 65

/**
 * Reads the real images (apps/image-train/data). A fifth of them, those whose text has the smallest SHA-256, is held out; the rest goes
 * to `owners` owners, in turn.
 */
export function readDigits(owners: number): Digits {
  const text = gunzipSync(readFileSync(file), { maxOutputLength: bytesMax }).toString('latin1')
  const rows = text.trimEnd().split('\n')
  if (rows.some((row) => row.split(',').length !== cells))
    throw new MalformedError('digits', 0, `expected ${cells} numbers in each line`)
  const sorted = rows.toSorted((a, b) => (hash(a) < hash(b) ? -1 : 1))
  const held = new Set(sorted.slice(0, Math.ceil(rows.length / 5)))
  const rest = rows.filter((row) => !held.has(row))
  return {
    owners: Array.from({ length: owners }, (_, owner) =>
      toCsv(rest.filter((_row, index) => index % owners === owner)),
    ),
    test: toCsv([...held]),
    testImages: held.size,
  }
}

/** The plan of a small convolutional network for these images. */
export const digitsNetwork = {
  kind: 'cnn',
  ...{ height: 8, width: 8, channels: 1, classes: digitClasses, activation: 'relu' },
  blocks: [
    { kind: 'conv', filters: 32, kernel: 3, stride: 1, padding: 'same', batchNorm: false },
    { kind: 'max-pool', size: 2 },
    { kind: 'conv', filters: 64, kernel: 3, stride: 1, padding: 'same', batchNorm: false },
    { kind: 'max-pool', size: 2 },
    { kind: 'dropout', rate: 0.25 },
    { kind: 'dense', units: 64 },
    { kind: 'dropout', rate: 0.25 },
  ],
} as const

/** Pixels from 0 to 16, brought to -1 to 1. */
export const digitsScale = { mean: [8], scale: [0.125] } as const

/** A plan as its sealed JSON. */
export function planBytes(plan: object): Bytes {
  return encodeUtf8(JSON.stringify(plan))
}

function toCsv(rows: readonly string[]): Bytes {
  return encodeUtf8(`${rows.join('\n')}\n`)
}

function hash(row: string): string {
  return createHash('sha256').update(row).digest('hex')
}
