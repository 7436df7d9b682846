import { encodeUtf8, type Bytes } from '@cloister/codec'

/** Writes one protobuf message, field after field in the order of the calls. Spec: protobuf encoding guide. */
export class ProtobufWriter {
  readonly #parts: Uint8Array[] = []

  /** A whole number: int32, int64, uint64 or enum. Negative ones take ten bytes, as the format wants. */
  varint(field: number, value: number | bigint): this {
    this.#parts.push(encodeVarint(field << 3), encodeVarint(value))
    return this
  }

  /** A single-precision number. */
  float(field: number, value: number): this {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setFloat32(0, value, true)
    this.#parts.push(encodeVarint((field << 3) | 5), bytes)
    return this
  }

  /** Four bytes as they are: a single-precision number. */
  fixed32(field: number, value: Uint8Array): this {
    this.#parts.push(encodeVarint((field << 3) | 5), value)
    return this
  }

  /** Bytes as they are. They are not copied before `finish`. */
  bytes(field: number, value: Uint8Array): this {
    this.#parts.push(encodeVarint((field << 3) | 2), encodeVarint(value.length), value)
    return this
  }

  /** A UTF-8 text. */
  text(field: number, value: string): this {
    return this.bytes(field, encodeUtf8(value))
  }

  /** A message inside this one. */
  message(field: number, value: ProtobufWriter): this {
    return this.bytes(field, value.finish())
  }

  /** The message so far. */
  finish(): Bytes {
    const message = new Uint8Array(this.#parts.reduce((size, part) => size + part.length, 0))
    let offset = 0
    for (const part of this.#parts) {
      message.set(part, offset)
      offset += part.length
    }
    return message
  }
}

function encodeVarint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value))
  const bytes: number[] = []
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return Uint8Array.from(bytes)
}
