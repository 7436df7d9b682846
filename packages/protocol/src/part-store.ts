import type { Bytes } from '@cloister/codec'

/** A piece of an object. */
export type PartRange = { readonly offset: number; readonly length: number }

/**
 * Somewhere objects can be read: parts of sealed assets and their lists, each named by its SHA-256 (64 lower-case hexadecimal
 * digits). A store is never believed: whoever reads holds the bytes against the name.
 */
export type ReadableStore = {
  /** What it is called in messages. Holds no secret. */
  readonly name: string
  /** Whether it says that it has an object. @throws {OperationError} `store-unreachable`, `store-refused`. */
  readonly has: (digest: string) => Promise<boolean>
  /**
   * The bytes of an object or of a piece of it, at most `bytesMax` (16.8 MB, a part, unless said).
   *
   * @throws {OperationError} `object-absent`, `store-unreachable`, `store-refused`.
   */
  readonly get: (digest: string, range?: PartRange, bytesMax?: number) => Promise<Bytes>
}

/** One that can be written, too. Its methods throw what {@link ReadableStore}'s do, and `store-full`. */
export type PartStore = ReadableStore & {
  /** Stores bytes under their digest, whole or not at all. Doing it again changes nothing. */
  readonly put: (digest: string, bytes: Bytes) => Promise<void>
  /** The objects of this store that are named like one, in any order. */
  readonly list: () => AsyncIterable<string>
  /** Removes an object. It is no failure where there is none. */
  readonly delete: (digest: string) => Promise<void>
}

/** Bytes of the largest part, and thus of what is read at once unless somebody says more. */
export const storedBytesMax = 16_793_656
