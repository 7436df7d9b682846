import { MalformedError, parseUtf8, type Bytes } from '@cloister/codec'

/** A value of Thrift's compact protocol. A struct is its fields by number. */
export type ThriftValue = boolean | bigint | number | Bytes | readonly ThriftValue[] | ThriftStruct
/** The fields of a struct by their number. */
export type ThriftStruct = ReadonlyMap<number, ThriftValue>

const depthMax = 32
const valuesMax = 4_000_000

/**
 * Reads one struct of Thrift's compact protocol. Depth and the number of values are bounded, and no count is believed
 * beyond the bytes that are there.
 *
 * Spec: Apache Thrift, doc/specs/thrift-compact-protocol.md. @throws {MalformedError}.
 */
export function readThriftStruct(bytes: Bytes, format: string): ThriftStruct {
  return new ThriftReader(bytes, format).struct(0)
}

class ThriftReader {
  readonly #bytes: Bytes
  readonly #format: string
  #at = 0
  #values = 0

  constructor(bytes: Bytes, format: string) {
    this.#bytes = bytes
    this.#format = format
  }

  struct(depth: number): ThriftStruct {
    this.#deeper(depth)
    const fields = new Map<number, ThriftValue>()
    let id = 0
    for (;;) {
      const head = this.#byte()
      if (head === 0) return fields
      id = head >> 4 === 0 ? Number(zigzag(this.#varint())) : id + (head >> 4)
      const type = head & 15
      // The type of a boolean field is its value.
      fields.set(id, type <= 2 ? type === 1 : this.#value(type, depth))
    }
  }

  #value(type: number, depth: number): ThriftValue {
    if (++this.#values > valuesMax) throw this.#wrong(`more than ${valuesMax} values`)
    if (type === 1 || type === 2) return this.#byte() === 1
    if (type === 3) return BigInt(this.#byte())
    if (type >= 4 && type <= 6) return zigzag(this.#varint())
    if (type === 7) return this.#float()
    if (type === 8) return this.#binary()
    if (type === 9 || type === 10) return this.#list(depth + 1)
    if (type === 11) return this.#map(depth + 1)
    if (type === 12) return this.struct(depth + 1)
    throw this.#wrong(`a value of unknown type ${type}`)
  }

  #list(depth: number): readonly ThriftValue[] {
    this.#deeper(depth)
    const head = this.#byte()
    const size = head >> 4 === 15 ? this.#count() : head >> 4
    const items: ThriftValue[] = []
    for (let index = 0; index < size; index++) items.push(this.#value(head & 15, depth))
    return items
  }

  #map(depth: number): readonly ThriftValue[] {
    this.#deeper(depth)
    const size = this.#count()
    if (size === 0) return []
    const types = this.#byte()
    const items: ThriftValue[] = []
    for (let index = 0; index < size; index++)
      items.push(this.#value(types >> 4, depth), this.#value(types & 15, depth))
    return items
  }

  #binary(): Bytes {
    const size = this.#count()
    this.#at += size
    return this.#bytes.subarray(this.#at - size, this.#at)
  }

  #float(): number {
    if (this.#at + 8 > this.#bytes.length) throw this.#wrong('it ends in the middle')
    this.#at += 8
    const { buffer, byteOffset } = this.#bytes
    return new DataView(buffer, byteOffset + this.#at - 8, 8).getFloat64(0, true)
  }

  #count(): number {
    const value = this.#varint()
    const left = this.#bytes.length - this.#at
    if (value <= BigInt(left)) return Number(value)
    throw this.#wrong(`it claims ${value} items or bytes, ${left} bytes are left`)
  }

  #varint(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const next = this.#byte()
      value |= BigInt(next & 0x7f) << shift
      if (next < 0x80) return value
    }
    throw this.#wrong('a number of more than ten bytes')
  }

  #byte(): number {
    const value = this.#bytes[this.#at]
    if (value === undefined) throw this.#wrong('it ends in the middle')
    this.#at++
    return value
  }

  #deeper(depth: number): void {
    if (depth > depthMax) throw this.#wrong(`nested deeper than ${depthMax}`)
  }

  #wrong(detail: string): MalformedError {
    return new MalformedError(this.#format, this.#at, detail)
  }
}

function zigzag(value: bigint): bigint {
  return (value >> 1n) ^ -(value & 1n)
}

/** A field that is a list of structs. @throws {MalformedError}. */
export function structsAt(of: ThriftStruct, id: number, field: string): readonly ThriftStruct[] {
  const found = of.get(id)
  if (!isList(found)) throw new MalformedError(field, 0, 'is not there or no list')
  return found.map((item) => {
    if (item instanceof Map) return item
    throw new MalformedError(field, 0, 'holds something that is no struct')
  })
}

/** A field that is a whole number that JavaScript holds. @throws {MalformedError}. */
export function numberAt(of: ThriftStruct, id: number, field: string): number {
  const found = optionalNumberAt(of, id)
  if (found !== undefined) return found
  throw new MalformedError(field, 0, 'is not there or no number')
}

/** The same, where it may be missing. */
export function optionalNumberAt(of: ThriftStruct, id: number): number | undefined {
  const found = of.get(id)
  return typeof found === 'bigint' && Number.isSafeInteger(Number(found))
    ? Number(found)
    : undefined
}

/** A field that is a text; empty where it is not there. @throws {MalformedError} on what is no UTF-8. */
export function textAt(of: ThriftStruct, id: number, field: string): string {
  const found = of.get(id)
  return found instanceof Uint8Array ? parseUtf8(found, field) : ''
}

function isList(value: ThriftValue | undefined): value is readonly ThriftValue[] {
  return Array.isArray(value)
}
