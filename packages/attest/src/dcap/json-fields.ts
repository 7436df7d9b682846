import {
  MalformedError,
  parseHex,
  encodeHex,
  unixSeconds,
  type Json,
  type UnixSeconds,
} from '@cloister/codec'

/** A JSON object from a vendor, read field by field so that a failure names the field. */
export class JsonFields {
  readonly #members: { readonly [key: string]: Json }
  readonly #field: string

  /** @throws {MalformedError} naming `field`, where `value` is no object. */
  constructor(value: Json | undefined, field: string) {
    if (!isObject(value)) throw new MalformedError(field, 0, 'expected an object')
    this.#members = value
    this.#field = field
  }

  /** The dotted name of a member, for errors. */
  name(key: string): string {
    return `${this.#field}.${key}`
  }

  /** Whether a member is there. */
  has(key: string): boolean {
    return Object.hasOwn(this.#members, key)
  }

  /** A text. */
  text(key: string): string {
    const value = this.#member(key)
    if (typeof value !== 'string') throw new MalformedError(this.name(key), 0, 'expected a text')
    return value
  }

  /** A whole number between 0 and `max`. */
  integer(key: string, max: number): number {
    const value = this.#member(key)
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max)
      throw new MalformedError(this.name(key), 0, `expected a whole number of at most ${max}`)
    return value
  }

  /** Hexadecimal of `size` bytes, in lower case. */
  hex(key: string, size: number): string {
    const bytes = parseHex(this.text(key), this.name(key))
    if (bytes.length !== size)
      throw new MalformedError(this.name(key), 0, `got ${bytes.length} bytes, expected ${size}`)
    return encodeHex(bytes)
  }

  /** A time in the one form that Intel writes. */
  time(key: string): UnixSeconds {
    const text = this.text(key)
    const parsed = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ? Date.parse(text) : Number.NaN
    if (!(parsed >= 0)) throw new MalformedError(this.name(key), 0, 'expected YYYY-MM-DDThh:mm:ssZ')
    return unixSeconds(parsed / 1000)
  }

  /** A time as it is written: {@link time} reads it. */
  timeText(key: string): string {
    this.time(key)
    return this.text(key)
  }

  /** One of `choices`. */
  choice<const T extends string>(key: string, choices: readonly T[]): T {
    const text = this.text(key)
    const found = choices.find((choice) => choice === text)
    if (found === undefined)
      throw new MalformedError(
        this.name(key),
        0,
        `got ${JSON.stringify(text.slice(0, 64))}, expected one of ${choices.join(', ')}`,
      )
    return found
  }

  /** An object. */
  fields(key: string): JsonFields {
    return new JsonFields(this.#member(key), this.name(key))
  }

  /** A list of objects. */
  list(key: string): readonly JsonFields[] {
    return this.#list(key).map((item, index) => new JsonFields(item, `${this.name(key)}[${index}]`))
  }

  /** A list of texts, empty where the member is absent. */
  texts(key: string): readonly string[] {
    if (!this.has(key)) return []
    return this.#list(key).map((item) => {
      if (typeof item !== 'string') throw new MalformedError(this.name(key), 0, 'expected texts')
      return item
    })
  }

  #list(key: string): readonly Json[] {
    const value = this.#member(key)
    if (!isList(value)) throw new MalformedError(this.name(key), 0, 'expected a list')
    return value
  }

  #member(key: string): Json {
    const value = this.has(key) ? this.#members[key] : undefined
    if (value === undefined) throw new MalformedError(this.name(key), 0, 'absent')
    return value
  }
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function isObject(value: Json | undefined): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
