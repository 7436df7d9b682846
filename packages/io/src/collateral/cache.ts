import type { Bytes, UnixSeconds } from '@cloister/codec'

/** One document of a vendor's as its service sent it, kept with the time at which it ends. */
export type CacheEntry = {
  readonly body: Bytes
  /** The response header that belongs to it: the issuer chain, as it was sent. */
  readonly header?: string
  readonly fetchedAt: UnixSeconds
  /** When the signed content itself says that it ends. */
  readonly until: UnixSeconds
}

/**
 * Keeps documents by the request that fetched them.
 *
 * Nothing in it is trusted: whatever comes out is verified like what comes from the network.
 */
export type CollateralCache = {
  /** The entry of a key, whether or not it has ended: the caller compares times. */
  readonly get: (key: string) => Promise<CacheEntry | undefined>
  readonly put: (key: string, entry: CacheEntry) => Promise<void>
  readonly forget: (key: string) => Promise<void>
}

const entriesMax = 1024
const bytesMax = 64 * 2 ** 20

/** A cache that lasts as long as the process: 1024 documents and 64 MiB at most, the oldest goes first. */
export class MemoryCache implements CollateralCache {
  readonly #entries = new Map<string, CacheEntry>()
  #bytes = 0

  get(key: string): Promise<CacheEntry | undefined> {
    return Promise.resolve(this.#entries.get(key))
  }

  async put(key: string, entry: CacheEntry): Promise<void> {
    await this.forget(key)
    this.#entries.set(key, entry)
    this.#bytes += entry.body.length
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= entriesMax && this.#bytes <= bytesMax) break
      await this.forget(oldest)
    }
  }

  forget(key: string): Promise<void> {
    this.#bytes -= this.#entries.get(key)?.body.length ?? 0
    this.#entries.delete(key)
    return Promise.resolve()
  }
}
