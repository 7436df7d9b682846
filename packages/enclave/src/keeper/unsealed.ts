import { sameHex } from '@cloister/protocol'
import type { Hex } from 'viem'

import type { HeldShare } from './share-store.ts'

/**
 * Shares out of a sealed state, which count for nothing yet: how old that state is, only other keepers can tell.
 */
export class UnsealedShares {
  #isOpened = false
  readonly #shares = new Map<string, HeldShare>()

  /** Whether the host was asked for a sealed state: before that this keeper cannot say what it has seen of others. */
  get isOpened(): boolean {
    return this.#isOpened
  }

  /** Takes what was found, which may be nothing. Only the first call counts. */
  open(shares: readonly HeldShare[]): void {
    if (this.#isOpened) return
    this.#isOpened = true
    for (const held of shares) this.#shares.set(held.asset.toLowerCase(), held)
  }

  /** The share of an asset at the place that the chain names now. */
  find(
    place: Pick<HeldShare, 'asset' | 'shareIndex' | 'commitment' | 'policyDigest'>,
  ): HeldShare | undefined {
    const held = this.#shares.get(place.asset.toLowerCase())
    const fits =
      held !== undefined &&
      held.shareIndex === place.shareIndex &&
      sameHex(held.commitment, place.commitment) &&
      sameHex(held.policyDigest, place.policyDigest)
    return fits ? held : undefined
  }

  /** What waits still: it is sealed again with all else. */
  get waiting(): readonly HeldShare[] {
    return [...this.#shares.values()]
  }

  /** Destroys the share of an asset, or of all. */
  drop(asset?: Hex): void {
    for (const [key, held] of this.#shares) {
      if (asset !== undefined && !sameHex(held.asset, asset)) continue
      held.share.fill(0)
      this.#shares.delete(key)
    }
  }

  /** Forgets a share that is held in earnest now. */
  forget(asset: Hex): void {
    this.#shares.delete(asset.toLowerCase())
  }
}
