import { MalformedError, parseJson, parseUtf8, type Bytes, type Json } from '@cloister/codec'

import { ApiError, badField } from './api-error.ts'

const jsonLimits = { charactersMax: 8 * 1024 * 1024, depthMax: 16 }

/** Fields of a JSON body. What is not known is refused by name, so that no wish is passed over in silence. */
export class RequestFields {
  readonly #members: { readonly [name: string]: Json }
  readonly #known = new Set<string>()

  /** @throws {ApiError} where the body is no JSON object. */
  constructor(body: Bytes) {
    this.#members = objectOf(readJson(body))
  }

  /** The field, or undefined where it is absent or null. */
  value(name: string): Exclude<Json, null> | undefined {
    this.#known.add(name)
    const value = Object.hasOwn(this.#members, name) ? this.#members[name] : undefined
    return value ?? undefined
  }

  number(name: string, min: number, max: number): number | undefined {
    const value = this.value(name)
    if (value === undefined) return undefined
    if (typeof value !== 'number' || !(value >= min && value <= max))
      throw badField(name, `expected a number from ${min} to ${max}`)
    return value
  }

  whole(name: string, min: number, max: number): number | undefined {
    const value = this.number(name, min, max)
    if (value !== undefined && !Number.isSafeInteger(value))
      throw badField(name, 'expected a whole number')
    return value
  }

  flag(name: string): boolean | undefined {
    const value = this.value(name)
    if (value !== undefined && typeof value !== 'boolean')
      throw badField(name, 'expected true or false')
    return value
  }

  text(name: string): string {
    const value = this.value(name)
    if (typeof value !== 'string' || value === '') throw badField(name, 'expected a text')
    return value
  }

  /** Fields that say something about the request which changes nothing here. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#known.add(name)
  }

  /** Fields that ask for what this app does not do: they may only have the value that asks for nothing. */
  refuse(wishes: Readonly<Record<string, (value: Json) => boolean>>): void {
    for (const [name, harmless] of Object.entries(wishes)) {
      const value = this.value(name)
      if (value !== undefined && !harmless(value))
        throw new ApiError(
          400,
          'unsupported_parameter',
          `Cannot serve '${name}': this app does not do that; leave it out`,
          name,
        )
    }
  }

  /** @throws {ApiError} naming a field that nothing here knows. */
  end(): void {
    const unknown = Object.keys(this.#members).find((name) => !this.#known.has(name))
    if (unknown !== undefined)
      throw new ApiError(
        400,
        'unknown_parameter',
        `Unrecognized request argument supplied: ${unknown.slice(0, 64)}`,
        unknown.slice(0, 64),
      )
  }
}

/** Whether a value is a JSON object. */
export function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether a value is a JSON list. */
export function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function objectOf(value: Json): { readonly [name: string]: Json } {
  if (isObject(value)) return value
  throw new ApiError(400, 'invalid_body', 'Cannot read the request: expected a JSON object')
}

function readJson(body: Bytes): Json {
  try {
    return parseJson(parseUtf8(body, 'body'), 'body', jsonLimits)
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause
    throw new ApiError(400, 'invalid_body', `Cannot read the request: ${cause.message}`)
  }
}
