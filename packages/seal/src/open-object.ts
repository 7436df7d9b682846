import { equalBytes, type Bytes } from '@cloister/codec'

import { openChunks } from './chunk-batch.ts'
import { deriveChunkKeys, requireKeyAndContext, type ChunkKeys } from './chunk-keys.ts'
import {
  batchChunks,
  chunkBytes,
  headerBytes,
  plainSize,
  requireHeader,
  requireLastChunk,
  saltBytes,
  sealedChunkBytes,
  tagBytes,
} from './chunk-layout.ts'
import { regroup } from './regroup.ts'
import { sealingError } from './sealing-error.ts'

/**
 * Opens a whole object that is in memory: all of it is genuine, complete and in order, or nothing is returned.
 *
 * @throws {MalformedError} on a key or context of the wrong size.
 * @throws {OperationError} `wrong-key`, `tampered` or `truncated`.
 */
export async function open(key: Bytes, context: Bytes, sealed: Bytes): Promise<Bytes> {
  requireKeyAndContext(key, context)
  const plain = new Uint8Array(plainSize(sealed.length))
  const keys = await openHeader(key, context, sealed.subarray(0, headerBytes))
  const body = sealed.subarray(headerBytes)
  const total = Math.floor(plain.length / chunkBytes) + 1
  for (let first = 0; first < total; first += batchChunks) {
    const count = Math.min(batchChunks, total - first)
    await openChunks(
      keys,
      { first, count },
      body.subarray(first * sealedChunkBytes, (first + count) * sealedChunkBytes),
      plain.subarray(first * chunkBytes, (first + count) * chunkBytes),
    )
  }
  return plain
}

/**
 * Opens a stream with bounded memory. Each piece is genuine and in its place when it is yielded; that nothing is missing
 * at the end is known only when the stream ends without an error, so whoever acts on the whole waits for that.
 *
 * @throws {MalformedError} on a key or context of the wrong size, at the first read.
 * @throws {OperationError} `wrong-key`, `tampered`, `truncated` or `too-large`, at the read that meets it.
 */
export async function* openStream(
  key: Bytes,
  context: Bytes,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Bytes, void, undefined> {
  requireKeyAndContext(key, context)
  let keys: ChunkKeys | undefined
  let first = 0
  for await (const { bytes, last } of regroup(source, [
    headerBytes,
    batchChunks * sealedChunkBytes,
  ])) {
    if (keys === undefined) {
      requireHeader(bytes.length)
      keys = await openHeader(key, context, bytes)
      continue
    }
    const full = Math.floor(bytes.length / sealedChunkBytes)
    if (last) requireLastChunk(first + full, bytes.length % sealedChunkBytes)
    const count = full + (last ? 1 : 0)
    const plain = new Uint8Array(bytes.length - count * tagBytes)
    await openChunks(keys, { first, count }, bytes, plain)
    if (plain.length > 0) yield plain
    first += count
  }
}

/**
 * Derives the keys that a 56-byte header tells, and checks its commitment before any chunk is touched.
 *
 * @throws {OperationError} `wrong-key`.
 */
export async function openHeader(key: Bytes, context: Bytes, header: Bytes): Promise<ChunkKeys> {
  const keys = await deriveChunkKeys(key, header.slice(0, saltBytes), context)
  if (equalBytes(keys.commitment, header.subarray(saltBytes, headerBytes))) return keys
  throw sealingError(
    'wrong-key',
    'Cannot open chunk 0 of the sealed object: the key commitment in its header does not match; use the key and the ' +
      'context that it was sealed with, and compare the object with its digest',
  )
}
