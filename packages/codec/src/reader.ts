import type { Bytes } from './bytes.ts'
import { MalformedError } from './errors.ts'

/** Which byte of a number comes first: the least significant (Intel, AMD, DMTF) or the most (TPM, CBOR). */
export type ByteOrder = 'little' | 'big'

/**
 * Reads fields one after another from bytes that nobody vouches for. Little-endian unless told otherwise.
 *
 * Offsets, those in errors too, count from the start of the outermost bytes.
 */
export class Reader {
  readonly #bytes: Bytes
  readonly #big: boolean
  readonly #end: number
  #offset: number

  constructor(bytes: Bytes, order: ByteOrder = 'little', offset = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#big = order === 'big'
    this.#offset = offset
    this.#end = end
  }

  /** Where the next field starts. */
  get offset(): number {
    return this.#offset
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#end - this.#offset
  }

  /**
   * The next `size` bytes, as a view: no copy is made.
   *
   * @throws {MalformedError} naming `field`, where fewer are left.
   */
  bytes(field: string, size: number): Bytes {
    const start = this.#take(field, size)
    return this.#bytes.subarray(start, this.#offset)
  }

  /** Steps over `size` bytes that decide nothing. @throws {MalformedError} where fewer are left. */
  skip(field: string, size: number): void {
    this.#take(field, size)
  }

  /**
   * A reader over the next `size` bytes, in the same byte order.
   *
   * @throws {MalformedError} naming `field`, where fewer are left.
   */
  inside(field: string, size: number): Reader {
    const start = this.#take(field, size)
    return new Reader(this.#bytes, this.#big ? 'big' : 'little', start, this.#offset)
  }

  /** An unsigned 8-bit number. @throws {MalformedError} where no byte is left. */
  u8(field: string): number {
    return this.#number(this.#take(field, 1), 1)
  }

  /** An unsigned 16-bit number. @throws {MalformedError} on a short input. */
  u16(field: string): number {
    return this.#number(this.#take(field, 2), 2)
  }

  /** An unsigned 24-bit number. @throws {MalformedError} on a short input. */
  u24(field: string): number {
    return this.#number(this.#take(field, 3), 3)
  }

  /** An unsigned 32-bit number. @throws {MalformedError} on a short input. */
  u32(field: string): number {
    return this.#number(this.#take(field, 4), 4)
  }

  /** An unsigned 64-bit number. @throws {MalformedError} on a short input. */
  u64(field: string): bigint {
    const start = this.#take(field, 8)
    const first = BigInt(this.#number(start, 4))
    const second = BigInt(this.#number(start + 4, 4))
    return this.#big ? (first << 32n) | second : first | (second << 32n)
  }

  /**
   * Asserts that nothing is left.
   *
   * @throws {MalformedError} naming `field`, where bytes are left.
   */
  end(field: string): void {
    if (this.remaining > 0)
      throw new MalformedError(field, this.#offset, `${this.remaining} bytes are left over`)
  }

  /** Steps over `size` bytes that are there, and says where they start. */
  #take(field: string, size: number): number {
    const start = this.#offset
    if (size > this.#end - start)
      throw new MalformedError(field, start, `needs ${size} bytes, ${this.#end - start} are left`)
    this.#offset = start + size
    return start
  }

  #number(start: number, size: number): number {
    let value = 0
    for (let index = 0; index < size; index++) {
      const place = this.#big ? start + index : start + size - 1 - index
      value = value * 256 + (this.#bytes[place] ?? 0)
    }
    return value
  }
}
