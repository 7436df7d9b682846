// Writes small files of the formats that are recognised, from their specifications: nothing of the code under test is used.
import { concatBytes, encodeUtf8, type Bytes } from '@cloister/codec'

export const bytes = (...values: readonly number[]): Bytes => Uint8Array.from(values)
export const u32 = (value: number): Bytes => bytes(value, value >> 8, value >> 16, value >> 24)

export function u64(value: bigint | number): Bytes {
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, BigInt(value), true)
  return out
}

function varint(value: bigint): Bytes {
  const out: number[] = []
  for (; value > 127n; value >>= 7n) out.push(Number(value & 127n) | 128)
  return bytes(...out, Number(value))
}

/** Thrift's compact protocol: a struct is a list of fields with rising numbers. */
export type Thrift =
  | { readonly i: number }
  | { readonly text: string }
  | { readonly list: readonly Thrift[] }
  | { readonly struct: readonly (readonly [number, Thrift])[] }

const thriftType = (value: Thrift): number =>
  'i' in value ? 6 : 'text' in value ? 8 : 'list' in value ? 9 : 12

export function thrift(value: Thrift): Bytes {
  if ('i' in value) return varint(BigInt(value.i) * 2n)
  if ('text' in value) return concatBytes(varint(BigInt(value.text.length)), encodeUtf8(value.text))
  if ('list' in value) {
    const [first] = value.list
    const type = first === undefined ? 6 : thriftType(first)
    const head =
      value.list.length < 15
        ? bytes((value.list.length << 4) | type)
        : concatBytes(bytes(0xf0 | type), varint(BigInt(value.list.length)))
    return concatBytes(head, ...value.list.map(thrift))
  }
  let last = 0
  const fields = value.struct.map(([id, field]) => {
    const head = bytes(((id - last) << 4) | thriftType(field))
    last = id
    return concatBytes(head, thrift(field))
  })
  return concatBytes(...fields, bytes(0))
}

const i = (value: number): Thrift => ({ i: value })
const column = (name: string, type: number, more: readonly (readonly [number, Thrift])[] = []) => ({
  struct: [[1, i(type)], [3, i(1)], [4, { text: name }], ...more] as const,
})

/** A Parquet file of three columns, one of them in a group, with so many rows in each of two row groups. */
export function parquet(
  rows: readonly number[] = [10, 20],
  change: { readonly total?: number; readonly start?: number } = {},
): Bytes {
  const schema: Thrift = {
    list: [
      {
        struct: [
          [4, { text: 'schema' }],
          [5, i(3)],
        ],
      },
      column('age', 1),
      column('name', 6, [[6, i(0)]]),
      {
        struct: [
          [3, i(1)],
          [4, { text: 'visit' }],
          [5, i(1)],
        ],
      },
      column('weight', 5),
    ],
  }
  const chunk: Thrift = {
    struct: [
      [2, i(4)],
      [
        3,
        {
          struct: [
            ...([
              [1, i(1)],
              [2, { list: [i(0)] }],
              [3, { list: [{ text: 'age' }] }],
            ] as const),
            ...([
              [4, i(6)],
              [5, i(10)],
              [6, i(16)],
              [7, i(16)],
              [9, i(change.start ?? 4)],
            ] as const),
          ],
        },
      ],
    ],
  }
  const groups = rows.map((count): Thrift => ({
    struct: [
      [1, { list: [chunk, chunk, chunk] }],
      [2, i(48)],
      [3, i(count)],
    ],
  }))
  const footer = thrift({
    struct: [
      ...([
        [1, i(2)],
        [2, schema],
      ] as const),
      [3, i(change.total ?? rows.reduce((sum, count) => sum + count, 0))],
      ...([
        [4, { list: groups }],
        [6, { text: 'test writer' }],
      ] as const),
    ],
  })
  const magic = encodeUtf8('PAR1')
  return concatBytes(magic, new Uint8Array(16), footer, u32(footer.length), magic)
}

/** What a FlatBuffer's table holds: fields by slot, numbers as their bytes. */
export type Flat =
  | { readonly raw: Bytes }
  | { readonly text: string }
  | { readonly table: Readonly<Record<number, Flat>> }
  | { readonly tables: readonly Flat[] }
  | { readonly structs: Bytes; readonly count: number }

const pad = (size: number, to: number): number => (to - (size % to)) % to

/** Writes a FlatBuffer forwards: every object is followed by those it points to. */
export function flatbuffer(root: Flat): Bytes {
  const out: number[] = [4, 0, 0, 0]
  const place = (value: Flat): number => {
    while (out.length % 8 !== 4) out.push(0)
    if ('text' in value) return text(value.text)
    if ('tables' in value) return vector(value.tables)
    if ('structs' in value) return structs(value)
    if ('table' in value) return table(value.table)
    throw new Error('numbers are inline')
  }
  const put = (at: number, value: number): void => {
    for (const [index, byte] of u32(value).entries()) out[at + index] = byte
  }
  const text = (value: string): number => {
    const at = out.length
    out.push(...u32(value.length), ...encodeUtf8(value), 0)
    return at
  }
  const vector = (items: readonly Flat[]): number => {
    const at = out.length
    out.push(...u32(items.length), ...new Uint8Array(items.length * 4))
    for (const [index, item] of items.entries()) {
      const slot = at + 4 + index * 4
      put(slot, place(item) - slot)
    }
    return at
  }
  const structs = ({ structs: data, count }: { structs: Bytes; count: number }): number => {
    const at = out.length
    out.push(...u32(count), ...data)
    return at
  }
  const table = (fields: Readonly<Record<number, Flat>>): number => {
    const slots = Object.keys(fields).map(Number)
    const last = Math.max(-1, ...slots)
    const vtableBytes = 4 + (last + 1) * 2
    const vtable = out.length
    out.push(...new Uint8Array(vtableBytes + pad(vtable + vtableBytes, 8)))
    const at = out.length
    out.push(...u32(at - vtable))
    const offsets: [number, Flat][] = []
    for (const slot of slots) {
      const field = fields[slot]!
      const size = 'raw' in field ? field.raw.length : 4
      out.push(...new Uint8Array(pad(out.length, size)))
      const offset = out.length - at
      out[vtable + 4 + slot * 2] = offset & 255
      out[vtable + 5 + slot * 2] = offset >> 8
      if (!('raw' in field)) offsets.push([out.length, field])
      out.push(...('raw' in field ? field.raw : new Uint8Array(4)))
    }
    out[vtable] = vtableBytes & 255
    out[vtable + 1] = vtableBytes >> 8
    out[vtable + 2] = (out.length - at) & 255
    for (const [slot, field] of offsets) put(slot, place(field) - slot)
    return at
  }
  put(0, place(root))
  return Uint8Array.from(out)
}

const raw = (...values: readonly number[]): Flat => ({ raw: bytes(...values) })

/** A schema of three Arrow columns: an int32, a text, a list of doubles. */
export function arrowSchema(): Flat {
  const field = (name: string, kind: number, type: Flat, children: readonly Flat[] = []): Flat => ({
    table: { 0: { text: name }, 1: raw(1), 2: raw(kind), 3: type, 5: { tables: children } },
  })
  const int = field('age', 2, { table: { 0: { raw: u32(32) }, 1: raw(1) } })
  const text = field('name', 5, { table: {} })
  const double = field('item', 3, { table: { 0: { raw: bytes(2, 0) } } })
  return { table: { 1: { tables: [int, text, field('values', 12, { table: {} }, [double])] } } }
}

/** An Arrow IPC file with one batch of so many rows. */
export function arrowFile(rows = 7): Bytes {
  const message = flatbuffer({
    table: {
      0: { raw: bytes(4, 0) },
      1: raw(3),
      2: { table: { 0: { raw: u64(rows) } } },
      3: { raw: u64(0) },
    },
  })
  const block = concatBytes(u32(0xffff_ffff), u32(message.length), message)
  const head = concatBytes(encodeUtf8('ARROW1'), bytes(0, 0))
  const place = concatBytes(u64(head.length), u32(block.length), u32(0), u64(0))
  const footer = flatbuffer({
    table: { 0: { raw: bytes(4, 0) }, 1: arrowSchema(), 3: { structs: place, count: 1 } },
  })
  return concatBytes(head, block, footer, u32(footer.length), encodeUtf8('ARROW1'))
}

/** The start of an Arrow IPC stream. */
export function arrowStream(): Bytes {
  const message = flatbuffer({ table: { 0: { raw: bytes(4, 0) }, 1: raw(1), 2: arrowSchema() } })
  return concatBytes(u32(0xffff_ffff), u32(message.length), message)
}

/** A safetensors file with this header and so many bytes of data. */
export function safetensors(header: unknown, dataBytes: number): Bytes {
  const json = encodeUtf8(JSON.stringify(header))
  return concatBytes(u64(json.length), json, new Uint8Array(dataBytes))
}

const ggufText = (text: string): Bytes => concatBytes(u64(text.length), encodeUtf8(text))

/** A GGUF model of one quantised and one plain tensor. */
export function gguf(
  change: { readonly offset?: number; readonly more?: Bytes; readonly entries?: number } = {},
): Bytes {
  const entry = (key: string, type: number, value: Bytes): Bytes =>
    concatBytes(ggufText(key), u32(type), value)
  const tensor = (name: string, shape: readonly number[], type: number, offset: number): Bytes =>
    concatBytes(ggufText(name), u32(shape.length), ...shape.map(u64), u32(type), u64(offset))
  const head = concatBytes(
    ...[encodeUtf8('GGUF'), u32(3), u64(2), u64(change.entries ?? 4)],
    entry('general.architecture', 8, ggufText('llama')),
    entry('general.name', 8, ggufText('small')),
    entry('llama.context_length', 4, u32(2048)),
    entry('tokens', 9, concatBytes(u32(8), u64(2), ggufText('a'), ggufText('b'))),
    change.more ?? bytes(),
    tensor('blk.0.weight', [64, 32], 2, 0),
    tensor('norm', [32], 0, change.offset ?? 1152),
  )
  return concatBytes(head, new Uint8Array(pad(head.length, 32)), new Uint8Array(1152 + 128))
}
