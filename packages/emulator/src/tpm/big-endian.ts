import { assert, concatBytes, type Bytes } from '@cloister/codec'

/** An unsigned number in `size` bytes, most significant first, as TPMs write all of them. */
export function bigEndian(value: number | bigint, size: number): Bytes {
  let rest = BigInt(value)
  const bytes = new Uint8Array(size)
  for (let index = size - 1; index >= 0; index--, rest >>= 8n) bytes[index] = Number(rest & 0xffn)
  assert(rest === 0n, `${value} does not fit ${size} bytes`)
  return bytes
}

/** A TPM2B: the size in 16 bits, then the bytes. */
export function tpm2b(bytes: Uint8Array): Bytes {
  return concatBytes(bigEndian(bytes.length, 2), bytes)
}
