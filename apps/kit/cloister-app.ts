// The app author's kit: copy this one file beside your script. It needs nothing but Node 24 and runs as it stands, types and all.
//
// An app finds its inputs as files under /in, listed in /in/inputs.json, and writes its outputs under /out. Nothing else of a machine is
// there, and there is no network. See docs/apps.md.
import { readFileSync, writeFileSync, openSync, readSync, closeSync } from 'node:fs'

/** One input of this run, opened. */
export type Input = {
  /** The manifest's role for it. */
  readonly role: string
  readonly path: string
  readonly bytes: number
}

const inputFolder = process.env['CLOISTER_IN'] ?? '/in'
const outputFolder = process.env['CLOISTER_OUT'] ?? '/out'
const metrics: Record<string, number> = {}

/** All inputs of this run in the order of the manifest's roles, or those of one role. */
export function inputs(role?: string): readonly Input[] {
  const listed: unknown = JSON.parse(readFileSync(`${inputFolder}/inputs.json`, 'utf8'))
  if (!Array.isArray(listed)) throw new TypeError('inputs.json is no list')
  return listed.filter(isInput).filter((input) => role === undefined || input.role === role)
}

/** The one input of a role. @throws {RangeError} where there is none, or more than one. */
export function input(role: string): Input {
  const [found, ...more] = inputs(role)
  if (found === undefined || more.length > 0)
    throw new RangeError(`Expected one input of role ${role}, got ${found ? 1 + more.length : 0}`)
  return found
}

/** An input as text. */
export function readText({ path }: Input): string {
  return readFileSync(path, 'utf8')
}

/** A range of an input: for what is too large to be read at once. */
export function readRange({ path }: Input, offset: number, length: number): Uint8Array {
  const file = openSync(path, 'r')
  try {
    const bytes = new Uint8Array(length)
    return bytes.subarray(0, readSync(file, bytes, 0, length, offset))
  } finally {
    closeSync(file)
  }
}

/** Rows of a CSV of numbers or words without quotes, the first line aside if it names the columns. */
export function readRows(from: Input, header = true): readonly (readonly string[])[] {
  const lines = readText(from)
    .split('\n')
    .filter((line) => line !== '')
  return lines.slice(header ? 1 : 0).map((line) => line.replace(/\r$/, '').split(','))
}

/** Writes an output that the manifest declares: bytes or text as they are, everything else as JSON. */
export function writeOutput(name: string, value: unknown): void {
  const plain = typeof value === 'string' || value instanceof Uint8Array
  writeFileSync(`${outputFolder}/${name}`, plain ? value : JSON.stringify(value))
}

/** Sets a metric that the manifest declares. It leaves rounded to four decimals. */
export function setMetric(name: string, value: number): void {
  metrics[name] = value
  writeFileSync(`${outputFolder}/metrics.json`, JSON.stringify(metrics))
}

function isInput(value: unknown): value is Input {
  return (
    typeof value === 'object' &&
    value !== null &&
    'role' in value &&
    'path' in value &&
    'bytes' in value
  )
}
