import { isUtf8 } from 'node:buffer'

import { MalformedError, parseJson, parseUtf8, type Bytes } from '@cloister/codec'
import type { AppOutputFormat } from '@cloister/learn'

import { checkOnnx } from './check-onnx.ts'
import { checkSafetensors } from './check-safetensors.ts'

/** What an output of a text format may be at most, whatever its manifest says: it is read as a whole to be checked. */
export const outputLimits = {
  jsonBytesMax: 67_108_864,
  jsonDepthMax: 32,
  csvColumnsMax: 65_536,
} as const

/**
 * Asserts that an output is what its manifest declared, by its bytes. It caps what an app can say beside its result; it is no proof
 * that the result says nothing about the inputs.
 *
 * @throws {MalformedError} naming the output and the byte.
 */
export function checkOutput(name: string, format: AppOutputFormat, bytes: Bytes): void {
  const field = `output ${name}`
  switch (format) {
    case 'bytes':
      return
    case 'text':
      checkText(field, bytes)
      return
    case 'json':
      checkJson(field, bytes)
      return
    case 'csv':
      checkCsv(field, bytes)
      return
    case 'onnx':
      checkOnnx(field, bytes)
      return
    case 'safetensors':
      checkSafetensors(field, bytes)
  }
}

const [tab, lineFeed, carriageReturn, quote, comma] = [0x09, 0x0a, 0x0d, 0x22, 0x2c]

/** UTF-8 without control characters but tab and line ends. */
function checkText(field: string, bytes: Bytes): void {
  if (!isUtf8(bytes)) throw new MalformedError(field, 0, 'expected UTF-8')
  const at = bytes.findIndex(
    (byte) =>
      (byte < 0x20 && byte !== tab && byte !== lineFeed && byte !== carriageReturn) ||
      byte === 0x7f,
  )
  if (at >= 0) throw new MalformedError(field, at, 'a control character')
}

function checkJson(field: string, bytes: Bytes): void {
  if (bytes.length > outputLimits.jsonBytesMax)
    throw new MalformedError(field, 0, `JSON of more than ${outputLimits.jsonBytesMax} bytes`)
  parseJson(parseUtf8(bytes, field), field, {
    charactersMax: outputLimits.jsonBytesMax,
    depthMax: outputLimits.jsonDepthMax,
  })
}

/** Text in rows of equally many cells. Quotes as in RFC 4180. */
function checkCsv(field: string, bytes: Bytes): void {
  checkText(field, bytes)
  let columns: number | undefined
  let cells = 1
  let inside = false
  for (let at = 0; at <= bytes.length; at++) {
    const byte = bytes[at]
    if (byte === quote) inside = !inside
    const isEnd = byte === undefined || (byte === lineFeed && !inside)
    if (byte === comma && !inside) cells += 1
    if (cells > outputLimits.csvColumnsMax)
      throw new MalformedError(field, at, `more than ${outputLimits.csvColumnsMax} columns`)
    if (!isEnd || (byte === undefined && bytes[at - 1] === lineFeed)) continue
    columns ??= cells
    if (cells !== columns)
      throw new MalformedError(field, at, `a row of ${cells} cells, the first has ${columns}`)
    cells = 1
  }
  if (inside) throw new MalformedError(field, bytes.length, 'a quote that does not end')
}
