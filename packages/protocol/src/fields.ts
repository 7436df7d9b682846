import { encodeUtf8, MalformedError, parseJson, type Json, type JsonLimits } from '@cloister/codec'
import { getAddress, isAddress, type Address, type Hex } from 'viem'

/**
 * One place in a JSON document: how it is read from a stranger and how our own values are written.
 *
 * `parse` names the place in every error (`grants[2].owner`); `encode` reverses it, and writes each
 * value in the one way that `parse` would have read canonically.
 */
export type Field<T> = {
  /** @throws {MalformedError} naming `path`. */
  parse(value: Json, path: string): T
  encode(value: T): Json
}

/** The value that a {@link Field} reads. */
export type FieldValue<F> = F extends Field<infer T> ? T : never

/** Reads one JSON text as `field` says. @throws {MalformedError} naming `name` or a place below it. */
export function parseField<T>(field: Field<T>, text: string, name: string, caps: JsonLimits): T {
  return field.parse(parseJson(text, name, caps), name)
}

/** Exactly `bytes` bytes as lower-case `0x` hex. */
export function hexField(bytes: number): Field<Hex> {
  return hexBetween(bytes, bytes)
}

/** At most `bytesMax` bytes as lower-case `0x` hex, and at least `bytesMin`. */
export function hexBetween(bytesMin: number, bytesMax: number): Field<Hex> {
  return {
    parse(value, path) {
      if (!isHexText(value)) throw malformed(path, 'expected lower-case 0x hexadecimal')
      const bytes = (value.length - 2) / 2
      if (bytes < bytesMin || bytes > bytesMax)
        throw malformed(path, `got ${bytes} bytes, expected ${range(bytesMin, bytesMax)}`)
      return value
    },
    encode: (value) => value.toLowerCase(),
  }
}

/** 32 bytes: a digest, an identifier, a storage word. */
export const bytes32Field: Field<Hex> = hexField(32)

/** A 65-byte secp256k1 signature. Only its length is checked here. */
export const signatureField: Field<Hex> = hexField(65)

/** An address: lower-case, or with a correct checksum (EIP-55), which is how it is returned. */
export const addressField: Field<Address> = {
  parse(value, path) {
    if (typeof value !== 'string' || !isAddress(value))
      throw malformed(path, 'expected a 20-byte address, lower-case or with its EIP-55 checksum')
    return getAddress(value)
  },
  encode: (value) => value.toLowerCase(),
}

/** A whole JSON number between `min` and `max`. */
export function integerField(min: number, max: number): Field<number> {
  return {
    parse(value, path) {
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
        throw malformed(path, `expected a whole number from ${min} to ${max}`)
      return value
    },
    encode: (value) => value,
  }
}

/** An unsigned number of `bits` bits as decimal text, without sign or leading zeros. */
export function decimalField(bits: number): Field<bigint> {
  // The text's length is checked before it is read as a number: 2^256 has 78 digits.
  const digitsMax = (1n << BigInt(bits)).toString().length
  return {
    parse(value, path) {
      if (
        typeof value !== 'string' ||
        value.length > digitsMax ||
        !/^(?:0|[1-9][0-9]*)$/.test(value) ||
        BigInt(value) >= 1n << BigInt(bits)
      )
        throw malformed(path, `expected an unsigned ${bits}-bit number as decimal text`)
      return BigInt(value)
    },
    encode: (value) => value.toString(),
  }
}

/** A JSON boolean. */
export const booleanField: Field<boolean> = {
  parse(value, path) {
    if (typeof value !== 'boolean') throw malformed(path, 'expected true or false')
    return value
  },
  encode: (value) => value,
}

/** Text of at most `bytesMax` bytes of well-formed UTF-8, and at least `bytesMin`. */
export function textField(bytesMax: number, bytesMin = 0): Field<string> {
  return {
    parse(value, path) {
      if (typeof value !== 'string') throw malformed(path, 'expected text')
      // UTF-16 code units never outnumber UTF-8 bytes, so this bounds what is encoded next.
      const bytes = value.length > bytesMax ? value.length : encodeUtf8(value).length
      if (bytes > bytesMax || bytes < bytesMin)
        throw malformed(path, `got ${bytes} bytes of text, expected ${range(bytesMin, bytesMax)}`)
      if (!value.isWellFormed()) throw malformed(path, 'text has an unpaired surrogate')
      return value
    },
    encode: (value) => value,
  }
}

/** An http or https address of at most 2,048 characters, without a user, a query or a fragment. */
export const urlField: Field<string> = {
  parse(value, path) {
    const text = textField(2048, 1).parse(value, path)
    const url = URL.parse(text)
    if (url === null || !/^https?:$/.test(url.protocol) || `${url.username}${url.password}` !== '')
      throw malformed(path, 'expected an http or https address without a user')
    if (url.search !== '' || url.hash !== '')
      throw malformed(path, 'expected an address without query and fragment')
    return text
  },
  encode: (value) => value,
}

/** One of these texts and no other. */
export function oneOf<const T extends string>(...texts: readonly T[]): Field<T> {
  return {
    parse(value, path) {
      const found = texts.find((text) => text === value)
      if (found === undefined) throw malformed(path, `expected ${texts.join(' or ')}`)
      return found
    },
    encode: (value) => value,
  }
}

/** A list of `min` to `max` entries. */
export function listField<T>(item: Field<T>, max: number, min = 0): Field<readonly T[]> {
  return {
    parse(value, path) {
      if (!isList(value)) throw malformed(path, 'expected a list')
      if (value.length < min || value.length > max)
        throw malformed(path, `got ${value.length} entries, expected ${range(min, max)}`)
      return value.map((entry, index) => item.parse(entry, `${path}[${index}]`))
    },
    encode: (value) => value.map((entry) => item.encode(entry)),
  }
}

/** Either what `field` reads, or JSON's null for undefined. The key itself is always there. */
export function orNull<T>(field: Field<T>): Field<T | undefined> {
  return {
    parse: (value, path) => (value === null ? undefined : field.parse(value, path)),
    encode: (value) => (value === undefined ? null : field.encode(value)),
  }
}

type Shape = { readonly [key: string]: Field<unknown> }
type ObjectOf<S extends Shape> = { readonly [K in keyof S]: FieldValue<S[K]> }

/** An object with exactly these keys: one missing or one unknown is refused. */
export function objectField<S extends Shape>(shape: S): Field<ObjectOf<S>> {
  const fields = Object.entries(shape)
  return {
    parse(value, path) {
      if (!isObject(value)) throw malformed(path, 'expected an object')
      const unknown = Object.keys(value).find((key) => !Object.hasOwn(shape, key))
      if (unknown !== undefined) throw malformed(join(path, unknown.slice(0, 64)), 'unknown field')
      const parsed = Object.fromEntries(
        fields.map(([key, field]) => {
          const member = Object.hasOwn(value, key) ? value[key] : undefined
          if (member === undefined) throw malformed(join(path, key), 'missing')
          return [key, field.parse(member, join(path, key))]
        }),
      )
      if (!isComplete(parsed, shape)) throw malformed(path, 'incomplete')
      return parsed
    },
    encode: (value) =>
      Object.fromEntries(fields.map(([key, field]) => [key, field.encode(value[key])])),
  }
}

/** Any JSON object or list, kept as it is. For what another part reads with its own rules. */
export const jsonField: Field<Json> = { parse: (value) => value, encode: (value) => value }

/** The members of a JSON object, to look at before it is known which fields it has. @throws {MalformedError} */
export function membersOf(value: Json, path: string): ReadonlyMap<string, Json> {
  if (!isObject(value)) throw malformed(path, 'expected an object')
  return new Map(Object.entries(value))
}

/** A {@link MalformedError} for one place in a JSON document. */
export function malformed(path: string, detail: string): MalformedError {
  return new MalformedError(path === '' ? 'document' : path, 0, detail)
}

// Every key was filled by its own field just above: the compiler cannot see that through fromEntries.
function isComplete<S extends Shape>(
  value: Readonly<Record<string, unknown>>,
  shape: S,
): value is ObjectOf<S> {
  return Object.keys(shape).every((key) => Object.hasOwn(value, key))
}

function isHexText(value: Json): value is Hex {
  return typeof value === 'string' && value.length % 2 === 0 && /^0x[0-9a-f]*$/.test(value)
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}

function range(min: number, max: number): string {
  return min === max ? String(min) : min === 0 ? `at most ${max}` : `${min} to ${max}`
}
