import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { concatBytes, MalformedError, OperationError, type Bytes } from '@cloister/codec'
import type { AppBundle } from '@cloister/learn'

import { bundleBytes, bundleLimits, checkBundleBytes, parseBundleList } from './bundle-list.ts'
import { makeMemoryFolder } from './memory-folder.ts'
import { unpackBundle } from './unpack.ts'

/** Reads a public object by its digest (`0x` and hexadecimal) and holds it against that before it ends. */
export type ReadPublicObject = (digest: string, bytesMax: number) => AsyncIterable<Uint8Array>

type Held = { readonly folder: Promise<string>; readonly bytes: number; uses: number; at: number }

const bytesMaxDefault = 2 ** 33

/**
 * Bundles that this process unpacked, in memory and not on a disk that others write to: what was checked once is not checked again
 * before each use.
 */
export class BundleCache {
  #root: string | undefined
  readonly #read: ReadPublicObject
  readonly #bytesMax: number
  readonly #held = new Map<string, Held>()
  #clock = 0

  /** `bytesMax` is what all bundles may have together. */
  constructor(read: ReadPublicObject, bytesMax: number = bytesMaxDefault) {
    this.#read = read
    this.#bytesMax = bytesMax
  }

  /**
   * Calls `use` with the folder of an unpacked bundle, which stays as it is until that ends.
   *
   * @throws {OperationError} `bundle-refused`, `bundle-too-large`, or what reading objects throws.
   */
  async with<T>(bundle: AppBundle, use: (folder: string) => Promise<T>): Promise<T> {
    const held = this.#held.get(bundle.digest) ?? this.#fetch(bundle)
    held.uses += 1
    held.at = this.#clock++
    try {
      return await use(await held.folder)
    } finally {
      held.uses -= 1
    }
  }

  /** Removes everything. */
  close(): void {
    if (this.#root !== undefined) rmSync(this.#root, { recursive: true, force: true })
    this.#root = undefined
    this.#held.clear()
  }

  #fetch(bundle: AppBundle): Held {
    this.#makeRoom(bundle.bytes)
    const folder = this.#unpack(bundle)
    const held = { folder, bytes: bundle.bytes, uses: 0, at: 0 }
    this.#held.set(bundle.digest, held)
    folder.catch(() => this.#held.delete(bundle.digest))
    return held
  }

  #makeRoom(bytes: number): void {
    const total = () => [...this.#held.values()].reduce((sum, held) => sum + held.bytes, bytes)
    const idle = [...this.#held]
      .filter(([, { uses }]) => uses === 0)
      .toSorted(([, a], [, b]) => a.at - b.at)
    for (const [digest] of idle) {
      if (total() <= this.#bytesMax) return
      this.#held.delete(digest)
      rmSync(this.#folderOf(digest), { recursive: true, force: true })
    }
    if (total() > this.#bytesMax)
      throw new OperationError(
        'bundle-too-large',
        `Cannot hold a bundle of ${bytes} bytes: bundles may have ${this.#bytesMax} together`,
        { retryable: total() - bytes > 0 },
      )
  }

  async #unpack({ digest, bytes }: AppBundle): Promise<string> {
    const text = await collect(this.#read(digest, bundleLimits.listBytesMax))
    const list = guard(() => parseBundleList(text))
    checkBundleBytes(list, bytes)
    if (bundleBytes(list) > this.#bytesMax)
      throw new OperationError('bundle-refused', 'Cannot use this bundle: it is too large')
    const folder = this.#folderOf(digest)
    const partial = `${folder}.partial`
    try {
      rmSync(partial, { recursive: true, force: true })
      await unpackBundle(list, partial, (sha256, max) => this.#read(`0x${sha256}`, max))
      renameSync(partial, folder)
      return folder
    } catch (cause) {
      rmSync(partial, { recursive: true, force: true })
      throw cause
    }
  }

  #folderOf(digest: string): string {
    this.#root ??= makeMemoryFolder('bundles')
    return join(this.#root, digest.slice(2))
  }
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Bytes> {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece)
  return concatBytes(...pieces)
}

function guard<T>(read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause
    throw new OperationError('bundle-refused', `Cannot use this bundle: ${cause.message}`, {
      cause,
    })
  }
}
