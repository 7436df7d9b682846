import { MalformedError, Reader, type Bytes } from '@cloister/codec'

import { readGgufValue, readGgufText } from './gguf-value.ts'
import { ggufTypes } from './gguf-types.ts'

/** What a GGUF file may be at most, before a native parser sees a byte of it. */
export const ggufLimits = {
  headerBytesMax: 134_217_728,
  entriesMax: 65_536,
  tensorsMax: 65_536,
  textBytesMax: 16_777_216,
  listMax: 4_194_304,
  keyBytesMax: 1024,
  nameBytesMax: 64,
  dimensionsMax: 4,
  elementsMax: 2n ** 48n,
} as const

/** What a scan of a GGUF file found. */
export type ScannedGguf = {
  readonly version: 2 | 3
  /** `general.architecture`, such as `llama`. */
  readonly architecture: string
  readonly entries: number
  readonly tensors: number
  /** Where the tensors' bytes begin. */
  readonly dataOffset: number
}

/**
 * Looks through the header of a GGUF file, little-endian, version 2 or 3, before a native parser gets it: every count and length is
 * held against what is there, every tensor lies inside the file on its alignment, without overlap, and is of a known type.
 *
 * `header` is the beginning of the file, all of it or at least everything before the tensors' bytes; `fileBytes` its whole size.
 *
 * @throws {MalformedError} naming the field and the byte. Spec: ggml-org/ggml, docs/gguf.md.
 */
export function scanGguf(header: Bytes, fileBytes: number = header.length): ScannedGguf {
  const reader = new Reader(header.subarray(0, ggufLimits.headerBytesMax))
  if (reader.u32('GGUF magic') !== 0x4655_4747)
    throw new MalformedError('GGUF magic', 0, 'expected GGUF')
  const version = reader.u32('GGUF version')
  if (version !== 2 && version !== 3)
    throw new MalformedError('GGUF version', 4, `got ${version}, expected 2 or 3`)
  const tensors = count(reader, 'GGUF tensor count', ggufLimits.tensorsMax)
  const entries = count(reader, 'GGUF metadata count', ggufLimits.entriesMax)
  const { architecture, alignment } = readMetadata(reader, entries)
  const places: Place[] = []
  const names = new Set<string>()
  for (let index = 0; index < tensors; index++) {
    const { name, place } = readTensor(reader, alignment)
    if (names.has(name)) throw new MalformedError('GGUF tensor', reader.offset, 'a name twice')
    names.add(name)
    places.push(place)
  }
  const dataOffset = Math.ceil(reader.offset / alignment) * alignment
  checkPlaces(places, BigInt(fileBytes - dataOffset))
  return { version, architecture, entries, tensors, dataOffset }
}

type Place = { readonly offset: bigint; readonly bytes: bigint }

function readMetadata(reader: Reader, entries: number) {
  const keys = new Set<string>()
  let architecture: string | undefined
  let alignment = 32
  for (let index = 0; index < entries; index++) {
    const at = reader.offset
    const key = readGgufText(reader, 'GGUF key', ggufLimits.keyBytesMax)
    if (keys.has(key)) throw new MalformedError('GGUF key', at, 'a key twice')
    keys.add(key)
    const value = readGgufValue(reader, ggufLimits)
    if (key === 'general.architecture') {
      if (typeof value !== 'string' || value.length > 64)
        throw new MalformedError('GGUF architecture', at, 'expected a short text')
      architecture = value
    }
    if (key === 'general.alignment') {
      if (typeof value !== 'bigint' || value < 8n || value > 65_536n || value % 8n !== 0n)
        throw new MalformedError('GGUF alignment', at, 'expected a multiple of 8 up to 65536')
      alignment = Number(value)
    }
  }
  if (architecture === undefined)
    throw new MalformedError('GGUF architecture', reader.offset, 'missing')
  return { architecture, alignment }
}

function readTensor(reader: Reader, alignment: number): { name: string; place: Place } {
  const at = reader.offset
  const name = readGgufText(reader, 'GGUF tensor name', ggufLimits.nameBytesMax)
  const dimensions = reader.u32('GGUF dimensions')
  if (dimensions < 1 || dimensions > ggufLimits.dimensionsMax)
    throw new MalformedError('GGUF dimensions', at, `got ${dimensions}, expected 1 to 4`)
  const shape = Array.from({ length: dimensions }, () => reader.u64('GGUF dimension'))
  const type = ggufTypes[reader.u32('GGUF tensor type')]
  if (type === undefined) throw new MalformedError('GGUF tensor type', at, 'not on the list')
  const elements = shape.reduce((product, length) => product * length, 1n)
  const [row = 0n] = shape
  if (elements < 1n || elements > ggufLimits.elementsMax)
    throw new MalformedError('GGUF tensor', at, `${elements} elements`)
  if (row % BigInt(type.block) !== 0n)
    throw new MalformedError('GGUF tensor', at, 'rows that are no whole number of blocks')
  const offset = reader.u64('GGUF tensor offset')
  if (offset % BigInt(alignment) !== 0n)
    throw new MalformedError('GGUF tensor offset', at, `expected a multiple of ${alignment}`)
  const bytes = (elements / BigInt(type.block)) * BigInt(type.blockBytes)
  return { name, place: { offset, bytes } }
}

function checkPlaces(places: readonly Place[], dataBytes: bigint): void {
  const sorted = places.toSorted((a, b) => (a.offset < b.offset ? -1 : a.offset > b.offset ? 1 : 0))
  let end = 0n
  for (const { offset, bytes } of sorted) {
    if (offset < end) throw new MalformedError('GGUF tensor offset', 0, 'tensors that overlap')
    end = offset + bytes
    if (end > dataBytes)
      throw new MalformedError('GGUF tensor offset', 0, 'a tensor that ends behind the file')
  }
}

function count(reader: Reader, field: string, max: number): number {
  const at = reader.offset
  const value = reader.u64(field)
  if (value > BigInt(max)) throw new MalformedError(field, at, `${value}, at most ${max}`)
  return Number(value)
}
