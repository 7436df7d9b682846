import { parseUtf8, MalformedError, type Bytes } from '@cloister/codec'

import type { DataReader } from './data-reader.ts'
import { columnsMax, listedMax, type ColumnSummary, type DataSummary } from './data-summary.ts'

const sampleBytes = 1 << 20
const rowsMax = 1000
const separators = [',', ';', '\t'] as const

/** Looks at the first mebibyte of a file that may be CSV; undefined where it is no text or no table. */
export async function summarizeCsv(reader: DataReader): Promise<DataSummary | undefined> {
  const bytes = await reader.read(0, Math.min(reader.size, sampleBytes))
  const text = textOf(bytes, bytes.length < reader.size)
  if (text === undefined || text.includes('\0')) return undefined
  const whole = bytes.length === reader.size
  const separator = separators
    .map((each) => ({ each, count: splitRecords(text, each, 1)[0]?.cells.length ?? 0 }))
    .toSorted((a, b) => b.count - a.count)[0]
  if (separator === undefined || separator.count < 2) return undefined
  const records = splitRecords(text, separator.each, rowsMax + 1)
  // What the sample cut is no row.
  const complete = whole || records.length > rowsMax ? records : records.slice(0, -1)
  const [first, ...others] = complete
  if (first === undefined) return undefined
  if (first.cells.length > columnsMax)
    throw new MalformedError(
      'csv header',
      0,
      `${first.cells.length} columns, at most ${columnsMax} are read`,
    )
  const uneven = complete.findIndex(({ cells }) => cells.length !== first.cells.length)
  if (uneven >= 0)
    throw new MalformedError(
      `csv row ${uneven + 1}`,
      complete[uneven]?.start ?? 0,
      `${complete[uneven]?.cells.length ?? 0} columns, the first row has ${first.cells.length}`,
    )
  const header = others.length > 0 && first.cells.every((cell) => typeOf([cell]) === 'text')
  const rows = header ? others : complete
  const columns = first.cells.map((cell, index): ColumnSummary => {
    const cells = rows.map((row) => row.cells[index] ?? '')
    return {
      name: header ? cell.slice(0, 200) : `column ${index + 1}`,
      type: typeOf(cells),
      nullable: cells.includes(''),
    }
  })
  const last = complete.at(-1)
  const meanBytes = last === undefined ? 1 : Math.max(1, last.end / complete.length)
  const rowsEstimated =
    whole && records.length <= rowsMax ? rows.length : Math.round(reader.size / meanBytes)
  return {
    ...{ format: 'csv', separator: separator.each, header },
    ...{ columns: columns.slice(0, listedMax), columnCount: columns.length },
    ...{ rowsSampled: rows.length, rowsEstimated },
  }
}

type CsvRecord = { readonly cells: readonly string[]; readonly start: number; readonly end: number }

// Spec: RFC 4180. Positions count characters.
function splitRecords(text: string, separator: string, max: number): readonly CsvRecord[] {
  const records: CsvRecord[] = []
  let at = text.startsWith('\uFEFF') ? 1 : 0
  while (at < text.length && records.length < max) {
    const start = at
    const cells: string[] = []
    for (;;) {
      const cell = readCell(text, at, separator)
      cells.push(cell.value)
      at = cell.end
      if (cells.length > columnsMax || text[at] !== separator) break
      at++
    }
    if (text[at] === '\r') at++
    if (text[at] === '\n') at++
    else if (at < text.length) at = nextLine(text, at)
    records.push({ cells, start, end: at })
  }
  return records
}

function readCell(text: string, from: number, separator: string) {
  if (text[from] !== '"') {
    let end = from
    while (end < text.length && text[end] !== separator && text[end] !== '\n' && text[end] !== '\r')
      end++
    return { value: text.slice(from, end).trim(), end }
  }
  let value = ''
  let at = from + 1
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote < 0) return { value: value + text.slice(at), end: text.length }
    value += text.slice(at, quote)
    if (text[quote + 1] !== '"') return { value, end: quote + 1 }
    value += '"'
    at = quote + 2
  }
}

function typeOf(cells: readonly string[]): string {
  const filled = cells.filter((cell) => cell !== '')
  if (filled.length === 0) return 'empty'
  if (filled.every((cell) => /^[+-]?\d{1,15}$/.test(cell))) return 'integer'
  if (filled.every((cell) => /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$/.test(cell)))
    return 'number'
  if (filled.every((cell) => /^(true|false)$/i.test(cell))) return 'boolean'
  if (filled.every((cell) => /^\d{4}-\d\d-\d\d/.test(cell))) return 'date'
  return 'text'
}

// A sample may end inside a character.
function textOf(bytes: Bytes, cut: boolean): string | undefined {
  for (let drop = 0; drop <= (cut ? 3 : 0); drop++)
    try {
      return parseUtf8(bytes.subarray(0, bytes.length - drop), 'csv')
    } catch {
      continue
    }
  return undefined
}

function nextLine(text: string, at: number): number {
  const end = text.indexOf('\n', at)
  return end < 0 ? text.length : end + 1
}
