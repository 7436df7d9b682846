import type { Bytes } from '@cloister/codec'

import type { ChunkJob } from './chunk-cipher.ts'
import { chunkNonce, type ChunkKeys } from './chunk-keys.ts'
import { chunkBytes, chunkOffset, sealedChunkBytes, tagBytes } from './chunk-layout.ts'
import { sealingError } from './sealing-error.ts'

/** A run of chunks: the number of the first, and how many there are. */
export type ChunkRun = { readonly first: number; readonly count: number }

/** Seals the chunks of `run` from `plain` into `sealed`, whose sizes fit each other. */
export async function sealChunks(
  keys: ChunkKeys,
  run: ChunkRun,
  plain: Bytes,
  sealed: Bytes,
): Promise<void> {
  await keys.cipher.sealAll(
    jobs(keys, run, { bytes: plain, size: chunkBytes }, { bytes: sealed, size: sealedChunkBytes }),
  )
}

/**
 * Opens the chunks of `run` from `sealed` into `plain`, whose sizes fit each other.
 *
 * @throws {OperationError} `tampered`, naming the first bad chunk; `plain` is all zeros then.
 */
export async function openChunks(
  keys: ChunkKeys,
  run: ChunkRun,
  sealed: Bytes,
  plain: Bytes,
): Promise<void> {
  const bad = await keys.cipher.openAll(
    jobs(keys, run, { bytes: sealed, size: sealedChunkBytes }, { bytes: plain, size: chunkBytes }),
  )
  if (bad < 0) return
  plain.fill(0)
  const number = run.first + bad
  throw sealingError(
    'tampered',
    `Cannot open chunk ${number} of the sealed object at byte ${chunkOffset(number)}: its tag does not match, so ` +
      'it was changed, moved or cut; fetch the object again and compare its digest',
  )
}

/** How many chunks `size` plaintext bytes make, where the last of them may end the object. */
export function chunkCount(size: number, last: boolean): number {
  return Math.floor(size / chunkBytes) + (last ? 1 : 0)
}

/** Sealed bytes of `count` chunks with `size` plaintext bytes together. */
export function sealedRunBytes(size: number, count: number): number {
  return size + count * tagBytes
}

type Side = { readonly bytes: Bytes; readonly size: number }

function jobs(keys: ChunkKeys, run: ChunkRun, from: Side, to: Side): ChunkJob[] {
  return Array.from({ length: run.count }, (_, index) => ({
    nonce: chunkNonce(keys.baseNonce, run.first + index),
    from: from.bytes.subarray(index * from.size, (index + 1) * from.size),
    to: to.bytes.subarray(index * to.size, (index + 1) * to.size),
  }))
}
