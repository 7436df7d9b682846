import { MalformedError } from './errors.ts'

/** What JSON can hold. Numbers are IEEE doubles: amounts in wei travel as decimal text. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json }

/** How much JSON from outside may ask of a reader. */
export type JsonLimits = { readonly charactersMax: number; readonly depthMax: number }

/**
 * Reads JSON from outside: its size and depth are checked before `JSON.parse` spends memory on it.
 *
 * @throws {MalformedError} naming `field`, on text past a limit or that is not JSON, or a number past a double.
 */
export function parseJson(text: string, field: string, limits: JsonLimits): Json {
  if (text.length > limits.charactersMax)
    throw new MalformedError(
      field,
      0,
      `${text.length} characters, at most ${limits.charactersMax} are read`,
    )
  checkDepth(text, field, limits.depthMax)
  let value: Json
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new MalformedError(field, 0, 'not JSON', { cause })
  }
  // JSON.parse makes Infinity of what is past a double, which no JSON says. Few texts can hold such a number. Digits are
  // counted from where they start, so that the time this takes grows with the text alone.
  if (/\d[eE]\+?\d|(?<!\d)\d{300}/.test(text) && !isFinite(value))
    throw new MalformedError(field, 0, 'a number past what a double holds')
  return value
}

/** Canonical JSON: equal values give equal text. Spec: RFC 8785 (JCS). */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value !== 'object') {
    if (typeof value === 'number' && !Number.isFinite(value))
      throw new RangeError(`Cannot write ${value} as JSON`)
    return JSON.stringify(value)
  }
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`)
  return `{${members.join(',')}}`
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function isFinite(value: Json): boolean {
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object' || value === null) return true
  return Object.values(value).every(isFinite)
}

function checkDepth(text: string, field: string, depthMax: number): void {
  let depth = 0
  let inString = false
  for (let index = 0; index < text.length; index++) {
    const character = text[index]
    if (inString) {
      if (character === '\\') index++
      else if (character === '"') inString = false
    } else if (character === '"') inString = true
    else if (character === '{' || character === '[') {
      if (++depth > depthMax)
        throw new MalformedError(field, index, `nested deeper than ${depthMax}`)
    } else if (character === '}' || character === ']') depth--
  }
}
