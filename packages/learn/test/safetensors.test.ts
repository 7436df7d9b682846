import { MalformedError } from '@cloister/codec'
import { assert, nat, property } from 'fast-check'
import { expect, test } from 'vitest'
import {
  encodeSafetensors,
  memoryRanges,
  parseSafetensors,
  safetensorsSource,
  tensorValues,
} from '@cloister/learn'
import { readNumbers } from '../src/safetensors.ts'

/** A file as the format describes it, written by hand. */
function file(header: unknown, data: Uint8Array = new Uint8Array()): Uint8Array<ArrayBuffer> {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return new Uint8Array(Buffer.concat([length, text, data]))
}

const f32 = (shape: number[], start: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [start, end],
})

test('what is written is read back, at offsets that are multiples of eight', () => {
  const tensors = [
    { name: 'b', shape: [2, 2], values: Float32Array.of(1, -2, 3.5, 0) },
    { name: 'a', shape: [], values: Float32Array.of(7) },
    { name: 'none', shape: [0], values: new Float32Array() },
  ]
  const bytes = encodeSafetensors(tensors, { note: 'é' })
  const { tensors: read, metadata } = parseSafetensors(bytes)
  expect(metadata).toEqual({ note: 'é' })
  expect(read[0]!.start % 8).toBe(0)
  for (const { name, shape, values } of tensors) {
    const place = read.find((each) => each.name === name)!
    expect(place.shape).toEqual(shape)
    expect(tensorValues(bytes, place)).toEqual(values)
  }
  expect(Buffer.from(encodeSafetensors(tensors, { note: 'é' })).equals(bytes)).toBe(true)
})

test('a file written by hand is read by its parts', async () => {
  const x = Buffer.from([1, 2, 3, 4, 5, 250])
  const y = Buffer.alloc(24)
  for (const [index, value] of [2n, 0n, 1n].entries()) y.writeBigInt64LE(value, index * 8)
  const header = {
    x: { dtype: 'U8', shape: [3, 2], data_offsets: [0, 6] },
    y: { dtype: 'I64', shape: [3], data_offsets: [6, 30] },
  }
  const source = await safetensorsSource(memoryRanges(file(header, Buffer.concat([x, y]))))
  expect([source.rows, source.width, source.targets]).toEqual([3, 2, 1])
  expect(await source.read(1, 2)).toEqual({
    x: Float32Array.of(3, 4, 5, 250),
    y: Int32Array.of(0, 1),
  })
})

test.for([
  ['F16', [0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00], [1, -2, 65504, 2 ** -24, Infinity]],
  ['BF16', [0x3f80, 0xc040], [1, -3]],
  ['I16', [0xffff, 5], [-1, 5]],
  ['U16', [0xffff, 5], [65535, 5]],
] as const)('%s numbers are read', ([type, words, values]) => {
  const bytes = new Uint8Array(words.length * 2)
  for (const [index, word] of words.entries())
    new DataView(bytes.buffer).setUint16(index * 2, word, true)
  expect([...readNumbers(bytes, type)]).toEqual(values)
})

test.for<[string, Uint8Array<ArrayBuffer>]>([
  ['nothing', new Uint8Array()],
  ['a length past the limit', file('').with(7, 255)],
  ['a header past the end', file('{}').slice(0, 9)],
  ['no JSON', file('no')],
  ['a list', file([])],
  ['a gap', file({ x: f32([1], 4, 8) }, new Uint8Array(8))],
  ['an overlap', file({ x: f32([1], 0, 4), y: f32([1], 0, 4) }, new Uint8Array(4))],
  ['bytes left over', file({ x: f32([1], 0, 4) }, new Uint8Array(5))],
  ['bytes missing', file({ x: f32([2], 0, 8) }, new Uint8Array(4))],
  ['a shape of another size', file({ x: f32([3], 0, 4) }, new Uint8Array(4))],
  ['a shape past 2^53', file({ x: f32([2 ** 40, 2 ** 40], 0, 4) }, new Uint8Array(4))],
  ['a negative length', file({ x: f32([-1, -1], 0, 4) }, new Uint8Array(4))],
  ['an unknown type', file({ x: { ...f32([1], 0, 4), dtype: 'F8' } }, new Uint8Array(4))],
  ['an unknown field', file({ x: { ...f32([1], 0, 4), more: 1 } }, new Uint8Array(4))],
  ['one name twice', file('{"x":1,"x":2}')],
  ['metadata that is no text', file({ __metadata__: { a: 1 } })],
])('%s is refused', ([, bytes]) => {
  expect(() => parseSafetensors(bytes)).toThrow(MalformedError)
})

test('x and y have to be there, with equal rows', async () => {
  const open = (header: object, bytes: number) =>
    safetensorsSource(memoryRanges(file(header, new Uint8Array(bytes))))
  await expect(open({ x: f32([1], 0, 4) }, 4)).rejects.toThrow('no tensor y')
  await expect(open({ x: f32([2], 0, 8), y: f32([1], 8, 12) }, 12)).rejects.toThrow(
    '1 rows, x has 2',
  )
  await expect(open({ x: f32([], 0, 4), y: f32([1], 4, 8) }, 8)).rejects.toThrow('no tensor x')
})

test('no bytes make the reader do anything but read or refuse', () => {
  const good = encodeSafetensors([{ name: 'x', shape: [2], values: Float32Array.of(1, 2) }])
  assert(
    property(nat({ max: good.length - 1 }), nat({ max: 255 }), (place, byte) => {
      try {
        parseSafetensors(good.with(place, byte))
      } catch (error) {
        expect(error).toBeInstanceOf(MalformedError)
      }
    }),
  )
})
