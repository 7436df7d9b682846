import { MalformedError, type Bytes } from '@cloister/codec'
import { combine, split } from 'shamir-secret-sharing'

import { keyBytes } from './chunk-keys.ts'

/** A share of a key: one byte for every byte of the key, then its x, which is never zero. */
export type KeyShare = Bytes

/** Bytes of a share of a 32-byte key. */
export const shareBytes: number = keyBytes + 1

/** How a key is split: `threshold` of `shares` give it back, fewer tell nothing. */
export type Sharing = { readonly shares: number; readonly threshold: number }

/**
 * Splits a 32-byte key with Shamir's scheme over GF(2^8).
 *
 * @throws {MalformedError} on a key of another size. @throws {RangeError} unless 2 <= threshold <= shares <= 255.
 */
export async function splitKey(
  key: Bytes,
  { shares, threshold }: Sharing,
): Promise<readonly KeyShare[]> {
  if (key.length !== keyBytes)
    throw new MalformedError('key', 0, `got ${key.length} bytes, expected ${keyBytes}`)
  const whole = Number.isInteger(shares) && Number.isInteger(threshold)
  if (!whole || threshold < 2 || threshold > shares || shares > 255)
    throw new RangeError(
      `Cannot split a key into ${shares} shares with threshold ${threshold}, expected 2 <= threshold <= shares <= 255`,
    )
  // The library refuses subclasses such as Buffer: hence the copy.
  const split32 = await split(new Uint8Array(key), shares, threshold)
  return split32.map((share) => new Uint8Array(share))
}

/**
 * Combines shares into the key. Give at least the threshold: with fewer, or with a wrong one, the result is another key and
 * nothing here can tell. Verify each share against its commitment first.
 *
 * @throws {MalformedError} on fewer than two shares, one of another size, or two with the same x.
 */
export async function combineShares(shares: readonly KeyShare[]): Promise<Bytes> {
  requireDistinct(shares.map(shareX))
  if (shares.length < 2)
    throw new MalformedError('shares', 0, `got ${shares.length}, expected at least 2`)
  return new Uint8Array(await combine(shares.map((share) => new Uint8Array(share))))
}

/**
 * The x of a share, 1 to 255.
 *
 * @throws {MalformedError} unless it has 33 bytes and its x is not zero.
 */
export function shareX(share: KeyShare): number {
  if (share.length !== shareBytes)
    throw new MalformedError('share', 0, `got ${share.length} bytes, expected ${shareBytes}`)
  const x = share[keyBytes] ?? 0
  requireX(x, 'share x', keyBytes)
  return x
}

/**
 * Requires an x that a share can have.
 *
 * @throws {MalformedError} naming `field`.
 */
export function requireX(x: number, field: string, offset: number): void {
  if (!Number.isInteger(x) || x < 1 || x > 255)
    throw new MalformedError(field, offset, `got ${x}, expected 1 to 255`)
}

/**
 * Requires that no x stands twice.
 *
 * @throws {MalformedError} naming the x.
 */
export function requireDistinct(xs: readonly number[]): void {
  const twice = xs.find((x, index) => xs.indexOf(x) !== index)
  if (twice !== undefined)
    throw new MalformedError('share x', keyBytes, `got ${twice} twice, expected distinct values`)
}
