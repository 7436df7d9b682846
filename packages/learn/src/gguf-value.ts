import { MalformedError, parseUtf8, type Reader } from '@cloister/codec'

/** What a value is read for: texts and whole numbers are handed on, of the rest only the length matters. */
export type GgufValue = string | bigint | undefined

type Limits = { readonly textBytesMax: number; readonly listMax: number }

const [boolType, textType, listType] = [7, 8, 9]

/** Bytes of a number, by its type. Spec: ggml-org/ggml, docs/gguf.md, gguf_metadata_value_type. */
const numberBytes: Readonly<Record<number, number>> = {
  0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8,
} // prettier-ignore

/**
 * Reads one value of the metadata. A list holds numbers or texts, and no lists.
 *
 * @throws {MalformedError} naming the field.
 */
export function readGgufValue(reader: Reader, limits: Limits): GgufValue {
  const at = reader.offset
  const type = reader.u32('GGUF value type')
  if (type === textType) return readGgufText(reader, 'GGUF text', limits.textBytesMax)
  if (type !== listType) return readNumber(reader, type, at)
  const inner = reader.u32('GGUF list type')
  const length = reader.u64('GGUF list length')
  if (length > BigInt(limits.listMax))
    throw new MalformedError('GGUF list length', at, `${length}, at most ${limits.listMax}`)
  const size = numberBytes[inner]
  if (inner === textType)
    for (let index = 0n; index < length; index++)
      readGgufText(reader, 'GGUF text', limits.textBytesMax)
  else if (size === undefined) throw new MalformedError('GGUF list type', at, `got ${inner}`)
  else reader.skip('GGUF list', Number(length) * size)
  return undefined
}

/** Reads a text behind its length. @throws {MalformedError} naming `field`. */
export function readGgufText(reader: Reader, field: string, bytesMax: number): string {
  const at = reader.offset
  const length = reader.u64(field)
  if (length > BigInt(bytesMax))
    throw new MalformedError(field, at, `${length} bytes, at most ${bytesMax}`)
  return parseUtf8(reader.bytes(field, Number(length)), field)
}

function readNumber(reader: Reader, type: number, at: number): GgufValue {
  const size = numberBytes[type]
  if (size === undefined) throw new MalformedError('GGUF value type', at, `got ${type}`)
  const bytes = reader.bytes('GGUF value', size)
  if (type === boolType && (bytes[0] ?? 0) > 1)
    throw new MalformedError('GGUF value', at, 'expected true or false')
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n)
}
