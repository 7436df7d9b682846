import {
  canonicalJson,
  concatBytes,
  encodeUtf8,
  MalformedError,
  parseJson,
  parseUtf8,
  Reader,
  type Bytes,
  type Json,
} from '@cloister/codec'
import { canonicalNumbers, JsonFields, type AmbiguousNumber } from '@cloister/learn'

const headerBytesMax = 16_777_216
const tensorsMax = 65_536
const dimensionsMax = 16

/** Bits of one element. Spec: huggingface/safetensors, README, "Format". */
const elementBits: Readonly<Record<string, number>> = {
  BOOL: 8, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, I16: 16, U16: 16, F16: 16, BF16: 16, I32: 32, U32: 32, F32: 32,
  F64: 64, I64: 64, U64: 64,
} // prettier-ignore

/**
 * A safetensors file whose tensors fill it to the last byte, without gap or overlap, written in one way: no metadata, the widest elements
 * first and then by name, a header in canonical JSON, one NaN.
 *
 * @throws {MalformedError} naming `field`. Spec: huggingface/safetensors, README, "Format".
 */
export function canonicalSafetensors(field: string, bytes: Bytes): Bytes {
  const reader = new Reader(bytes)
  const headerBytes = reader.u64(`${field} header length`)
  if (headerBytes < 2n || headerBytes > BigInt(Math.min(headerBytesMax, bytes.length - 8)))
    throw new MalformedError(field, 0, `a header of ${headerBytes} bytes`)
  const text = parseUtf8(reader.bytes(`${field} header`, Number(headerBytes)), field)
  const header = parseJson(text, field, { charactersMax: headerBytesMax, depthMax: 3 })
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new MalformedError(field, 8, 'expected an object as header')
  const names = Object.keys(header).filter((name) => name !== '__metadata__')
  if (names.length > tensorsMax)
    throw new MalformedError(field, 8, `more than ${tensorsMax} tensors`)
  const fields = new JsonFields(header, field)
  const tensors = names.map((name) => readTensor(name, fields.value(name), field))
  requireFilled(tensors, bytes.length - 8 - Number(headerBytes), field)
  return write(tensors, bytes.subarray(8 + Number(headerBytes)))
}

function requireFilled(tensors: readonly Tensor[], size: number, field: string): void {
  let at = 0
  for (const { begin, end } of tensors.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at) throw new MalformedError(field, 8, 'tensors that leave a gap or overlap')
    at = end
  }
  if (at !== size) throw new MalformedError(field, 8, 'tensors that do not fill the file')
}

function write(tensors: readonly Tensor[], data: Bytes): Bytes {
  const ordered = tensors.toSorted((a, b) => b.bits - a.bits || (a.name < b.name ? -1 : 1))
  const entries: [string, Json][] = []
  const parts: Bytes[] = []
  let at = 0
  for (const { name, dtype, shape, begin, end } of ordered) {
    entries.push([name, { dtype, shape, data_offsets: [at, at + end - begin] }])
    at += end - begin
    const numbers = data.subarray(begin, end)
    const type = ambiguous.find((each) => each === dtype)
    parts.push(type === undefined ? numbers : canonicalNumbers(numbers, type))
  }
  const text = canonicalJson(Object.fromEntries(entries))
  const encoded = encodeUtf8(text)
  // So that the numbers begin at a multiple of eight, as the format's own writer does it.
  const head = encodeUtf8(text + ' '.repeat((8 - (encoded.length % 8)) % 8))
  const length = new Uint8Array(8)
  new DataView(length.buffer).setBigUint64(0, BigInt(head.length), true)
  return concatBytes(length, head, ...parts)
}

/** Types of numbers of which some have more spellings than one. */
const ambiguous: readonly AmbiguousNumber[] = ['BOOL', 'F16', 'BF16', 'F32', 'F64']

type Tensor = {
  readonly name: string
  readonly dtype: string
  readonly bits: number
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

function readTensor(name: string, value: Json, field: string): Tensor {
  const tensor = new JsonFields(value, field)
  const dtype = tensor.text('dtype', 16)
  const bits = elementBits[dtype]
  if (bits === undefined) throw new MalformedError(field, 8, 'an element type without a name')
  const shape = tensor.list('shape', { min: 0, max: dimensionsMax }, whole(field))
  const [begin = 0, end = 0] = tensor.list('data_offsets', { min: 2, max: 2 }, whole(field))
  tensor.end()
  // As whole numbers of any size: a shape may lie about more elements than a number can count.
  const size = (shape.reduce((product, length) => product * BigInt(length), 1n) * BigInt(bits)) / 8n
  if (end < begin || BigInt(end - begin) !== size)
    throw new MalformedError(field, 8, 'a tensor whose shape and place do not agree')
  return { name, dtype, bits, shape, begin, end }
}

function whole(field: string): (item: Json) => number {
  return (item) => {
    if (typeof item === 'number' && Number.isSafeInteger(item) && item >= 0) return item
    throw new MalformedError(field, 8, 'expected whole numbers')
  }
}
