import type { Bytes } from '@cloister/codec'

/** A piece of a stream in the size that was asked for. Its bytes are overwritten when the next piece is asked for. */
export type Block = { readonly bytes: Bytes; readonly last: boolean }

/**
 * Cuts a stream anew: `sizes` tells the size of each block in turn, and its last value repeats. Every block but the last
 * is full; the last is shorter than full, and may be empty. Memory: one block, whatever the pieces of `source` are.
 */
export async function* regroup(
  source: AsyncIterable<Uint8Array>,
  sizes: readonly [number, ...number[]],
): AsyncGenerator<Block, void, undefined> {
  const rest = [...sizes]
  let block = new Uint8Array(rest.shift() ?? 0)
  let filled = 0
  for await (const piece of source) {
    for (let offset = 0; offset < piece.length;) {
      const taken = Math.min(block.length - filled, piece.length - offset)
      block.set(piece.subarray(offset, offset + taken), filled)
      filled += taken
      offset += taken
      if (filled < block.length) break
      yield { bytes: block, last: false }
      filled = 0
      const size = rest.shift()
      if (size !== undefined) block = new Uint8Array(size)
    }
  }
  yield { bytes: block.subarray(0, filled), last: true }
}
