import {
  isCborArray,
  isCborMap,
  MalformedError,
  type Bytes,
  type Cbor,
  type CborMap,
} from '@cloister/codec'

/** How many bytes a byte string may have: from the first number to the second, or one of several. */
export type Sizes = { readonly from: number; readonly to: number } | readonly number[]

/** Sizes of the hashes that tokens use. */
export const hashSizes: Sizes = [32, 48, 64]

/**
 * Reads the members of a CBOR map by key, type and size, and names each for errors.
 *
 * Members that nobody asks for are left alone: formats may grow, and all of it is signed.
 */
export class ClaimSet {
  readonly #map: CborMap
  readonly #what: string

  /** @throws {MalformedError} where `value` is no map. */
  constructor(value: Cbor, what: string) {
    if (!isCborMap(value)) throw new MalformedError(what, 0, 'expected a map')
    this.#map = value
    this.#what = what
  }

  /** Whether there is such a member. */
  has(key: number | string): boolean {
    return this.#map.has(key)
  }

  /** A byte string. @throws {MalformedError} where it is absent, or of another type or size. */
  bytes(key: number | string, name: string, sizes: Sizes): Bytes {
    const field = this.#field(name)
    return asSizedBytes(this.#required(key, field), field, sizes)
  }

  /** A byte string that may be absent. @throws {MalformedError} where it is of another type or size. */
  bytesIfAny(key: number | string, name: string, sizes: Sizes): Bytes | undefined {
    return this.#map.has(key) ? this.bytes(key, name, sizes) : undefined
  }

  /** Text that is not empty. @throws {MalformedError} where it is absent, of another type or too long. */
  text(key: number | string, name: string, charactersMax: number): string {
    const field = this.#field(name)
    const value = this.#required(key, field)
    if (typeof value !== 'string' || value === '' || value.length > charactersMax)
      throw new MalformedError(field, 0, `expected text of 1 to ${charactersMax} characters`)
    return value
  }

  /** Text that may be absent. @throws {MalformedError} where it is of another type, empty or too long. */
  textIfAny(key: number | string, name: string, charactersMax: number): string | undefined {
    return this.#map.has(key) ? this.text(key, name, charactersMax) : undefined
  }

  /** An integer. @throws {MalformedError} where it is absent, of another type or out of range. */
  integer(key: number | string, name: string, least: number, most: number): number {
    const field = this.#field(name)
    const value = this.#required(key, field)
    if (typeof value !== 'number' || value < least || value > most)
      throw new MalformedError(field, 0, `expected an integer from ${least} to ${most}`)
    return value
  }

  /** An array. @throws {MalformedError} where it is absent, of another type, or has too few or too many items. */
  array(key: number | string, name: string, least: number, most: number): readonly Cbor[] {
    const field = this.#field(name)
    const value = this.#required(key, field)
    if (!isCborArray(value) || value.length < least || value.length > most)
      throw new MalformedError(field, 0, `expected an array of ${least} to ${most} items`)
    return value
  }

  /** A map. @throws {MalformedError} where it is absent, of another type, or has too few or too many entries. */
  map(key: number | string, name: string, least: number, most: number): CborMap {
    const field = this.#field(name)
    const value = this.#required(key, field)
    if (!isCborMap(value) || value.size < least || value.size > most)
      throw new MalformedError(field, 0, `expected a map of ${least} to ${most} entries`)
    return value
  }

  #field(name: string): string {
    return `${this.#what} ${name}`
  }

  #required(key: number | string, field: string): Cbor {
    if (!this.#map.has(key)) throw new MalformedError(field, 0, 'absent')
    return this.#map.get(key)
  }
}

/** A byte string of a size that is allowed. @throws {MalformedError} naming `field`. */
export function asSizedBytes(value: Cbor, field: string, sizes: Sizes): Bytes {
  if (!(value instanceof Uint8Array)) throw new MalformedError(field, 0, 'expected a byte string')
  const { length } = value
  const fits = 'from' in sizes ? length >= sizes.from && length <= sizes.to : sizes.includes(length)
  const wanted = 'from' in sizes ? `${sizes.from} to ${sizes.to}` : sizes.join(' or ')
  if (!fits) throw new MalformedError(field, 0, `got ${length} bytes, expected ${wanted}`)
  return value
}
