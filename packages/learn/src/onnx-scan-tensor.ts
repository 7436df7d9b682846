import { MalformedError } from '@cloister/codec'
import { readMessage, varintOf, type MessageRules } from './onnx-scan-message.ts'
import { protobufVarints, type ProtobufSlice } from './protobuf-reader.ts'

const dimensionsMax = 8

/** Segments, texts, external data and where it lies are not in the table: their presence is refused. */
const tensorRules: MessageRules = {
  name: 'initializer',
  fields: {
    1: { name: 'shape', wire: 'numbers' },
    2: { name: 'element', wire: 'varint' },
    4: { name: 'floats', wire: 'bytes' },
    7: { name: 'integers', wire: 'numbers' },
    8: { name: 'name', wire: 'bytes' },
    9: { name: 'raw', wire: 'bytes' },
    12: { name: 'docString', wire: 'bytes' },
  },
}

/**
 * Checks that a constant holds as many numbers as its shape says: float32 (1) or int64 (7).
 *
 * @throws {MalformedError} where it does not, or its data is anywhere but in it.
 */
export function scanTensor(slice: ProtobufSlice): void {
  const tensor = readMessage(slice, tensorRules)
  const shape = tensor.all('shape').flatMap((field) => protobufVarints(field, 'initializer shape'))
  if (shape.length > dimensionsMax)
    throw new MalformedError('initializer', slice.offset, `more than ${dimensionsMax} dimensions`)
  const count = shape.reduce((size, length) => size * length, 1n)
  const element = varintOf(tensor, 'element')
  if (element !== 1n && element !== 7n)
    throw new MalformedError('initializer', slice.offset, 'expected float32 or int64')

  const holds = ['raw', 'floats', 'integers'].filter((field) => tensor.has(field))
  if (holds.length !== 1)
    throw new MalformedError(
      'initializer',
      slice.offset,
      `data in ${holds.length} fields, expected 1`,
    )
  const [raw] = tensor.slices('raw')
  const [floats] = tensor.slices('floats')
  const numbers = raw
    ? BigInt(raw.bytes.length) / (element === 1n ? 4n : 8n)
    : floats
      ? BigInt(floats.bytes.length) / 4n
      : BigInt(tensor.all('integers').flatMap((f) => protobufVarints(f, 'initializer')).length)
  const partial = raw
    ? raw.bytes.length % (element === 1n ? 4 : 8) !== 0
    : (floats?.bytes.length ?? 0) % 4 !== 0
  if (partial || numbers !== count)
    throw new MalformedError(
      'initializer',
      slice.offset,
      `${numbers} numbers in a shape of ${count}`,
    )
  if ((floats && element !== 1n) || (tensor.has('integers') && element !== 7n))
    throw new MalformedError('initializer', slice.offset, 'data in the field of another type')
}
