import { assert, type Bytes } from '@cloister/codec'

/** An unsigned number in `size` bytes, least significant first, as Intel writes all of them. */
export function littleEndian(value: number | bigint, size: number): Bytes {
  let rest = BigInt(value)
  const bytes = new Uint8Array(size)
  for (let index = 0; index < size; index++, rest >>= 8n) bytes[index] = Number(rest & 0xffn)
  assert(rest === 0n, `${value} does not fit ${size} bytes`)
  return bytes
}

/** Asserts that a field of a fixed layout has its size. */
export function sized(bytes: Uint8Array, size: number, field: string): Uint8Array {
  assert(bytes.length === size, `${field} has ${bytes.length} bytes, its layout wants ${size}`)
  return bytes
}
