import { encodeUtf8, MalformedError, type Bytes } from '@cloister/codec'

import { visibleText } from './canonical-text.ts'

const columnsMax = 65_536

/**
 * Text in rows of equally many cells, each row ended by LF, cells in quotes only where they need them. Quotes as in RFC 4180: around a whole
 * cell, doubled inside.
 *
 * @throws {MalformedError} naming `field`.
 */
export function canonicalCsv(field: string, bytes: Bytes): Bytes {
  const text = visibleText(field, bytes)
  const parts: string[] = []
  let columns: number | undefined
  let cells = 0
  for (let at = 0; at < text.length;) {
    const cell = readCell(text, at, field)
    parts.push(cell.written)
    at = cell.end
    cells += 1
    if (cells > columnsMax) throw new MalformedError(field, at, `more than ${columnsMax} columns`)
    if (text[at] === ',') {
      parts.push(',')
      // A comma at the very end has an empty cell behind it.
      if (++at < text.length) continue
      cells += 1
    }
    columns ??= cells
    if (cells !== columns)
      throw new MalformedError(field, at, `a row of ${cells} cells, the first has ${columns}`)
    parts.push('\n')
    cells = 0
    at += 1
  }
  return encodeUtf8(parts.join(''))
}

/** One cell from `start`, as it is to be written, and the place of what ends it: a comma, a line end, or the end of the text. */
function readCell(
  text: string,
  start: number,
  field: string,
): { readonly written: string; readonly end: number } {
  if (text[start] !== '"') {
    let end = start
    for (; end < text.length && text[end] !== ',' && text[end] !== '\n'; end++)
      if (text[end] === '"') throw new MalformedError(field, end, 'a quote inside of a plain cell')
    return { written: text.slice(start, end), end }
  }
  let close = text.indexOf('"', start + 1)
  while (close >= 0 && text[close + 1] === '"') close = text.indexOf('"', close + 2)
  if (close < 0) throw new MalformedError(field, start, 'a quote that does not end')
  const end = close + 1
  if (end < text.length && text[end] !== ',' && text[end] !== '\n')
    throw new MalformedError(field, end, 'a cell that goes on behind its quote')
  const whole = text.slice(start, end)
  const inside = whole.slice(1, -1)
  return { written: /[",\n]/.test(inside) ? whole : inside, end }
}
