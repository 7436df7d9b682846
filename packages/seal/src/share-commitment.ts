import { concatBytes, encodeUtf8, equalBytes, MalformedError, type Bytes } from '@cloister/codec'

import { shareX, type KeyShare } from './key-share.ts'

/** A share in its place: `index` is its keeper's position, 0 to 255, for the 32-byte id `asset`. */
export type PlacedShare = {
  readonly asset: Bytes
  readonly index: number
  readonly share: KeyShare
}

const tag = concatBytes(encodeUtf8('cloister/share/1'), Uint8Array.of(0))

/**
 * The commitment to a share: SHA-256("cloister/share/1" || 0x00 || asset || u8 index || share). It hides the share, whose bytes are
 * uniformly random, and binds it to its place. It does not prove that the shares fit together.
 *
 * @throws {MalformedError} naming the asset, index or share that is malformed.
 */
export async function commitShare({ asset, index, share }: PlacedShare): Promise<Bytes> {
  if (asset.length !== 32)
    throw new MalformedError('asset', 0, `got ${asset.length} bytes, expected 32`)
  if (!Number.isInteger(index) || index < 0 || index > 255)
    throw new MalformedError('share index', 0, `got ${index}, expected 0 to 255`)
  shareX(share)
  const message = concatBytes(tag, asset, Uint8Array.of(index), share)
  return new Uint8Array(await crypto.subtle.digest('SHA-256', message))
}

/**
 * Whether a share is the one that was committed to, in its place.
 *
 * @throws {MalformedError} as {@link commitShare}.
 */
export async function verifyShare(placed: PlacedShare, commitment: Bytes): Promise<boolean> {
  return equalBytes(await commitShare(placed), commitment)
}
