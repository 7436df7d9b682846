import { MalformedError } from '@cloister/codec'
import { scanGguf } from '@cloister/learn'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

const u32 = (value: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
const u64 = (value: bigint | number) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(BigInt(value))
  return bytes
}
const text = (value: string) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)])
const entry = (key: string, type: number, ...value: readonly Buffer[]) =>
  Buffer.concat([text(key), u32(type), ...value])

type Lies = {
  readonly magic?: string
  readonly version?: number
  readonly tensors?: bigint
  readonly entries?: bigint
  readonly metadata?: readonly Buffer[]
  readonly tensorInfo?: readonly Buffer[]
  readonly data?: number
}

const info = (
  name: string,
  shape: readonly (bigint | number)[],
  type: number,
  offset: bigint | number,
) => Buffer.concat([text(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset)])

/** A small file as ggml's own documentation describes it: F32 of 4x2 and Q8_0 of 32x1, aligned to 32. */
function gguf(lies: Lies = {}): Uint8Array<ArrayBuffer> {
  const metadata = lies.metadata ?? [
    entry('general.architecture', 8, text('llama')),
    entry('llama.rope.freq_base', 6, u32(0x461c4000)),
    entry('tokenizer.ggml.tokens', 9, u32(8), u64(2), text('a'), text('b')),
    entry('tokenizer.ggml.scores', 9, u32(6), u64(2), u32(0), u32(0)),
  ]
  const tensors = lies.tensorInfo ?? [info('a.weight', [4, 2], 0, 0), info('b.weight', [32], 8, 32)]
  const header = Buffer.concat([
    Buffer.from(lies.magic ?? 'GGUF'),
    u32(lies.version ?? 3),
    u64(lies.tensors ?? tensors.length),
    u64(lies.entries ?? metadata.length),
    ...metadata,
    ...tensors,
  ])
  const padding = Buffer.alloc((32 - (header.length % 32)) % 32)
  return Uint8Array.from(Buffer.concat([header, padding, Buffer.alloc(lies.data ?? 66)]))
}

test('a small file is described', () => {
  const bytes = gguf()
  expect(scanGguf(bytes)).toEqual({
    version: 3,
    architecture: 'llama',
    entries: 4,
    tensors: 2,
    dataOffset: bytes.length - 66,
  })
  // The header alone does, with the file's size beside it.
  expect(scanGguf(bytes.subarray(0, -66), bytes.length).tensors).toBe(2)
})

const architecture = entry('general.architecture', 8, text('llama'))
const lists = (depth: number): Buffer => Buffer.concat(Array.from({ length: depth }, () => Buffer.concat([u32(9), u64(1)]))) // prettier-ignore

test.for<[string, Lies, string]>([
  ['another magic', { magic: 'GGML' }, 'GGUF magic'],
  ['big-endian words', { version: 0x03000000 }, 'GGUF version'],
  ['version 1', { version: 1 }, 'GGUF version'],
  ['more tensors than there are', { tensors: 3n }, 'GGUF'],
  ['2^63 tensors', { tensors: 2n ** 63n }, 'GGUF tensor count'],
  ['2^64-1 entries', { entries: 2n ** 64n - 1n }, 'GGUF metadata count'],
  ['a text of 2^62 bytes', { metadata: [architecture, Buffer.concat([text('k'), u32(8), u64(2n ** 62n)])] }, 'GGUF text'],
  ['a key of 2^40 bytes', { metadata: [u64(2n ** 40n)] , entries: 1n }, 'GGUF key'],
  ['a list of 2^61 numbers', { metadata: [architecture, Buffer.concat([text('k'), u32(9), u32(10), u64(2n ** 61n)])] }, 'GGUF list length'],
  ['a list of lists of lists', { metadata: [architecture, Buffer.concat([text('k'), u32(9), lists(5000)])] }, 'GGUF list type'],
  ['a value type without a name', { metadata: [architecture, entry('k', 13, u32(0))] }, 'GGUF value type'],
  ['a bool of 7', { metadata: [architecture, entry('k', 7, Buffer.of(7))] }, 'GGUF value'],
  ['a key twice', { metadata: [architecture, architecture] }, 'GGUF key'],
  ['no architecture', { metadata: [] }, 'GGUF architecture'],
  ['an alignment of 0', { metadata: [architecture, entry('general.alignment', 4, u32(0))] }, 'GGUF alignment'],
  ['an alignment of 7', { metadata: [architecture, entry('general.alignment', 4, u32(7))] }, 'GGUF alignment'],
  ['a name twice', { tensorInfo: [info('a', [8], 0, 0), info('a', [8], 0, 32)] }, 'GGUF tensor'],
  ['a name of 65 bytes', { tensorInfo: [info('a'.repeat(65), [8], 0, 0)] }, 'GGUF tensor name'],
  ['no dimensions', { tensorInfo: [info('a', [], 0, 0)] }, 'GGUF dimensions'],
  ['five dimensions', { tensorInfo: [info('a', [1, 1, 1, 1, 1], 0, 0)] }, 'GGUF dimensions'],
  ['a dimension of 0', { tensorInfo: [info('a', [0], 0, 0)] }, 'GGUF tensor'],
  ['dimensions whose product wraps round', { tensorInfo: [info('a', [2n ** 32n, 2n ** 32n], 0, 0)] }, 'GGUF tensor'],
  ['a type without a name', { tensorInfo: [info('a', [8], 99, 0)] }, 'GGUF tensor type'],
  ['a type that was taken out', { tensorInfo: [info('a', [32], 4, 0)] }, 'GGUF tensor type'],
  ['half a block', { tensorInfo: [info('a', [16], 8, 0)] }, 'GGUF tensor'],
  ['an offset off its alignment', { tensorInfo: [info('a', [4], 0, 4)] }, 'GGUF tensor offset'],
  ['an offset behind the file', { tensorInfo: [info('a', [4], 0, 2n ** 40n)] }, 'GGUF tensor offset'],
  ['tensors that overlap', { tensorInfo: [info('a', [16], 0, 0), info('b', [4], 0, 32)] }, 'GGUF tensor offset'],
  ['a file that is cut short', { data: 65 }, 'GGUF tensor offset'],
])('%s is named, and costs nothing', ([, lies, field]) => {
  const began = performance.now()
  try {
    scanGguf(gguf(lies))
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    expect(error.field).toContain(field)
    expect(performance.now() - began).toBeLessThan(200)
    return
  }
  expect.unreachable()
}) // prettier-ignore

test('no bytes make it crash, hang, or answer with anything but a summary or a refusal', () => {
  const whole = gguf()
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.nat(whole.length), (at, byte, end) => {
      const bytes = whole.slice(0, Math.max(end, 1))
      bytes[at % bytes.length] = byte
      try {
        scanGguf(bytes)
      } catch (error) {
        if (!(error instanceof MalformedError)) throw error
      }
    }),
    { numRuns: 5000 },
  )
})
