import { assert, MalformedError, OperationError, type Bytes } from '@cloister/codec'
import {
  parseSafetensorsHeader,
  readNumbers,
  safetensorsHeaderBytes,
  safetensorsPrefixBytes,
  typeBytes,
  type TensorPlace,
} from './safetensors.ts'
import type { Table } from './table.ts'

/** Numbers of some rows, row after row. */
export type Rows = {
  readonly x: Float64Array | Float32Array | Int32Array
  /** Classes of rows (or of positions in rows), or numbers to come close to. */
  readonly y: Int32Array | Float32Array
}

/** Rows to train on, which need not fit into memory. */
export type BatchSource = {
  readonly rows: number
  /** Numbers of a row, and of what belongs to it. */
  readonly width: number
  readonly targets: number
  /** Rows from `start` on. Nobody asks for more than 64 MiB at once, nor past the end. */
  readonly read: (start: number, count: number) => Promise<Rows>
}

/** A file that is read in ranges. */
export type RangeSource = {
  readonly bytes: number
  readonly read: (offset: number, length: number) => Promise<Bytes>
}

/** A file in memory. */
export function memoryRanges(bytes: Bytes): RangeSource {
  return {
    bytes: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
  }
}

/** The rows of a labelled table. */
export function tableSource(table: Table): BatchSource {
  const { features, rows, values, labels } = table
  if (labels === undefined)
    throw new MalformedError('data', 0, 'rows have no labels: give a label in the last column')
  return {
    rows,
    width: features,
    targets: 1,
    read: (start, count) =>
      Promise.resolve({
        x: values.subarray(start * features, (start + count) * features),
        y: labels.subarray(start, start + count),
      }),
  }
}

/**
 * Bytes of text for a language model: each row is `context` bytes, and to each belongs the byte after it. Rows follow one
 * another without overlap.
 *
 * @throws {MalformedError} where the text is too short for one row.
 */
export function textSource(text: RangeSource, context: number): BatchSource {
  const rows = Math.floor((text.bytes - 1) / context)
  if (rows < 1)
    throw new MalformedError(
      'data',
      0,
      `${text.bytes} bytes of text, expected more than ${context}`,
    )
  return {
    rows,
    width: context,
    targets: context,
    read: async (start, count) => {
      const bytes = await rangeBytes(text, start * context, count * context + 1)
      return { x: Int32Array.from(bytes.subarray(0, -1)), y: Int32Array.from(bytes.subarray(1)) }
    },
  }
}

/**
 * The tensors `x` (rows first) and `y` of a safetensors file.
 *
 * @throws {MalformedError} where one is missing, or they differ in rows.
 */
export async function safetensorsSource(file: RangeSource, name = 'data'): Promise<BatchSource> {
  const prefixBytes = Math.min(safetensorsPrefixBytes, file.bytes)
  const prefix = await rangeBytes(file, 0, prefixBytes)
  const headerBytes = safetensorsHeaderBytes(prefix, name)
  if (safetensorsPrefixBytes + headerBytes > file.bytes)
    throw new MalformedError(name, 8, 'ends inside its header')
  const text = await rangeBytes(file, safetensorsPrefixBytes, headerBytes)
  const { tensors } = parseSafetensorsHeader(text, file.bytes, name)
  const [x, y] = [placeOf(tensors, 'x', name), placeOf(tensors, 'y', name)]
  const [rows = 0] = x.shape
  if (rows !== y.shape[0])
    throw new MalformedError(`${name}.y`, 8, `${y.shape[0]} rows, x has ${rows}`)
  const whole = !['F16', 'BF16', 'F32', 'F64'].includes(y.type)
  const numbers = async (place: TensorPlace, start: number, count: number) => {
    const bytes = widthOf(place) * typeBytes(place.type)
    return readNumbers(
      await rangeBytes(file, place.start + start * bytes, count * bytes),
      place.type,
    )
  }
  return {
    rows,
    width: widthOf(x),
    targets: widthOf(y),
    read: async (start, count) => {
      const labels = await numbers(y, start, count)
      return { x: await numbers(x, start, count), y: whole ? Int32Array.from(labels) : labels }
    },
  }
}

/** The rows of several sources, one source after the other. @throws {MalformedError} where their rows differ in width. */
export function poolSources(sources: readonly BatchSource[]): BatchSource {
  const [first] = sources
  assert(first !== undefined, 'at least one source')
  for (const [index, { width, targets }] of sources.entries())
    if (width !== first.width || targets !== first.targets)
      throw new MalformedError(`data[${index}]`, 0, 'rows of another width than those of data[0]')
  if (sources.length === 1) return first
  return {
    rows: sources.reduce((sum, { rows }) => sum + rows, 0),
    width: first.width,
    targets: first.targets,
    read: async (start, count) => {
      const parts: Rows[] = []
      let before = 0
      for (const source of sources) {
        const from = Math.max(0, start - before)
        const to = Math.min(source.rows, start + count - before)
        if (from < to) parts.push(await source.read(from, to - from))
        before += source.rows
      }
      return joined(parts)
    },
  }
}

function joined(parts: readonly Rows[]): Rows {
  const [only] = parts
  if (only && parts.length === 1) return only
  const size = (pick: (rows: Rows) => { readonly length: number }) =>
    parts.reduce((sum, part) => sum + pick(part).length, 0)
  const x = new Float64Array(size((part) => part.x))
  const whole = parts.every((part) => part.y instanceof Int32Array)
  const y = whole
    ? new Int32Array(size((part) => part.y))
    : new Float32Array(size((part) => part.y))
  let [atX, atY] = [0, 0]
  for (const part of parts) {
    x.set(part.x, atX)
    y.set(part.y, atY)
    atX += part.x.length
    atY += part.y.length
  }
  return { x, y }
}

function placeOf(tensors: readonly TensorPlace[], wanted: string, name: string): TensorPlace {
  const place = tensors.find((each) => each.name === wanted)
  if (place === undefined || place.shape.length === 0)
    throw new MalformedError(name, 8, `no tensor ${wanted} of at least one dimension`)
  return place
}

/** Bytes that are asked of a source at once. */
const readBytesMax = 4_194_304

/**
 * Reads a range piece by piece.
 *
 * @throws {OperationError} `short-read` where the source gives fewer bytes than were asked for.
 */
export async function rangeBytes(
  source: RangeSource,
  offset: number,
  length: number,
): Promise<Bytes> {
  const whole = length > readBytesMax ? new Uint8Array(length) : undefined
  for (let start = 0; start < length; start += readBytesMax) {
    const size = Math.min(readBytesMax, length - start)
    const bytes = await source.read(offset + start, size)
    if (bytes.length !== size)
      throw new OperationError(
        'short-read',
        `Cannot read ${size} bytes at ${offset + start}: got ${bytes.length}, read the data again`,
        { retryable: true },
      )
    if (whole === undefined) return bytes
    whole.set(bytes, start)
  }
  return whole ?? new Uint8Array()
}

function widthOf({ shape }: TensorPlace): number {
  return shape.slice(1).reduce((size, length) => size * length, 1)
}
