import { MalformedError, parseUtf8, type Bytes } from '@cloister/codec'

/**
 * One table of a FlatBuffer, whose every offset is checked against the buffer before it is followed.
 *
 * Spec: FlatBuffers internals, https://flatbuffers.dev/internals/
 */
export class FlatTable {
  readonly #view: DataView
  readonly #bytes: Bytes
  readonly #format: string
  readonly #at: number
  readonly #vtable: number
  readonly #vtableBytes: number

  private constructor(bytes: Bytes, at: number, format: string) {
    this.#bytes = bytes
    this.#format = format
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#at = this.#inside(at, 4)
    this.#vtable = this.#inside(at - this.#view.getInt32(at, true), 4)
    this.#vtableBytes = this.#view.getUint16(this.#vtable, true)
    this.#inside(this.#vtable, this.#vtableBytes)
  }

  /** The root table of a buffer. @throws {MalformedError}. */
  static root(bytes: Bytes, format: string): FlatTable {
    if (bytes.length < 8) throw new MalformedError(format, 0, 'too short for a table')
    const at = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true)
    return new FlatTable(bytes, at, format)
  }

  u8(slot: number): number {
    const at = this.#field(slot, 1)
    return at === undefined ? 0 : this.#view.getUint8(at)
  }

  i16(slot: number): number {
    const at = this.#field(slot, 2)
    return at === undefined ? 0 : this.#view.getInt16(at, true)
  }

  i32(slot: number): number {
    const at = this.#field(slot, 4)
    return at === undefined ? 0 : this.#view.getInt32(at, true)
  }

  /** A 64-bit number that JavaScript holds. */
  i64(slot: number): number {
    const at = this.#field(slot, 8)
    const value = at === undefined ? 0n : this.#view.getBigInt64(at, true)
    if (value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value)
    throw this.#wrong(at ?? 0, `the number ${value}`)
  }

  table(slot: number): FlatTable | undefined {
    const at = this.#follow(slot)
    return at === undefined ? undefined : new FlatTable(this.#bytes, at, this.#format)
  }

  text(slot: number): string {
    const at = this.#follow(slot)
    if (at === undefined) return ''
    const size = this.#count(at, 1)
    return parseUtf8(this.#bytes.subarray(at + 4, at + 4 + size), this.#format)
  }

  /** The tables of a vector. */
  tables(slot: number, max: number): readonly FlatTable[] {
    const at = this.#follow(slot)
    if (at === undefined) return []
    const size = this.#count(at, 4)
    if (size > max) throw this.#wrong(at, `${size} items, at most ${max} are read`)
    return Array.from({ length: size }, (_, index) => {
      const place = at + 4 + index * 4
      return new FlatTable(this.#bytes, place + this.#view.getUint32(place, true), this.#format)
    })
  }

  /** Where the structs of a vector lie in the buffer. */
  structs(slot: number, bytes: number, max: number): readonly DataView[] {
    const at = this.#follow(slot)
    if (at === undefined) return []
    const size = this.#count(at, bytes)
    if (size > max) throw this.#wrong(at, `${size} items, at most ${max} are read`)
    return Array.from(
      { length: size },
      (_, index) =>
        new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at + 4 + index * bytes, bytes),
    )
  }

  #field(slot: number, bytes: number): number | undefined {
    const place = 4 + slot * 2
    if (place + 2 > this.#vtableBytes) return undefined
    const offset = this.#view.getUint16(this.#vtable + place, true)
    return offset === 0 ? undefined : this.#inside(this.#at + offset, bytes)
  }

  #follow(slot: number): number | undefined {
    const at = this.#field(slot, 4)
    return at === undefined ? undefined : this.#inside(at + this.#view.getUint32(at, true), 4)
  }

  #count(at: number, itemBytes: number): number {
    const size = this.#view.getUint32(at, true)
    this.#inside(at + 4, size * itemBytes)
    return size
  }

  #inside(at: number, bytes: number): number {
    if (at >= 0 && at + bytes <= this.#bytes.length) return at
    throw this.#wrong(at, `it points outside of its ${this.#bytes.length} bytes`)
  }

  #wrong(at: number, detail: string): MalformedError {
    return new MalformedError(this.#format, at, detail)
  }
}
