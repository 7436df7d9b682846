import type { Bytes } from '@cloister/codec'

import { createSha256 } from '#crypto'

/** The id of a sealed object, its content address: SHA-256 of all its bytes, in memory or as a stream. */
export async function digestSealed(sealed: Bytes | AsyncIterable<Uint8Array>): Promise<Bytes> {
  const hash = createSha256()
  if (sealed instanceof Uint8Array) hash.update(sealed)
  else for await (const piece of sealed) hash.update(piece)
  return hash.digest()
}
