import { compareBytes, encodeUtf8, joinBytes, type Bytes } from './bytes.ts'
import { CborTag, isCborArray, isCborMap, type Cbor, type CborMap } from './cbor.ts'

/**
 * Writes CBOR in its deterministic encoding: equal values give equal bytes. Lengths are definite,
 * numbers are as short as they can be, map keys are in the bytewise order of their encodings.
 *
 * @throws {RangeError} on a number that is no integer of 64 bits and a sign, on text with half a
 * surrogate pair, and on a map that holds one integer both as a number and as a bigint.
 * Spec: RFC 8949 section 4.2.1.
 */
export function encodeCbor(value: Cbor): Bytes {
  const parts: Bytes[] = []
  write(value, parts)
  return joinBytes(parts)
}

function write(value: Cbor, parts: Bytes[]): void {
  if (typeof value === 'number' || typeof value === 'bigint') {
    parts.push(integer(value))
  } else if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new RangeError('Cannot write half a surrogate pair as CBOR')
    const text = encodeUtf8(value)
    parts.push(head(3, BigInt(text.length)), text)
  } else if (value === undefined || value === null || typeof value === 'boolean') {
    parts.push(
      Uint8Array.of(value === undefined ? 0xf7 : value === null ? 0xf6 : value ? 0xf5 : 0xf4),
    )
  } else if (value instanceof Uint8Array) {
    parts.push(head(2, BigInt(value.length)), value)
  } else if (value instanceof CborTag) {
    parts.push(head(6, BigInt(value.tag)))
    write(value.value, parts)
  } else if (isCborMap(value)) {
    writeMap(value, parts)
  } else if (isCborArray(value)) {
    parts.push(head(4, BigInt(value.length)))
    for (const item of value) write(item, parts)
  }
}

function writeMap(map: CborMap, parts: Bytes[]): void {
  const entries = [...map]
    .map(([key, value]) => ({ key: encodeCbor(key), value }))
    .toSorted((a, b) => compareBytes(a.key, b.key))
  parts.push(head(5, BigInt(entries.length)))
  let previous: Bytes | undefined
  for (const { key, value } of entries) {
    if (previous && compareBytes(previous, key) === 0)
      throw new RangeError('Cannot write a map that has one key twice')
    parts.push(key)
    write(value, parts)
    previous = key
  }
}

function integer(value: number | bigint): Bytes {
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw new RangeError(`Cannot write ${value} as a CBOR integer`)
  const exact = BigInt(value)
  return exact < 0n ? head(1, -1n - exact) : head(0, exact)
}

/** The first byte of an item and its argument, in the shortest form. Spec: RFC 8949 section 3. */
function head(major: number, argument: bigint): Bytes {
  if (argument < 0n || argument >= 1n << 64n)
    throw new RangeError(`Cannot write ${argument} in 64 bits`)
  if (argument < 24n) return Uint8Array.of((major << 5) | Number(argument))
  const log2 = argument < 1n << 8n ? 0 : argument < 1n << 16n ? 1 : argument < 1n << 32n ? 2 : 3
  const bytes = new Uint8Array(1 + 2 ** log2)
  bytes[0] = (major << 5) | (24 + log2)
  for (let index = bytes.length - 1, rest = argument; index > 0; index--, rest >>= 8n)
    bytes[index] = Number(rest & 0xffn)
  return bytes
}
