import type { Bytes } from '@cloister/codec'
import type { Input, Problem } from './case.ts'

/** One case that went wrong, with all that is needed to judge it again. */
export type Finding = {
  readonly format: string
  readonly seed: string
  readonly index: number
  /** What the case was made of. */
  readonly base: string
  readonly problem: Problem
  readonly input: Input | undefined
}

/** A finding, or the input of a vector, as JSON: bytes are objects of one member, `hex`. */
export function encodeFinding(finding: object): string {
  return `${JSON.stringify(finding, asHex, 2)}\n`
}

/** Reads what {@link encodeFinding} writes. Only for files that somebody names: they are as trusted as source. */
export function parseFinding(text: string): Pick<Finding, 'format' | 'seed' | 'index' | 'input'> {
  return JSON.parse(text, fromHex)
}

function asHex(_: string, value: unknown): unknown {
  return value instanceof Uint8Array ? { hex: Buffer.from(value).toString('hex') } : value
}

function fromHex(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return value
  if (!('hex' in value) || typeof value.hex !== 'string') return value
  const bytes: Bytes = new Uint8Array(Buffer.from(value.hex, 'hex'))
  return bytes
}
