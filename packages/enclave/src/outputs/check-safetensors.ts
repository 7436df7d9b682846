import {
  MalformedError,
  parseJson,
  parseUtf8,
  Reader,
  type Bytes,
  type Json,
} from '@cloister/codec'
import { JsonFields } from '@cloister/learn'

const headerBytesMax = 16_777_216
const tensorsMax = 65_536
const dimensionsMax = 16

/** Bits of one element. Spec: huggingface/safetensors, README, "Format". */
const elementBits: Readonly<Record<string, number>> = {
  BOOL: 8, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, I16: 16, U16: 16, F16: 16, BF16: 16, I32: 32, U32: 32, F32: 32,
  F64: 64, I64: 64, U64: 64,
} // prettier-ignore

/**
 * Asserts that bytes are a safetensors file whose tensors fill it to the last byte, without gap or overlap.
 *
 * @throws {MalformedError} naming `field`. Spec: huggingface/safetensors, README, "Format".
 */
export function checkSafetensors(field: string, bytes: Bytes): void {
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
  const spans = names
    .map((name) => readTensor(fields.value(name), field))
    .toSorted((a, b) => a.begin - b.begin || a.end - b.end)
  let at = 0
  for (const { begin, end } of spans) {
    if (begin !== at) throw new MalformedError(field, 8, 'tensors that leave a gap or overlap')
    at = end
  }
  if (at !== bytes.length - 8 - Number(headerBytes))
    throw new MalformedError(field, 8, 'tensors that do not fill the file')
}

function readTensor(value: Json, field: string): { readonly begin: number; readonly end: number } {
  const tensor = new JsonFields(value, field)
  const bits = elementBits[tensor.text('dtype', 16)]
  if (bits === undefined) throw new MalformedError(field, 8, 'an element type without a name')
  const shape = tensor.list('shape', { min: 0, max: dimensionsMax }, whole(field))
  const [begin = 0, end = 0] = tensor.list('data_offsets', { min: 2, max: 2 }, whole(field))
  tensor.end()
  // As whole numbers of any size: a shape may lie about more elements than a number can count.
  const size = (shape.reduce((product, length) => product * BigInt(length), 1n) * BigInt(bits)) / 8n
  if (end < begin || BigInt(end - begin) !== size)
    throw new MalformedError(field, 8, 'a tensor whose shape and place do not agree')
  return { begin, end }
}

function whole(field: string): (item: Json) => number {
  return (item) => {
    if (typeof item === 'number' && Number.isSafeInteger(item) && item >= 0) return item
    throw new MalformedError(field, 8, 'expected whole numbers')
  }
}
