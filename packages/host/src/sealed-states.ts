import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'

import { OperationError, type Bytes } from '@cloister/codec'
import type { Address } from 'viem'

/** The largest sealed state. */
export const sealedBytesMax: number = 1 << 20

const keptMax = 3
const suffix = '.sealed'

/**
 * What enclaves of this node sealed for the time after their end: one file for each, the newest in place of the one before.
 * This host cannot read them, and an older one is of no use: other keepers know better.
 */
export class SealedStates {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Opens the folder, and makes it where it is missing. @throws {OperationError} `sealed-unusable`. */
  static async open(folder: string): Promise<SealedStates> {
    await mkdir(folder, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
      throw unusable(folder, cause)
    })
    return new SealedStates(folder)
  }

  /** Keeps what the enclave under a receipt key sealed. It is on disk when this returns. */
  async put(receiptKey: Address, sealed: Bytes): Promise<void> {
    if (sealed.length === 0 || sealed.length > sealedBytesMax)
      throw new OperationError(
        'too-large',
        `Cannot keep a sealed state of ${sealed.length} bytes: 1 to ${sealedBytesMax}`,
      )
    const path = this.#pathOf(receiptKey)
    const fresh = `${path}.new`
    try {
      const file = await open(fresh, 'w', 0o600)
      try {
        await file.writeFile(sealed)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(fresh, path)
      const folder = await open(this.#folder, 'r')
      try {
        await folder.sync()
      } finally {
        await folder.close()
      }
    } catch (cause) {
      throw unusable(path, cause)
    }
  }

  /** What the enclave before the one under `receiptKey` sealed last; undefined where there is nothing. */
  async before(receiptKey: Address): Promise<Bytes | undefined> {
    const [newest] = await this.#others(receiptKey)
    if (newest === undefined) return undefined
    const bytes = await readFile(newest).catch((cause: unknown) => {
      throw unusable(newest, cause)
    })
    return new Uint8Array(bytes)
  }

  /** Removes what enclaves before the one under `receiptKey` sealed, but the newest `kept`. */
  async prune(receiptKey: Address, kept: number = keptMax): Promise<void> {
    for (const path of (await this.#others(receiptKey)).slice(kept)) await rm(path, { force: true })
  }

  async #others(receiptKey: Address): Promise<readonly string[]> {
    const own = this.#pathOf(receiptKey)
    const names = await readdir(this.#folder).catch((cause: unknown) => {
      throw unusable(this.#folder, cause)
    })
    const paths = names
      .filter((name) => name.endsWith(suffix))
      .map((name) => join(this.#folder, name))
      .filter((path) => path !== own)
    const dated = await Promise.all(
      paths.map(async (path) => ({ path, time: (await stat(path)).mtimeMs })),
    )
    return dated.toSorted((a, b) => b.time - a.time).map(({ path }) => path)
  }

  #pathOf(receiptKey: Address): string {
    return join(this.#folder, `${receiptKey.toLowerCase()}${suffix}`)
  }
}

function unusable(path: string, cause: unknown): OperationError {
  const detail = cause instanceof Error ? cause.message : 'unknown failure'
  return new OperationError(
    'sealed-unusable',
    `Cannot use ${path}: ${detail}; free space there and see that it may be read and written`,
    { cause, retryable: true },
  )
}
