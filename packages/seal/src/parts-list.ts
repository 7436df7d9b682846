import {
  canonicalJson,
  encodeHex,
  encodeUtf8,
  MalformedError,
  parseJson,
  parseUtf8,
  type Bytes,
  type Json,
} from '@cloister/codec'

import { createPartHash } from '#crypto'

import { chunkBytes, headerBytes, plainSize, sealedChunkBytes } from './chunk-layout.ts'
import { sealingError } from './sealing-error.ts'

/** Chunks in every part but the last. */
export const partChunks = 1024

/** Sealed bytes of a full part. The first part has the object's 56-byte header before them. */
export const partBytes: number = partChunks * sealedChunkBytes

/** Plaintext bytes of a full part: 16 MiB. */
export const partPlainBytes: number = partChunks * chunkBytes

/** The most parts of one object: 1 TiB of plaintext. */
export const partsMax = 65_536

/** The longest parts list that is read: 65,536 digests with quotes and commas, and what is around them. */
export const partsListBytesMax: number = partsMax * 67 + 256

/** The parts that a sealed object was cut into. Its root, SHA-256 of {@link encodePartsList}, names the whole object. */
export type PartsList = {
  /** Of the sealed object. */
  readonly bytes: number
  /** SHA-256 of each part in turn, as 64 lower-case hexadecimal digits. */
  readonly parts: readonly string[]
}

const format = 'cloister-parts/1'

/** The list as the bytes that its root is the digest of. Spec: docs/sealing.md, "Parts". */
export function encodePartsList({ bytes, parts }: PartsList): Bytes {
  return encodeUtf8(canonicalJson({ format, bytes, partBytes, parts }))
}

/**
 * Reads a parts list. Only one text is accepted for one list.
 *
 * @throws {MalformedError} naming the field. @throws {OperationError} `truncated` or `too-large`, for a size that no object has.
 */
export function parsePartsList(bytes: Bytes): PartsList {
  if (bytes.length > partsListBytesMax)
    throw new MalformedError(
      'parts list',
      0,
      `got ${bytes.length} bytes, at most ${partsListBytesMax} are read`,
    )
  const text = parseUtf8(bytes, 'parts list')
  const json = parseJson(text, 'parts list', { charactersMax: partsListBytesMax, depthMax: 2 })
  const list = listOf(json)
  if (parseUtf8(encodePartsList(list), 'parts list') !== text)
    throw new MalformedError('parts list', 0, `not the canonical form of ${format}`)
  plainSize(list.bytes)
  if (list.parts.length !== partCount(list.bytes))
    throw new MalformedError(
      'parts list',
      0,
      `${list.parts.length} parts for ${list.bytes} sealed bytes, expected ${partCount(list.bytes)}`,
    )
  return list
}

/** The root of a list, which names the object: 64 lower-case hexadecimal digits. */
export async function partsRoot(list: PartsList): Promise<string> {
  return sha256Hex(encodePartsList(list))
}

/**
 * How many parts an object of `bytes` sealed bytes has.
 *
 * @throws {OperationError} `too-large`.
 */
export function partCount(bytes: number): number {
  const count = Math.max(1, Math.ceil((bytes - headerBytes) / partBytes))
  if (count <= partsMax) return count
  throw sealingError(
    'too-large',
    `Cannot seal into ${count} parts: at most ${partsMax} (1 TiB) are allowed; split the data`,
  )
}

/** Where part `index` starts in the sealed object, and how many bytes it has. */
export function partPlace(
  bytes: number,
  index: number,
): { readonly offset: number; readonly bytes: number } {
  const offset = index === 0 ? 0 : headerBytes + index * partBytes
  return { offset, bytes: Math.min(bytes, headerBytes + (index + 1) * partBytes) - offset }
}

/** SHA-256 of bytes that are in memory: 64 hexadecimal digits. */
export async function sha256Hex(bytes: Bytes): Promise<string> {
  const hash = createPartHash()
  hash.update(bytes)
  return encodeHex(await hash.digest(bytes))
}

function listOf(json: Json): PartsList {
  if (typeof json !== 'object' || json === null || isList(json))
    throw new MalformedError('parts list', 0, 'not a JSON object')
  const { bytes, parts } = json
  if (typeof bytes !== 'number' || !Number.isSafeInteger(bytes) || bytes < 0)
    throw new MalformedError('parts list.bytes', 0, 'not a whole number')
  if (parts === undefined || !isList(parts) || parts.length > partsMax)
    throw new MalformedError('parts list.parts', 0, `not a list of at most ${partsMax} digests`)
  return { bytes, parts: parts.map((part, index) => digestAt(part, index)) }
}

function digestAt(part: Json, index: number): string {
  if (typeof part === 'string' && /^[0-9a-f]{64}$/.test(part)) return part
  throw new MalformedError(
    `parts list.parts[${index}]`,
    0,
    'expected 64 lower-case hexadecimal digits',
  )
}

function isList(json: Json): json is readonly Json[] {
  return Array.isArray(json)
}
