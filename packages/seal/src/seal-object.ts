import { concatBytes, type Bytes } from '@cloister/codec'

import { chunkCount, sealChunks, sealedRunBytes } from './chunk-batch.ts'
import { deriveChunkKeys, requireKeyAndContext } from './chunk-keys.ts'
import { batchChunks, chunkBytes, headerBytes, saltBytes, sealedSize } from './chunk-layout.ts'
import { regroup } from './regroup.ts'

/** Seals objects under one key and context. Every object gets its own salt. */
export type Sealer = {
  /** Seals a stream with bounded memory. The first piece is the 56-byte header. */
  readonly sealStream: (source: AsyncIterable<Uint8Array>) => AsyncIterable<Bytes>
  /** Seals bytes that are in memory. */
  readonly seal: (plaintext: Bytes) => Promise<Bytes>
}

/**
 * Makes a sealer for a 32-byte uniformly random `key`. What `context` holds is not written into the object: whoever opens it must
 * give the same bytes.
 *
 * @throws {MalformedError} on a key or context of the wrong size.
 */
export function createSealer(key: Bytes, context: Bytes): Sealer {
  requireKeyAndContext(key, context)
  const [ownKey, ownContext] = [key.slice(), context.slice()]
  return {
    sealStream: (source) => sealStreamWithSalt(ownKey, ownContext, drawSalt(), source),
    seal: (plaintext) => sealWithSalt(ownKey, ownContext, drawSalt(), plaintext),
  }
}

/**
 * Seals bytes as one object. Spec: C2SP chunked-encryption, Cobblestone-256.
 *
 * @throws {MalformedError} on a key or context of the wrong size.
 */
export async function seal(key: Bytes, context: Bytes, plaintext: Bytes): Promise<Bytes> {
  return createSealer(key, context).seal(plaintext)
}

/** For vectors only, and so not part of the package's surface: a salt that repeats under a key breaks the cipher. */
export async function sealWithSalt(
  key: Bytes,
  context: Bytes,
  salt: Bytes,
  plaintext: Bytes,
): Promise<Bytes> {
  const keys = await deriveChunkKeys(key, salt, context)
  const sealed = new Uint8Array(sealedSize(plaintext.length))
  sealed.set(salt)
  sealed.set(keys.commitment, saltBytes)
  const total = chunkCount(plaintext.length, true)
  let at = headerBytes
  for (let first = 0; first < total; first += batchChunks) {
    const count = Math.min(batchChunks, total - first)
    const plain = plaintext.subarray(first * chunkBytes, (first + count) * chunkBytes)
    const end = at + sealedRunBytes(plain.length, count)
    await sealChunks(keys, { first, count }, plain, sealed.subarray(at, end))
    at = end
  }
  return sealed
}

async function* sealStreamWithSalt(
  key: Bytes,
  context: Bytes,
  salt: Bytes,
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Bytes, void, undefined> {
  const keys = await deriveChunkKeys(key, salt, context)
  yield concatBytes(salt, keys.commitment)
  let first = 0
  for await (const { bytes, last } of regroup(source, [batchChunks * chunkBytes])) {
    const count = chunkCount(bytes.length, last)
    const sealed = new Uint8Array(sealedRunBytes(bytes.length, count))
    await sealChunks(keys, { first, count }, bytes, sealed)
    yield sealed
    first += count
  }
}

function drawSalt(): Bytes {
  return crypto.getRandomValues(new Uint8Array(saltBytes))
}
