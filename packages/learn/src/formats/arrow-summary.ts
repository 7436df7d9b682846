import { MalformedError } from '@cloister/codec'

import { DataCursor, type DataReader } from './data-reader.ts'
import { columnsMax, listedMax, type ColumnSummary, type DataSummary } from './data-summary.ts'
import { FlatTable } from './flatbuffer-table.ts'

const metadataBytesMax = 16 << 20
const batchesMax = 100_000
const batchesReadMax = 1_000
const depthMax = 32
const schemaHeader = 1
const batchHeader = 3

const kinds: Readonly<Record<number, string>> = {
  ...{ 1: 'null', 4: 'binary', 5: 'text', 6: 'boolean', 7: 'decimal', 8: 'date', 9: 'time' },
  ...{ 10: 'timestamp', 11: 'interval', 12: 'list', 13: 'struct', 14: 'union' },
  ...{ 15: 'fixed-binary', 16: 'fixed-list', 17: 'map', 18: 'duration', 19: 'binary' },
  ...{ 20: 'text', 21: 'list', 22: 'run-ends', 23: 'binary', 24: 'text', 25: 'list', 26: 'list' },
}

/** Reads the footer of an Arrow IPC file. Spec: Apache Arrow, IPC file format. @throws {MalformedError}. */
export async function summarizeArrowFile(reader: DataReader): Promise<DataSummary> {
  const tail = new DataCursor(reader, 'arrow', Math.max(0, reader.size - 10))
  const size = await tail.u32('footer length')
  if ((await tail.text('magic', 6)) !== 'ARROW1')
    throw tail.wrong('footer', 'the file does not end with ARROW1: it was cut')
  if (size > metadataBytesMax || size > reader.size - 18)
    throw tail.wrong('footer length', `${size} bytes, the file has ${reader.size}`)
  const bytes = await reader.read(reader.size - 10 - size, size)
  const footer = FlatTable.root(bytes, 'arrow footer')
  const columns = columnsOf(footer.table(1))
  const blocks = footer.structs(3, 24, batchesMax)
  let rows = 0
  for (const block of blocks.slice(0, batchesReadMax)) {
    const offset = Number(block.getBigInt64(0, true))
    const length = block.getInt32(8, true)
    if (offset < 8 || length < 8 || length > metadataBytesMax || offset + length > reader.size)
      throw new MalformedError('arrow batch', offset, `${length} bytes lie outside of the file`)
    const message = messageOf(await reader.read(offset, length))
    if (message.u8(1) !== batchHeader)
      throw new MalformedError('arrow batch', offset, 'is no record batch')
    rows += message.table(2)?.i64(0) ?? 0
  }
  const complete = blocks.length <= batchesReadMax ? { rows } : {}
  return { format: 'arrow-file', ...listed(columns), batches: blocks.length, ...complete }
}

/** Reads the schema at the start of an Arrow IPC stream. Spec: Apache Arrow, IPC streaming format. @throws {MalformedError}. */
export async function summarizeArrowStream(reader: DataReader): Promise<DataSummary> {
  const head = new DataCursor(reader, 'arrow')
  head.skip('continuation', 4)
  const size = await head.u32('schema length')
  if (size > metadataBytesMax) throw head.wrong('schema length', `${size} bytes`)
  const message = FlatTable.root(await head.bytes('schema', size), 'arrow schema')
  if (message.u8(1) !== schemaHeader) throw head.wrong('schema', 'the first message is another one')
  return { format: 'arrow-stream', ...listed(columnsOf(message.table(2))) }
}

// A message as it lies in a file: a continuation mark (absent before version 0.15), its size, its metadata.
function messageOf(bytes: Uint8Array<ArrayBuffer>): FlatTable {
  const marked = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true) === 0xffff_ffff
  return FlatTable.root(bytes.subarray(marked ? 8 : 4), 'arrow batch')
}

function listed(columns: readonly ColumnSummary[]) {
  return { columns: columns.slice(0, listedMax), columnCount: columns.length }
}

function columnsOf(schema: FlatTable | undefined): readonly ColumnSummary[] {
  if (schema === undefined) throw new MalformedError('arrow schema', 0, 'there is none')
  const columns: ColumnSummary[] = []
  const walk = (field: FlatTable, path: readonly string[], depth: number): void => {
    if (depth > depthMax)
      throw new MalformedError('arrow schema', 0, `nested deeper than ${depthMax}`)
    const own = [...path, field.text(0)]
    if (columns.length >= columnsMax)
      throw new MalformedError('arrow schema', 0, `more than ${columnsMax} columns`)
    const name = own.join('.').slice(0, 200)
    columns.push({ name, type: typeOf(field), nullable: field.u8(1) !== 0 })
    for (const child of field.tables(5, columnsMax)) walk(child, own, depth + 1)
  }
  for (const field of schema.tables(1, columnsMax)) walk(field, [], 0)
  return columns
}

function typeOf(field: FlatTable): string {
  const kind = field.u8(2)
  const type = field.table(3)
  const dictionary = field.table(4) === undefined ? '' : 'dictionary of '
  if (kind === 2) return `${dictionary}${type?.u8(1) === 0 ? 'uint' : 'int'}${type?.i32(0) ?? 0}`
  if (kind === 3) return ['float16', 'float32', 'float64'][type?.i16(0) ?? -1] ?? 'float'
  return dictionary + (kinds[kind] ?? 'unknown')
}
