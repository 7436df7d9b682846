import type { Bytes } from '@cloister/codec'
import { OperationError } from '@cloister/codec'
import { sameHex } from '@cloister/protocol'
import type { Hex } from 'viem'

/** Which share of an asset, and what the chain has to say of it for it to count. */
export type SharePlace = {
  readonly asset: Hex
  readonly shareIndex: number
  readonly commitment: Hex
  readonly policyDigest: Hex
}

/** One share that this keeper holds. */
export type HeldShare = SharePlace & {
  readonly share: Bytes
  /** The x of every share of the asset, in their order. */
  readonly xs: Bytes
}

const provenMax = 50_000
const unprovenMax = 256

/**
 * The shares that this enclave holds, in memory only: a restart forgets them, and other keepers give them back.
 *
 * Anybody may deposit under any asset id, so what the chain has not borne out yet lies in a small room whose oldest goes when it
 * is full. What was proven (registered with this commitment and policy, this operator its keeper) lies in one that strangers
 * cannot fill. Commitment and policy are part of a share's place: none replaces another.
 */
export class ShareStore {
  readonly #proven = new Map<string, HeldShare>()
  readonly #unproven = new Map<string, HeldShare>()

  /** Takes a deposit that nothing is known about yet. */
  keep(held: HeldShare): void {
    const place = placeOf(held)
    if (this.#proven.has(place)) return
    this.#unproven.delete(place) // What is deposited again is the newest again.
    this.#unproven.set(place, held)
    const [oldest] = this.#unproven.keys()
    if (this.#unproven.size > unprovenMax && oldest !== undefined) this.#unproven.delete(oldest)
  }

  /** Takes a share at a place that the chain was seen to name. @throws {OperationError} `keeper-full`. */
  keepProven(held: HeldShare): void {
    const place = placeOf(held)
    if (!this.#proven.has(place) && this.#proven.size >= provenMax)
      throw new OperationError('keeper-full', `Cannot hold more than ${provenMax} shares`)
    this.#proven.set(place, held)
    this.#unproven.delete(place)
  }

  /** The newest shares that the chain bears out, `max` of them. */
  proven(max: number): HeldShare[] {
    return [...this.#proven.values()].slice(-max)
  }

  /** Destroys every share of an asset. Returns whether there was one that the chain bore out. */
  erase(asset: Hex): boolean {
    let found = false
    for (const shares of [this.#unproven, this.#proven])
      for (const [place, held] of shares) {
        if (!sameHex(held.asset, asset)) continue
        held.share.fill(0)
        shares.delete(place)
        found ||= shares === this.#proven
      }
    return found
  }

  /** The share at a place that the chain was seen to name, which is safe from strangers from then on. */
  prove(named: SharePlace): HeldShare | undefined {
    const place = placeOf(named)
    const deposited = this.#unproven.get(place)
    if (deposited !== undefined) this.keepProven(deposited)
    return this.#proven.get(place)
  }
}

function placeOf({ asset, shareIndex, commitment, policyDigest }: SharePlace): string {
  return [asset, shareIndex, commitment, policyDigest].join(' ').toLowerCase()
}
