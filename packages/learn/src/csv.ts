import { MalformedError, parseUtf8, type Bytes } from '@cloister/codec'
import type { Table } from './table.ts'

/** What a CSV of numbers may hold at most. */
export const csvLimits = {
  rowsMax: 1_000_000,
  cellsMax: 33_554_432,
  cellCharactersMax: 64,
  /** Differences of two such numbers are still finite in single precision. */
  magnitudeMax: 1e30,
} as const

/** What a CSV has to look like. */
export type CsvFormat = {
  /** Whether the first line names the columns. */
  readonly header: boolean
  /** Numbers per row, without the label. */
  readonly features: number
  /** The classes that the last column may name; absent where rows have no label. */
  readonly classes: readonly string[] | undefined
}

/**
 * Reads a table of numbers strictly: commas, no quotes, no blanks, lines end in LF or CRLF.
 *
 * @throws {MalformedError} naming line and column; never repeats what a cell holds.
 */
export function parseCsv(bytes: Bytes, format: CsvFormat, name = 'CSV'): Table {
  const text = parseUtf8(bytes, name)
  const first = format.header ? skipHeader(text, format, name) : 0
  const firstLine = format.header ? 2 : 1
  const rows = countRows(text, first, format, name)
  const values = new Float64Array(rows * format.features)
  const labels = format.classes && new Int32Array(rows)

  let start = first
  for (let row = 0; row < rows; row++) {
    const place = { name, line: firstLine + row, start }
    const cells = splitLine(text, place, columnsOf(format))
    let offset = start
    for (const [column, cell] of cells.entries()) {
      const where = `${name} line ${place.line}, column ${column + 1}`
      if (column < format.features)
        values[row * format.features + column] = parseCell(cell, where, offset)
      else if (labels && format.classes)
        labels[row] = parseLabel(cell, format.classes, where, offset)
      offset += cell.length + 1
    }
    start = nextLine(text, start)
  }
  return { features: format.features, rows, values, labels }
}

type Place = { readonly name: string; readonly line: number; readonly start: number }

function columnsOf(format: CsvFormat): number {
  return format.features + (format.classes ? 1 : 0)
}

function nextLine(text: string, start: number): number {
  const end = text.indexOf('\n', start)
  return end < 0 ? text.length : end + 1
}

function countRows(text: string, first: number, format: CsvFormat, name: string): number {
  const most = Math.min(csvLimits.rowsMax, Math.floor(csvLimits.cellsMax / columnsOf(format)))
  let rows = 0
  for (let start = first; start < text.length; start = nextLine(text, start))
    if (++rows > most) throw new MalformedError(name, start, `more than ${most} rows`)
  if (rows === 0) throw new MalformedError(name, first, 'no rows')
  return rows
}

function skipHeader(text: string, format: CsvFormat, name: string): number {
  const names = splitLine(text, { name, line: 1, start: 0 }, columnsOf(format))
  for (const [column, title] of names.entries()) {
    const where = `${name} line 1, column ${column + 1}`
    if (title.length === 0) throw new MalformedError(where, 0, 'expected the name of the column')
    if (names.indexOf(title) !== column)
      throw new MalformedError(where, 0, 'repeats the name of an earlier column')
  }
  return nextLine(text, 0)
}

function splitLine(text: string, place: Place, columns: number): readonly string[] {
  const where = `${place.name} line ${place.line}`
  const next = nextLine(text, place.start)
  const charactersMax = columns * (csvLimits.cellCharactersMax + 1) + 1
  if (next - place.start > charactersMax)
    throw new MalformedError(where, place.start, `longer than ${charactersMax} characters`)
  const line = text.slice(place.start, next).replace(/\r?\n$/, '')
  if (line.length === 0) throw new MalformedError(where, place.start, 'empty line')
  const cells = line.split(',')
  if (cells.length !== columns)
    throw new MalformedError(where, place.start, `got ${cells.length} columns, expected ${columns}`)
  return cells
}

function parseCell(cell: string, where: string, offset: number): number {
  if (
    cell.length > csvLimits.cellCharactersMax ||
    !/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/.test(cell)
  )
    throw new MalformedError(where, offset, 'expected a decimal number')
  const value = Number(cell)
  if (Math.abs(value) > csvLimits.magnitudeMax)
    throw new MalformedError(
      where,
      offset,
      `expected a number within ${csvLimits.magnitudeMax} of 0`,
    )
  return value
}

function parseLabel(
  cell: string,
  classes: readonly string[],
  where: string,
  offset: number,
): number {
  const label = classes.indexOf(cell)
  if (label < 0)
    throw new MalformedError(where, offset, `expected one of the ${classes.length} classes`)
  return label
}
