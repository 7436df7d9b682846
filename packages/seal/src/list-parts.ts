import { headerBytes } from './chunk-layout.ts'
import { partBytes, sha256Hex, type PartsList } from './parts-list.ts'
import { regroup } from './regroup.ts'

/** The list of a sealed object that comes as one stream: where it is cut, its size alone decides. Memory: one part. */
export async function listParts(sealed: AsyncIterable<Uint8Array>): Promise<PartsList> {
  const parts: string[] = []
  let size = 0
  for await (const { bytes, last } of regroup(sealed, [headerBytes + partBytes, partBytes])) {
    if (last && bytes.length === 0) break
    parts.push(await sha256Hex(bytes))
    size += bytes.length
  }
  return { bytes: size, parts }
}
