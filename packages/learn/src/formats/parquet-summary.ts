import { MalformedError } from '@cloister/codec'

import { DataCursor, type DataReader } from './data-reader.ts'
import { columnsMax, listedMax, type ColumnSummary, type DataSummary } from './data-summary.ts'
import {
  numberAt,
  optionalNumberAt,
  readThriftStruct,
  structsAt,
  textAt,
  type ThriftStruct,
} from './thrift-reader.ts'

const footerBytesMax = 32 << 20
const depthMax = 32
const types = ['boolean', 'int32', 'int64', 'int96', 'float', 'double', 'binary', 'fixed-binary']
const codecs = ['none', 'snappy', 'gzip', 'lzo', 'brotli', 'lz4', 'zstd', 'lz4-raw']
// ConvertedType, as far as it says more than the type.
const converted: Readonly<Record<number, string>> = {
  0: 'text',
  4: 'enum',
  5: 'decimal',
  6: 'date',
  7: 'time',
  8: 'time',
  9: 'timestamp',
  10: 'timestamp',
  11: 'uint8',
  12: 'uint16',
  13: 'uint32',
  14: 'uint64',
  15: 'int8',
  16: 'int16',
  19: 'json',
}

/** Reads a Parquet file's footer. Spec: Apache Parquet, parquet.thrift. @throws {MalformedError}. */
export async function summarizeParquet(reader: DataReader): Promise<DataSummary> {
  const tail = new DataCursor(reader, 'parquet', Math.max(0, reader.size - 8))
  const size = await tail.u32('footer length')
  const magic = await tail.text('magic', 4)
  if (magic === 'PARE')
    throw tail.wrong('footer', 'the file is encrypted; decrypt it first, it is sealed anyway')
  if (magic !== 'PAR1') throw tail.wrong('footer', 'the file does not end with PAR1: it was cut')
  if (size > footerBytesMax || size > reader.size - 12)
    throw tail.wrong('footer length', `${size} bytes, the file has ${reader.size}`)
  const footer = readThriftStruct(await reader.read(reader.size - 8 - size, size), 'parquet footer')
  const rows = numberAt(footer, 3, 'parquet rows')
  const groups = structsAt(footer, 4, 'parquet row groups')
  const counted = groups.reduce((sum, group) => sum + numberAt(group, 3, 'parquet rows'), 0)
  if (rows < 0 || counted !== rows)
    throw new MalformedError('parquet rows', 0, `${rows}, its row groups have ${counted}`)
  const columns = columnsOf(structsAt(footer, 2, 'parquet schema'))
  const compression = new Set<string>()
  for (const [index, group] of groups.entries())
    for (const codec of codecsOf(group, index, columns.length, reader.size - 8 - size))
      compression.add(codec)
  return {
    format: 'parquet',
    columns: columns.slice(0, listedMax),
    columnCount: columns.length,
    rows,
    rowGroups: groups.length,
    compression: [...compression],
    writtenBy: textAt(footer, 6, 'parquet created_by').slice(0, 200),
  }
}

// The schema is a tree, written depth first: an element with children is followed by them.
function columnsOf(elements: readonly ThriftStruct[]): readonly ColumnSummary[] {
  const columns: ColumnSummary[] = []
  let next = 0
  const walk = (path: readonly string[], depth: number): void => {
    const element = elements[next++]
    if (element === undefined) throw wrongSchema('it names more columns than it has')
    if (depth > depthMax) throw wrongSchema(`nested deeper than ${depthMax}`)
    const own = depth === 0 ? path : [...path, textAt(element, 4, 'parquet column')]
    const children = optionalNumberAt(element, 5) ?? 0
    if (children < 0 || children > elements.length) throw wrongSchema(`${children} columns in one`)
    for (let index = 0; index < children; index++) walk(own, depth + 1)
    if (children > 0 || depth === 0) return
    if (columns.length >= columnsMax) throw wrongSchema(`more than ${columnsMax} columns`)
    const repetition = optionalNumberAt(element, 3)
    const name = own.join('.').slice(0, 200)
    columns.push({ name, type: typeOf(element), nullable: repetition !== 0 })
  }
  walk([], 0)
  if (next !== elements.length) throw wrongSchema('it has more columns than it names')
  return columns
}

function typeOf(element: ThriftStruct): string {
  const more = optionalNumberAt(element, 6)
  const physical = types[optionalNumberAt(element, 1) ?? -1] ?? 'unknown'
  const repeated = optionalNumberAt(element, 3) === 2 ? 'list of ' : ''
  return repeated + ((more === undefined ? undefined : converted[more]) ?? physical)
}

function codecsOf(
  group: ThriftStruct,
  index: number,
  columns: number,
  dataEnd: number,
): readonly string[] {
  const chunks = structsAt(group, 1, `parquet row group ${index}`)
  if (chunks.length !== columns)
    throw new MalformedError(
      `parquet row group ${index}`,
      0,
      `${chunks.length} columns, the schema has ${columns}`,
    )
  return chunks.map((chunk) => {
    const field = `parquet row group ${index}`
    const details = chunk.get(3)
    if (!(details instanceof Map)) throw new MalformedError(field, 0, 'a column without details')
    const start = optionalNumberAt(details, 11) ?? numberAt(details, 9, field)
    const bytes = numberAt(details, 7, field)
    if (start < 4 || bytes < 0 || start + bytes > dataEnd)
      throw new MalformedError(field, start, `a column of ${bytes} bytes lies outside of the file`)
    return codecs[numberAt(details, 4, field)] ?? 'unknown'
  })
}

function wrongSchema(detail: string): MalformedError {
  return new MalformedError('parquet schema', 0, detail)
}
