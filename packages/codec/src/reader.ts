import type { Bytes } from './bytes.ts'
import { MalformedError } from './errors.ts'

/** Reads fields one after another from bytes that nobody vouches for. Little-endian, as Intel and AMD write. */
export class Reader {
  readonly #bytes: Bytes
  #offset = 0

  constructor(bytes: Bytes) {
    this.#bytes = bytes
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#offset
  }

  /**
   * The next `size` bytes, as a view: no copy is made.
   *
   * @throws {MalformedError} naming `field`, where fewer are left.
   */
  bytes(field: string, size: number): Bytes {
    if (size > this.remaining)
      throw new MalformedError(
        field,
        this.#offset,
        `needs ${size} bytes, ${this.remaining} are left`,
      )
    const start = this.#offset
    this.#offset += size
    return this.#bytes.subarray(start, this.#offset)
  }

  /** An unsigned 8-bit number. @throws {MalformedError} where no byte is left. */
  u8(field: string): number {
    return this.#number(field, 1)
  }

  /** An unsigned 16-bit number, little-endian. @throws {MalformedError} on a short input. */
  u16(field: string): number {
    return this.#number(field, 2)
  }

  /** An unsigned 32-bit number, little-endian. @throws {MalformedError} on a short input. */
  u32(field: string): number {
    return this.#number(field, 4)
  }

  /** An unsigned 64-bit number, little-endian. @throws {MalformedError} on a short input. */
  u64(field: string): bigint {
    const low = BigInt(this.u32(field))
    return low | (BigInt(this.u32(field)) << 32n)
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

  #number(field: string, size: number): number {
    return this.bytes(field, size).reduceRight((value, byte) => value * 256 + byte, 0)
  }
}
