import { MalformedError, parseUtf8 } from '@cloister/codec'
import {
  bytesOf,
  readMessage,
  varintOf,
  type Message,
  type MessageRules,
} from './onnx-scan-message.ts'
import { protobufVarints, type ProtobufSlice } from './protobuf-reader.ts'

const dimensionsMax = 8

/** A packed number takes at most ten bytes. */
const shapeBytesMax = dimensionsMax * 10

/** Whole numbers in one constant: they are shapes, axes and places, never weights. */
const integersMax = 65_536

/** Segments, texts, other types, external data and where it lies are not in the table: their presence is refused. */
const tensorRules: MessageRules = {
  name: 'initializer',
  fieldsMax: 32,
  fields: {
    1: { name: 'shape', wire: 'numbers' },
    2: { name: 'element', wire: 'varint' },
    4: { name: 'floats', wire: 'bytes' },
    8: { name: 'name', wire: 'bytes' },
    9: { name: 'raw', wire: 'bytes' },
    12: { name: 'docString', wire: 'bytes' },
  },
}

/** A constant of a graph. Its numbers are read when they are asked for. */
export type ScannedTensor = {
  readonly name: string
  readonly shape: readonly number[]
  readonly element: 'float32' | 'int64' | 'bool'
  readonly data: ProtobufSlice
}

const widths = { float32: 4n, int64: 8n, bool: 1n } as const

/**
 * Reads a constant and checks that it holds as many numbers as its shape says.
 *
 * @throws {MalformedError} where it does not, or its data is anywhere but in it.
 */
export function scanTensor(slice: ProtobufSlice): ScannedTensor {
  const tensor = readMessage(slice, tensorRules)
  const element = elementOf(tensor)
  const shape = tensor.all('shape').flatMap((field) => {
    if (field.wire === 'bytes' && field.value.length > shapeBytesMax)
      throw new MalformedError('initializer', field.offset, `more than ${dimensionsMax} dimensions`)
    return protobufVarints(field, 'initializer shape')
  })
  if (shape.length > dimensionsMax)
    throw new MalformedError('initializer', slice.offset, `more than ${dimensionsMax} dimensions`)

  const fields = element === 'float32' ? ['raw', 'floats'] : ['raw']
  const [data, ...others] = fields.flatMap((field) => tensor.slices(field))
  const stray = element !== 'float32' && tensor.has('floats')
  if (data === undefined || others.length > 0 || stray)
    throw new MalformedError('initializer', slice.offset, 'expected its data in one field')
  const bytes = shape.reduce((size, length) => size * length, widths[element])
  if (BigInt(data.bytes.length) !== bytes)
    throw new MalformedError(
      'initializer',
      data.offset,
      `${data.bytes.length} bytes of data in a shape of ${bytes}`,
    )
  if (element !== 'float32' && data.bytes.length > integersMax * 8)
    throw new MalformedError('initializer', data.offset, `more than ${integersMax} whole numbers`)
  const name = parseUtf8(bytesOf(tensor, 'name'), 'initializer name')
  return { name, shape: shape.map(Number), element, data }
}

/** The single-precision numbers of a constant. */
export function tensorFloats({ data }: ScannedTensor): Float32Array {
  const view = new DataView(data.bytes.buffer, data.bytes.byteOffset, data.bytes.length)
  return Float32Array.from({ length: data.bytes.length / 4 }, (_, index) =>
    view.getFloat32(index * 4, true),
  )
}

/** The whole numbers of a constant. @throws {MalformedError} past 2^53. */
export function tensorIntegers({ data, name }: ScannedTensor): readonly number[] {
  const view = new DataView(data.bytes.buffer, data.bytes.byteOffset, data.bytes.length)
  return Array.from({ length: data.bytes.length / 8 }, (_, index) => {
    const value = view.getBigInt64(index * 8, true)
    // The end of a slice is often written as the largest number there is.
    const near = value > 2n ** 53n ? 2n ** 53n - 1n : value
    if (near < -(2n ** 53n)) throw new MalformedError(name, data.offset, 'a number below -2^53')
    return Number(near)
  })
}

function elementOf(tensor: Message): ScannedTensor['element'] {
  const element = varintOf(tensor, 'element')
  if (element === 1n) return 'float32'
  if (element === 7n) return 'int64'
  if (element === 9n) return 'bool'
  throw new MalformedError('initializer', tensor.offset, 'expected float32, int64 or bool')
}
