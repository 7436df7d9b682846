import { concatBytes, encodeHex, MalformedError, type Bytes } from '@cloister/codec'

import { createPartHash } from '#crypto'

import type { PartHash } from './chunk-cipher.ts'
import { chunkCount, sealChunks, sealedRunBytes } from './chunk-batch.ts'
import { deriveChunkKeys, requireKeyAndContext, type ChunkKeys } from './chunk-keys.ts'
import { batchChunks, chunkBytes, headerBytes, saltBytes } from './chunk-layout.ts'
import { partBytes, partChunks, partsMax, type PartsList } from './parts-list.ts'
import { regroup } from './regroup.ts'
import { sealingError } from './sealing-error.ts'

/**
 * What an object is sealed under. `salt` is 24 random bytes, drawn once for each object: under one key and salt nothing but the
 * very same plaintext may ever be sealed, or both texts are lost.
 */
export type PartSealing = { readonly key: Bytes; readonly context: Bytes; readonly salt: Bytes }

/** One sealed part. Its bytes are overwritten when the next part is asked for. */
export type SealedPart = {
  readonly index: number
  readonly bytes: Bytes
  /** SHA-256, as 64 hexadecimal digits. */
  readonly digest: string
}

/** Draws the salt of one object. */
export function drawObjectSalt(): Bytes {
  return crypto.getRandomValues(new Uint8Array(saltBytes))
}

/**
 * Seals a stream into parts. Memory: one part.
 *
 * To go on after an interruption, `first` names the first part that is missing and `source` starts at its plaintext, at
 * `first * partPlainBytes`; the plaintext has to be the same as before.
 *
 * @throws {MalformedError} on a key, context or salt of the wrong size. @throws {OperationError} `too-large`.
 */
export async function* sealParts(
  sealing: PartSealing,
  source: AsyncIterable<Uint8Array>,
  first = 0,
): AsyncGenerator<SealedPart, void, undefined> {
  requireKeyAndContext(sealing.key, sealing.context)
  if (sealing.salt.length !== saltBytes)
    throw new MalformedError('salt', 0, `got ${sealing.salt.length} bytes, expected ${saltBytes}`)
  const keys = await deriveChunkKeys(sealing.key, sealing.salt, sealing.context)
  const header = concatBytes(sealing.salt, keys.commitment)
  for await (const { index, bytes, hash } of fillParts(keys, header, source, first))
    yield { index, bytes, digest: encodeHex(await hash.digest(bytes)) }
}

/** Seals bytes that are in memory: the object as its parts, and their list. */
export async function sealInParts(
  sealing: PartSealing,
  plaintext: Bytes,
): Promise<{ readonly list: PartsList; readonly parts: readonly Bytes[] }> {
  const parts: Bytes[] = []
  const digests: string[] = []
  for await (const { bytes, digest } of sealParts(sealing, once(plaintext))) {
    parts.push(bytes.slice())
    digests.push(digest)
  }
  return {
    list: { bytes: parts.reduce((sum, { length }) => sum + length, 0), parts: digests },
    parts,
  }
}

type Filled = { readonly index: number; readonly bytes: Bytes; readonly hash: PartHash }

const blockBytes = batchChunks * chunkBytes

async function* fillParts(
  keys: ChunkKeys,
  header: Bytes,
  source: AsyncIterable<Uint8Array>,
  first: number,
): AsyncGenerator<Filled, void, undefined> {
  let [buffer, index, chunk, at] = [new Uint8Array(0), first, first * partChunks, 0]
  let hash = createPartHash()
  for await (const { bytes, last } of regroup(source, [blockBytes])) {
    requirePart(index)
    const count = chunkCount(bytes.length, last)
    const start = index === 0 && at === 0 ? headerBytes : at
    const end = start + sealedRunBytes(bytes.length, count)
    buffer = withRoom(buffer, end, last)
    if (start > at) buffer.set(header)
    await sealChunks(keys, { first: chunk, count }, bytes, buffer.subarray(start, end))
    hash.update(buffer.subarray(at, end))
    at = end
    chunk += count
    if (!last && chunk % partChunks !== 0) continue
    yield { index, bytes: buffer.subarray(0, at), hash }
    index++
    at = 0
    hash = createPartHash()
  }
}

/** A buffer of at least `size` bytes with what is in it: of a whole part at once, unless it is the last of a small one. */
function withRoom(buffer: Bytes, size: number, last: boolean): Bytes {
  if (buffer.length >= size) return buffer
  const larger = new Uint8Array(last ? size : headerBytes + partBytes)
  larger.set(buffer)
  return larger
}

function requirePart(index: number): void {
  if (index < partsMax) return
  throw sealingError(
    'too-large',
    `Cannot seal part ${index}: an object has at most ${partsMax} parts (1 TiB); split the data`,
  )
}

async function* once(bytes: Bytes): AsyncGenerator<Bytes, void, undefined> {
  await Promise.resolve()
  yield bytes
}
