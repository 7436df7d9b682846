import { MalformedError } from '@cloister/codec'
import { readMessage, varintOf, type MessageRules } from './onnx-scan-message.ts'
import { protobufVarints, type ProtobufSlice } from './protobuf-reader.ts'

const dimensionsMax = 8

/** A packed number takes at most ten bytes. */
const shapeBytesMax = dimensionsMax * 10

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

/**
 * Checks that a constant holds as many float32 numbers as its shape says.
 *
 * @throws {MalformedError} where it does not, or its data is anywhere but in it.
 */
export function scanTensor(slice: ProtobufSlice): void {
  const tensor = readMessage(slice, tensorRules)
  if (varintOf(tensor, 'element') !== 1n)
    throw new MalformedError('initializer', slice.offset, 'expected float32')
  const shape = tensor.all('shape').flatMap((field) => {
    if (field.wire === 'bytes' && field.value.length > shapeBytesMax)
      throw new MalformedError('initializer', field.offset, `more than ${dimensionsMax} dimensions`)
    return protobufVarints(field, 'initializer shape')
  })
  if (shape.length > dimensionsMax)
    throw new MalformedError('initializer', slice.offset, `more than ${dimensionsMax} dimensions`)

  const [data, ...others] = [...tensor.slices('raw'), ...tensor.slices('floats')]
  if (data === undefined || others.length > 0)
    throw new MalformedError('initializer', slice.offset, 'expected its data in one field')
  const bytes = shape.reduce((size, length) => size * length, 4n)
  if (BigInt(data.bytes.length) !== bytes)
    throw new MalformedError(
      'initializer',
      data.offset,
      `${data.bytes.length} bytes of data in a shape of ${bytes}`,
    )
}

/** The float32 numbers of a constant that {@link scanTensor} let pass. */
export function tensorFloats(slice: ProtobufSlice): readonly number[] {
  const tensor = readMessage(slice, tensorRules)
  const [data] = [...tensor.slices('raw'), ...tensor.slices('floats')]
  if (data === undefined) return []
  const view = new DataView(data.bytes.buffer, data.bytes.byteOffset, data.bytes.length)
  return Array.from({ length: data.bytes.length / 4 }, (_, index) =>
    view.getFloat32(index * 4, true),
  )
}
