import type { Bytes } from '@cloister/codec'

import { openChunks } from './chunk-batch.ts'
import { requireKeyAndContext } from './chunk-keys.ts'
import {
  batchChunks,
  chunkBytes,
  chunkOffset,
  headerBytes,
  plainSize,
  sealedChunkBytes,
} from './chunk-layout.ts'
import { openHeader } from './open-object.ts'
import { sealingError } from './sealing-error.ts'

/** Reads `length` bytes of the sealed object from `offset` on. */
export type ReadSealed = (offset: number, length: number) => Promise<Bytes>

/**
 * Opens plaintext bytes `start` (included) to `end` (excluded). Reads the header and the chunks that hold the range, nothing else.
 *
 * What it returns is genuine and in its place. It does not prove that the object has `sealedSize` bytes, unless the range holds
 * its last byte: whoever needs that opens the last byte too, or checks the digest.
 *
 * @throws {MalformedError} on a key or context of the wrong size.
 * @throws {OperationError} `wrong-key`, `tampered`, `truncated`, `too-large` or `out-of-range`.
 */
export async function openRange(
  key: Bytes,
  context: Bytes,
  read: ReadSealed,
  sealedSize: number,
  start: number,
  end: number,
): Promise<Bytes> {
  requireKeyAndContext(key, context)
  const size = plainSize(sealedSize)
  requireRange(start, end, size)
  const keys = await openHeader(key, context, await readExactly(read, 0, headerBytes))
  const range = new Uint8Array(end - start)
  const stop = start < end ? Math.ceil(end / chunkBytes) : 0
  for (let first = Math.floor(start / chunkBytes); first < stop; first += batchChunks) {
    const count = Math.min(batchChunks, stop - first)
    const sealedEnd = Math.min(chunkOffset(first + count), sealedSize)
    const sealed = await readExactly(read, chunkOffset(first), sealedEnd - chunkOffset(first))
    const plain = new Uint8Array(Math.min(count * chunkBytes, size - first * chunkBytes))
    await openChunks(keys, { first, count }, sealed, plain)
    const from = Math.max(start - first * chunkBytes, 0)
    const to = Math.min(end - first * chunkBytes, plain.length)
    range.set(plain.subarray(from, to), first * chunkBytes + from - start)
  }
  return range
}

/**
 * Requires a range within `size` bytes.
 *
 * @throws {OperationError} `out-of-range`.
 */
export function requireRange(start: number, end: number, size: number): void {
  if (Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start <= end && end <= size)
    return
  throw sealingError(
    'out-of-range',
    `Cannot open bytes ${start} to ${end} of the sealed object: it has ${size}; ask for a range within them`,
  )
}

async function readExactly(read: ReadSealed, offset: number, length: number): Promise<Bytes> {
  const bytes = await read(offset, length)
  if (bytes.length === length) return bytes
  const place =
    offset < headerBytes ? 'the header' : `chunk ${(offset - headerBytes) / sealedChunkBytes}`
  throw sealingError(
    'truncated',
    `Cannot read ${place} of the sealed object at byte ${offset}: got ${bytes.length} bytes, expected ${length}; ` +
      'fetch the object again',
  )
}
