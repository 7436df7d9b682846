import { MalformedError, parseUtf8, type Bytes } from '@cloister/codec'

/** Bytes that can be read anywhere, however many there are. */
export type DataReader = {
  readonly size: number
  /** `length` bytes from `offset` on; both lie within `size`. */
  readonly read: (offset: number, length: number) => Promise<Bytes>
}

/** A reader of bytes that are in memory. */
export function readerOf(bytes: Bytes): DataReader {
  return {
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.slice(offset, offset + length)),
  }
}

const windowBytes = 1 << 16

/**
 * A place in a file from which little-endian values are read in order, a window of 64 KiB at a time. What lies beyond the file's end is
 * refused before memory is spent on it.
 */
export class DataCursor {
  readonly #reader: DataReader
  readonly #format: string
  readonly #end: number
  #at: number
  #window: Bytes = new Uint8Array(0)
  #windowAt = 0

  constructor(reader: DataReader, format: string, at = 0, end: number = reader.size) {
    this.#reader = reader
    this.#format = format
    this.#at = at
    this.#end = end
  }

  /** Bytes from the start of the file. */
  get at(): number {
    return this.#at
  }

  get done(): boolean {
    return this.#at >= this.#end
  }

  get left(): number {
    return this.#end - this.#at
  }

  async u8(field: string): Promise<number> {
    return (await this.#view(field, 1)).getUint8(0)
  }

  async u32(field: string): Promise<number> {
    return (await this.#view(field, 4)).getUint32(0, true)
  }

  async f32(field: string): Promise<number> {
    return (await this.#view(field, 4)).getFloat32(0, true)
  }

  async f64(field: string): Promise<number> {
    return (await this.#view(field, 8)).getFloat64(0, true)
  }

  /** An unsigned 64-bit number that is at most `max`. */
  async size(field: string, max: number): Promise<number> {
    const at = this.#at
    const value = (await this.#view(field, 8)).getBigUint64(0, true)
    if (value <= BigInt(max)) return Number(value)
    throw this.wrong(field, `${value}, at most ${max} are read`, at)
  }

  async u64(field: string): Promise<bigint> {
    return (await this.#view(field, 8)).getBigUint64(0, true)
  }

  async text(field: string, length: number): Promise<string> {
    return parseUtf8(await this.bytes(field, length), field)
  }

  /** Bytes of a length that the caller has bounded. */
  async bytes(field: string, length: number): Promise<Bytes> {
    this.#require(field, length)
    const bytes = await this.#reader.read(this.#at, length)
    this.#at += length
    return bytes
  }

  skip(field: string, length: number): void {
    this.#require(field, length)
    this.#at += length
  }

  /** An error about what was read here. */
  wrong(field: string, detail: string, at: number = this.#at): MalformedError {
    return new MalformedError(`${this.#format} ${field}`, at, detail)
  }

  async #view(field: string, length: number): Promise<DataView> {
    this.#require(field, length)
    const from = this.#at - this.#windowAt
    if (from < 0 || from + length > this.#window.length) {
      const count = Math.min(windowBytes, this.#end - this.#at)
      this.#window = await this.#reader.read(this.#at, count)
      this.#windowAt = this.#at
    }
    const view = new DataView(
      this.#window.buffer,
      this.#window.byteOffset + this.#at - this.#windowAt,
      length,
    )
    this.#at += length
    return view
  }

  #require(field: string, length: number): void {
    if (length <= this.left) return
    throw this.wrong(field, `${length} bytes, ${this.left} are left: the file was cut or lies`)
  }
}
