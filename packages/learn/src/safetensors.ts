import {
  assert,
  canonicalJson,
  concatBytes,
  encodeUtf8,
  MalformedError,
  parseJson,
  parseUtf8,
  type Bytes,
  type Json,
} from '@cloister/codec'
import { JsonFields, textItem, wholeItem } from './json-fields.ts'

/** What a safetensors file may be at most. */
export const safetensorsLimits = {
  headerBytesMax: 8_388_608,
  tensorsMax: 16_384,
  dimensionsMax: 8,
  nameCharactersMax: 256,
} as const

const widths = {
  BOOL: 1, U8: 1, I8: 1, I16: 2, U16: 2, F16: 2, BF16: 2, I32: 4, U32: 4, F32: 4, F64: 8, I64: 8, U64: 8,
} as const // prettier-ignore

/** Types of numbers in a safetensors file. */
export type SafetensorsType = keyof typeof widths

/** Where a tensor lies in a file. */
export type TensorPlace = {
  readonly name: string
  readonly type: SafetensorsType
  readonly shape: readonly number[]
  /** Offset of its first byte in the file. */
  readonly start: number
  readonly bytes: number
}

/** The first part of a file: what tensors it holds, and texts. */
export type SafetensorsHeader = {
  readonly tensors: readonly TensorPlace[]
  readonly metadata: Readonly<Record<string, string>>
}

/** Bytes that a header's length takes, at the start of a file. */
export const safetensorsPrefixBytes = 8

/**
 * Length of the header, from the first 8 bytes.
 *
 * @throws {MalformedError} past the limit.
 */
export function safetensorsHeaderBytes(prefix: Bytes, name = 'safetensors'): number {
  if (prefix.length < safetensorsPrefixBytes)
    throw new MalformedError(name, 0, `${prefix.length} bytes, expected at least 8`)
  const view = new DataView(prefix.buffer, prefix.byteOffset, prefix.length)
  const length = view.getBigUint64(0, true)
  if (length < 2n || length > BigInt(safetensorsLimits.headerBytesMax))
    throw new MalformedError(
      name,
      0,
      `a header of ${length} bytes, expected 2 to ${safetensorsLimits.headerBytesMax}`,
    )
  return Number(length)
}

/**
 * Reads a header. `fileBytes` is the size of the whole file: tensors have to fill it, one after another, without a gap.
 *
 * @throws {MalformedError} naming the tensor's place in the header.
 */
export function parseSafetensorsHeader(
  header: Bytes,
  fileBytes: number,
  name = 'safetensors',
): SafetensorsHeader {
  const limits = { charactersMax: safetensorsLimits.headerBytesMax, depthMax: 3 }
  const value = parseJson(parseUtf8(header, name), name, limits)
  if (!isObject(value)) throw new MalformedError(name, 8, 'expected an object')
  const entries = Object.entries(value)
  if (entries.length > safetensorsLimits.tensorsMax + 1)
    throw new MalformedError(name, 8, `more than ${safetensorsLimits.tensorsMax} tensors`)
  const first = safetensorsPrefixBytes + header.length
  const tensors = entries
    .filter(([key]) => key !== '__metadata__')
    .map(([key, item], index) => readPlace(key, item, { first, path: `${name}.tensor[${index}]` }))
    .toSorted((a, b) => a.start - b.start)
  let end = first
  for (const [index, { start, bytes }] of tensors.entries()) {
    if (start !== end)
      throw new MalformedError(
        `${name}.tensor[${index}]`,
        start,
        `starts at ${start}, expected ${end}`,
      )
    end += bytes
  }
  if (end !== fileBytes) throw new MalformedError(name, end, `${fileBytes} bytes, expected ${end}`)
  const metadata = value['__metadata__']
  return { tensors, metadata: metadata === undefined ? {} : readMetadata(metadata, name) }
}

/**
 * Reads a whole file.
 *
 * @throws {MalformedError} naming the tensor's place in the header.
 */
export function parseSafetensors(bytes: Bytes, name = 'safetensors'): SafetensorsHeader {
  const length = safetensorsHeaderBytes(bytes, name)
  const end = safetensorsPrefixBytes + length
  if (bytes.length < end) throw new MalformedError(name, 8, 'ends inside its header')
  return parseSafetensorsHeader(bytes.subarray(safetensorsPrefixBytes, end), bytes.length, name)
}

/** Writes a file of float32 tensors. Equal contents give equal bytes. */
export function encodeSafetensors(
  tensors: readonly {
    readonly name: string
    readonly shape: readonly number[]
    readonly values: Float32Array
  }[],
  metadata: Readonly<Record<string, string>> = {},
): Bytes {
  const entries: (readonly [string, Json])[] = []
  if (Object.keys(metadata).length > 0) entries.push(['__metadata__', { ...metadata }])
  let end = 0
  for (const { name, shape, values } of tensors) {
    assert(shape.reduce((size, length) => size * length, 1) === values.length, 'a full tensor')
    const start = end
    end += values.length * 4
    entries.push([name, { dtype: 'F32', shape: [...shape], data_offsets: [start, end] }])
  }
  const text = encodeUtf8(canonicalJson(Object.fromEntries(entries)))
  // Blanks at the end bring the first tensor to a multiple of eight bytes.
  const padded = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(0x20)
  padded.set(text)
  const prefix = new Uint8Array(safetensorsPrefixBytes)
  new DataView(prefix.buffer).setBigUint64(0, BigInt(padded.length), true)
  return concatBytes(prefix, padded, ...tensors.map(({ values }) => floatBytes(values)))
}

/**
 * The numbers of a float32 tensor that was read whole.
 *
 * @throws {MalformedError} where it holds another type.
 */
export function tensorValues(file: Bytes, place: TensorPlace): Float32Array {
  if (place.type !== 'F32') throw new MalformedError(place.name, place.start, 'expected F32')
  return readNumbers(file.subarray(place.start, place.start + place.bytes), place.type)
}

/** Numbers of one type from their bytes, as single precision: whole numbers past 2^24 are rounded. */
export function readNumbers(bytes: Bytes, type: SafetensorsType): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const width = widths[type]
  const read = reader(view, type)
  const values = new Float32Array(bytes.length / width)
  for (let index = 0; index < values.length; index++) values[index] = read(index * width)
  return values
}

/** Bytes that one number of a type takes. */
export function typeBytes(type: SafetensorsType): number {
  return widths[type]
}

function reader(view: DataView, type: SafetensorsType): (offset: number) => number {
  switch (type) {
    case 'BOOL':
    case 'U8':
      return (offset) => view.getUint8(offset)
    case 'I8':
      return (offset) => view.getInt8(offset)
    case 'I16':
      return (offset) => view.getInt16(offset, true)
    case 'U16':
      return (offset) => view.getUint16(offset, true)
    case 'F16':
      return (offset) => halfFloat(view.getUint16(offset, true))
    case 'BF16':
      return (offset) => {
        const word = new DataView(new ArrayBuffer(4))
        word.setUint32(0, view.getUint16(offset, true) << 16)
        return word.getFloat32(0)
      }
    case 'I32':
      return (offset) => view.getInt32(offset, true)
    case 'U32':
      return (offset) => view.getUint32(offset, true)
    case 'F32':
      return (offset) => view.getFloat32(offset, true)
    case 'F64':
      return (offset) => view.getFloat64(offset, true)
    case 'I64':
      return (offset) => Number(view.getBigInt64(offset, true))
    case 'U64':
    default:
      return (offset) => Number(view.getBigUint64(offset, true))
  }
}

/** Spec: IEEE 754 binary16. */
function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023]
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

function readPlace(
  key: string,
  item: Json,
  { first, path }: { readonly first: number; readonly path: string },
): TensorPlace {
  if (key.length === 0 || key.length > safetensorsLimits.nameCharactersMax)
    throw new MalformedError(path, 8, `a name of ${key.length} characters`)
  const fields = new JsonFields(item, path)
  const names = Object.keys(widths).filter((name) => isType(name))
  const type = fields.choice('dtype', names)
  const sizes = { min: 0, max: safetensorsLimits.dimensionsMax }
  const shape = fields.list('shape', sizes, whole)
  const [start = 0, end = 0] = fields.list('data_offsets', { min: 2, max: 2 }, whole)
  fields.end()
  const bytes = shape.reduce((size, length) => size * length, widths[type])
  if (!Number.isSafeInteger(bytes) || end - start !== bytes)
    throw new MalformedError(path, 8, `${end - start} bytes for a shape of ${bytes}`)
  return { name: key, type, shape, start: first + start, bytes }
}

function whole(item: Json, path: string): number {
  return wholeItem(item, path, 0, Number.MAX_SAFE_INTEGER)
}

function readMetadata(value: Json, name: string): Readonly<Record<string, string>> {
  if (!isObject(value)) throw new MalformedError(`${name}.__metadata__`, 8, 'expected an object')
  const entries = Object.entries(value).map(
    ([key, item]) =>
      [key, item === '' ? '' : textItem(item, `${name}.__metadata__`, 1_048_576)] as const,
  )
  return Object.fromEntries(entries)
}

/** The bytes of single-precision numbers, the lowest first. */
export function floatBytes(values: Float32Array): Bytes {
  const bytes = new Uint8Array(values.length * 4)
  const view = new DataView(bytes.buffer)
  for (let index = 0; index < values.length; index++)
    view.setFloat32(index * 4, values[index] ?? 0, true)
  return bytes
}

function isType(name: string): name is SafetensorsType {
  return Object.hasOwn(widths, name)
}

function isObject(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
