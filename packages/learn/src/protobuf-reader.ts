import { MalformedError, type Bytes } from '@cloister/codec'

/** One field of a protobuf message. `offset` counts from the start of the outermost message. */
export type ProtobufField =
  | { readonly number: number; readonly offset: number; readonly wire: 'varint'; value: bigint }
  | { readonly number: number; readonly offset: number; readonly wire: 'bytes'; value: Bytes }
  | { readonly number: number; readonly offset: number; readonly wire: 'fixed'; value: Bytes }

/** A message, or a part of one, with the place where it starts in the whole. */
export type ProtobufSlice = { readonly bytes: Bytes; readonly offset: number }

/**
 * Reads a message field by field. Groups, zero field numbers and over-long numbers are refused, so that no
 * second parser can read something else from the same bytes.
 *
 * @throws {MalformedError} naming `message`, from the iterator.
 */
export function* protobufFields(slice: ProtobufSlice, message: string): Generator<ProtobufField> {
  const cursor = { at: 0 }
  while (cursor.at < slice.bytes.length) {
    const start = cursor.at
    const tag = readVarint(slice, cursor, message)
    const number = Number(tag >> 3n)
    if (number < 1 || number > 0x1fffffff)
      throw new MalformedError(message, slice.offset + start, `field number ${number}`)
    yield readField(slice, cursor, { number, wire: Number(tag & 7n), message })
  }
}

/**
 * The numbers of a repeated whole-number field, packed or not.
 *
 * @throws {MalformedError} naming `message`, where `field` holds something else.
 */
export function protobufVarints(field: ProtobufField, message: string): readonly bigint[] {
  if (field.wire === 'varint') return [field.value]
  if (field.wire !== 'bytes')
    throw new MalformedError(message, field.offset, 'expected whole numbers')
  const slice = { bytes: field.value, offset: field.offset }
  const cursor = { at: 0 }
  const numbers: bigint[] = []
  while (cursor.at < slice.bytes.length) numbers.push(readVarint(slice, cursor, message))
  return numbers
}

type Cursor = { at: number }

function readField(
  slice: ProtobufSlice,
  cursor: Cursor,
  { number, wire, message }: { number: number; wire: number; message: string },
): ProtobufField {
  if (wire === 0) {
    const offset = slice.offset + cursor.at
    return { number, offset, wire: 'varint', value: readVarint(slice, cursor, message) }
  }
  if (wire !== 1 && wire !== 2 && wire !== 5)
    throw new MalformedError(message, slice.offset + cursor.at, `wire type ${wire}`)
  const size = wire === 2 ? Number(readVarint(slice, cursor, message)) : wire === 1 ? 8 : 4
  const left = slice.bytes.length - cursor.at
  if (size > left)
    throw new MalformedError(
      message,
      slice.offset + cursor.at,
      `needs ${size} bytes, ${left} are left`,
    )
  const offset = slice.offset + cursor.at
  const value = slice.bytes.subarray(cursor.at, cursor.at + size)
  cursor.at += size
  return { number, offset, wire: wire === 2 ? 'bytes' : 'fixed', value }
}

function readVarint(slice: ProtobufSlice, cursor: Cursor, message: string): bigint {
  const start = cursor.at
  let value = 0n
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = slice.bytes[cursor.at++]
    if (byte === undefined)
      throw new MalformedError(message, slice.offset + start, 'ends inside a number')
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) {
      if (value >> 64n) throw new MalformedError(message, slice.offset + start, 'number too large')
      return value
    }
  }
  throw new MalformedError(message, slice.offset + start, 'number longer than ten bytes')
}
