import { parseEvidence, type Evidence } from '@cloister/attest'
import { encodeHex } from '@cloister/codec'

import type { Answer } from '../command.ts'

/** What `cloister evidence show` says: every field of evidence under its specification's name. Nothing is checked. */
export function showAnswer(evidence: Evidence, format: string | null): Answer {
  const fields = parseEvidence(evidence)
  return {
    schema: 'cloister.evidence.show/2',
    value: { tee: evidence.tee, format, fields: plain(fields) },
    text: [
      `${evidence.tee} ${format ?? ''}`.trimEnd(),
      ...linesOf(fields, ''),
      'Nothing of this was checked: cloister evidence appraise does that.',
    ].join('\n'),
  }
}

/** Members that repeat bytes whose fields are shown: what a signature covers. */
const repeated: ReadonlySet<string> = new Set(['signed', 'raw'])

/** Bytes become hexadecimal (a PEM text stays one), maps objects, large numbers texts. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return isPem(value) ? decodeText(value) : encodeHex(value)
  if (value instanceof Map)
    return Object.fromEntries([...value].map(([key, each]) => [String(key), plain(each)]))
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'bigint') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, each]) =>
      each === undefined || repeated.has(key) ? [] : [[key, plain(each)]],
    ),
  )
}

/** One line per field, those of a group below its name. */
function linesOf(fields: unknown, indent: string): readonly string[] {
  const value = plain(fields)
  if (typeof value !== 'object' || value === null)
    return String(value)
      .split('\n')
      .map((line) => `${indent}${oneLine(line)}`)
  return Object.entries(value).flatMap(([name, field]: [string, unknown]) =>
    (typeof field === 'object' && field !== null) || String(field).includes('\n')
      ? [`${indent}${name}`, ...linesOf(field, `${indent}  `)]
      : [`${indent}${name.padEnd(Math.max(1, 28 - indent.length))} ${oneLine(field)}`],
  )
}

/** A text that somebody else wrote: control characters would move the terminal's cursor. */
function oneLine(value: unknown): string {
  return String(value).replaceAll(/[\p{Cc}\p{Cf}]/gu, (character) =>
    JSON.stringify(character).slice(1, -1),
  )
}

function isPem(bytes: Uint8Array): boolean {
  return decodeText(bytes.subarray(0, 10)) === '-----BEGIN'
}

function decodeText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replaceAll('\0', '').trimEnd()
}
