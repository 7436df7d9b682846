import { MalformedError, type Json } from '@cloister/codec'

/**
 * Reads the fields of one JSON object strictly. What is read may be sealed, so no message repeats a value or an
 * unknown name: it says which field, and what was expected.
 */
export class JsonFields {
  readonly #members: { readonly [name: string]: Json }
  readonly #path: string
  readonly #read = new Set<string>()

  /** @throws {MalformedError} where `value` is not an object. */
  constructor(value: Json | undefined, path: string) {
    if (!isObject(value)) throw new MalformedError(path, 0, 'expected an object')
    this.#members = value
    this.#path = path
  }

  /** Whether the field is there. */
  has(name: string): boolean {
    return Object.hasOwn(this.#members, name)
  }

  /** The field as it is. @throws {MalformedError} where it is missing. */
  value(name: string): Json {
    this.#read.add(name)
    const value = this.has(name) ? this.#members[name] : undefined
    if (value === undefined) throw this.#error(name, 'missing')
    return value
  }

  /** A text of at least one and at most `charactersMax` characters. @throws {MalformedError} */
  text(name: string, charactersMax: number): string {
    const value = this.value(name)
    if (typeof value !== 'string' || value.length === 0 || value.length > charactersMax)
      throw this.#error(name, `expected a text of 1 to ${charactersMax} characters`)
    return value
  }

  /** One of a closed list of texts. @throws {MalformedError} */
  choice<const T extends string>(name: string, choices: readonly T[]): T {
    const value = this.value(name)
    const found = choices.find((choice) => choice === value)
    if (found === undefined) throw this.#error(name, `expected ${choices.join(' or ')}`)
    return found
  }

  /** Yes or no. @throws {MalformedError} */
  flag(name: string): boolean {
    const value = this.value(name)
    if (typeof value !== 'boolean') throw this.#error(name, 'expected true or false')
    return value
  }

  /** A whole number within limits, both included. @throws {MalformedError} */
  whole(name: string, min: number, max: number): number {
    const value = this.value(name)
    if (!isWhole(value, min, max))
      throw this.#error(name, `expected a whole number from ${min} to ${max}`)
    return value
  }

  /** A number within limits, both included. @throws {MalformedError} */
  number(name: string, min: number, max: number): number {
    const value = this.value(name)
    if (typeof value !== 'number' || !(value >= min && value <= max))
      throw this.#error(name, `expected a number from ${min} to ${max}`)
    return value
  }

  /** A list within limits, each item read by `read`. @throws {MalformedError} */
  list<T>(
    name: string,
    { min, max }: { readonly min: number; readonly max: number },
    read: (item: Json, path: string) => T,
  ): readonly T[] {
    const value = this.value(name)
    if (!isList(value) || value.length < min || value.length > max)
      throw this.#error(name, `expected a list of ${min} to ${max} items`)
    return value.map((item, index) => read(item, `${this.#path}.${name}[${index}]`))
  }

  /** Asserts that every field was read. @throws {MalformedError} where one is unknown. */
  end(): void {
    const names = Object.keys(this.#members)
    const index = names.findIndex((name) => !this.#read.has(name))
    if (index >= 0)
      throw new MalformedError(
        this.#path,
        0,
        `field ${index + 1} of ${names.length} is unknown, known are ${[...this.#read].join(', ')}`,
      )
  }

  #error(name: string, detail: string): MalformedError {
    return new MalformedError(`${this.#path}.${name}`, 0, detail)
  }
}

/**
 * A list item that is a text.
 *
 * @throws {MalformedError} naming `path`.
 */
export function textItem(item: Json, path: string, charactersMax: number): string {
  if (typeof item !== 'string' || item.length === 0 || item.length > charactersMax)
    throw new MalformedError(path, 0, `expected a text of 1 to ${charactersMax} characters`)
  return item
}

/**
 * A list item that is a whole number within limits.
 *
 * @throws {MalformedError} naming `path`.
 */
export function wholeItem(item: Json, path: string, min: number, max: number): number {
  if (!isWhole(item, min, max))
    throw new MalformedError(path, 0, `expected a whole number from ${min} to ${max}`)
  return item
}

function isWhole(value: Json, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
}

function isObject(value: Json | undefined): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
