import { MalformedError, type Bytes } from '@cloister/codec'

import { keyBytes } from './chunk-keys.ts'
import { multiply } from './gf256.ts'
import {
  combineShares,
  requireDistinct,
  requireX,
  shareBytes,
  shareX,
  type KeyShare,
} from './key-share.ts'

// Two helpers a and b rebuild the share at x = l of a threshold-2 sharing f for a newcomer. Each draws a random line d
// with d(l) = 0 for every byte. The sum g = f + d_a + d_b agrees with f at l and is random everywhere else, so the newcomer, who
// learns g(a) and g(b) and thereby all of g, learns f(l) and nothing else: g(0) is the key plus a uniform mask.
// Spec: Herzberg, Jarecki, Krawczyk, Yung, "Proactive Secret Sharing" (CRYPTO 1995), section 4, over GF(2^8).

/** What a helper has after its first step. Every value is secret: `toHelpers` goes to that helper alone, `own` stays. */
export type RecoveryStart = {
  /** By helper x: 32 bytes for that helper. */
  readonly toHelpers: ReadonlyMap<number, Bytes>
  /** The helper's own 32 bytes, for {@link finishRecoveryPart}. */
  readonly own: Bytes
}

/**
 * A helper's first step: draws the mask. `helperXs` are the two helpers' x, this helper's among them.
 *
 * Draw anew for every recovery: two runs with one mask would give the key away.
 *
 * @throws {MalformedError} unless there are two helpers with distinct x, this one among them, neither the lost one.
 */
export function startRecovery(
  ownShare: KeyShare,
  lostX: number,
  helperXs: readonly number[],
): RecoveryStart {
  const ownX = shareX(ownShare)
  requireX(lostX, 'lost x', 0)
  for (const x of helperXs) requireX(x, 'helper x', 0)
  requireDistinct([lostX, ...helperXs])
  if (helperXs.length !== 2 || !helperXs.includes(ownX))
    throw new MalformedError(
      'helpers',
      0,
      `got x ${helperXs.join(', ')}, expected two of which one is ${ownX}`,
    )
  const slopes = crypto.getRandomValues(new Uint8Array(keyBytes))
  const valueAt = (x: number): Bytes => slopes.map((slope) => multiply(slope, x ^ lostX))
  const others = helperXs.filter((x) => x !== ownX)
  return { toHelpers: new Map(others.map((x) => [x, valueAt(x)])), own: valueAt(ownX) }
}

/**
 * A helper's second step: its masked share for the newcomer, 33 bytes with the helper's x. `received` is what the other helper sent.
 *
 * @throws {MalformedError} on another count or size.
 */
export function finishRecoveryPart(
  ownShare: KeyShare,
  own: Bytes,
  received: readonly Bytes[],
): Bytes {
  shareX(ownShare)
  if (received.length !== 1)
    throw new MalformedError('received', 0, `got ${received.length} values, expected 1`)
  const part = ownShare.slice()
  for (const mask of [own, ...received]) {
    if (mask.length !== keyBytes)
      throw new MalformedError('mask', 0, `got ${mask.length} bytes, expected ${keyBytes}`)
    for (const [index, byte] of mask.entries()) part[index] = (part[index] ?? 0) ^ byte
  }
  return part
}

/**
 * The newcomer's step: the lost share from the two parts. A helper that lied gives a wrong share: verify it against the commitment
 * before keeping it.
 *
 * @throws {MalformedError} unless there are two parts with distinct x, neither the lost one.
 */
export async function recoverShare(parts: readonly Bytes[], lostX: number): Promise<KeyShare> {
  requireX(lostX, 'lost x', 0)
  if (parts.length !== 2) throw new MalformedError('parts', 0, `got ${parts.length}, expected 2`)
  requireDistinct([lostX, ...parts.map(shareX)])
  // Interpolates at lostX with a library that interpolates at 0: every x is moved by lostX.
  const moved = parts.map((part) => withX(part, shareX(part) ^ lostX))
  const share = new Uint8Array(shareBytes)
  share.set(await combineShares(moved))
  return withX(share, lostX)
}

function withX(share: KeyShare, x: number): KeyShare {
  const copy = share.slice()
  copy[keyBytes] = x
  return copy
}
