import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  MalformedError,
  OperationError,
  parseJson,
  parseUtf8,
  unixSeconds,
  type Bytes,
  type Json,
} from '@cloister/codec'
import type { CacheEntry, CollateralCache } from './cache.ts'

const format = 'cloister/collateral-cache/1'
const filesMax = 4096
const fileBytesMax = 5 * 2 ** 20
const headBytesMax = 64 * 1024

/**
 * A cache in a folder: one file a document, named by the SHA-256 of its key.
 *
 * A file is written under another name and renamed, so that a crash leaves the old one or the new one. Each one
 * names its key and the digest of its content; a file that does not match is removed and counts as absent. That finds
 * damage, not malice: who can write the folder can write a digest too, and what it holds is verified anyway.
 */
export class FolderCache implements CollateralCache {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Opens the folder, or makes it. @throws {OperationError} `collateral-cache` where that fails. */
  static async open(folder: string): Promise<FolderCache> {
    await naming(folder, 'open', () => mkdir(folder, { recursive: true, mode: 0o700 }))
    return new FolderCache(folder)
  }

  /** @throws {OperationError} `collateral-cache` where the disk fails. */
  async get(key: string): Promise<CacheEntry | undefined> {
    const path = this.#path(key)
    const bytes = await naming(path, 'read', () => readBounded(path))
    if (bytes === undefined) return undefined
    try {
      return parseFile(bytes, key)
    } catch (cause) {
      if (!(cause instanceof MalformedError)) throw cause
      await this.forget(key)
      return undefined
    }
  }

  /** On disk when it returns. @throws {OperationError} `collateral-cache` where the disk fails. */
  async put(key: string, entry: CacheEntry): Promise<void> {
    const path = this.#path(key)
    const fresh = `${path}.${randomUUID()}.new`
    await naming(path, 'write', async () => {
      try {
        await writeWhole(fresh, encodeFile(key, entry))
        await rename(fresh, path)
      } catch (cause) {
        await rm(fresh, { force: true })
        throw cause
      }
      await this.#removeOldest()
    })
  }

  /** @throws {OperationError} `collateral-cache` where the disk fails. */
  async forget(key: string): Promise<void> {
    const path = this.#path(key)
    await naming(path, 'remove', () => rm(path, { force: true }))
  }

  #path(key: string): string {
    return join(this.#folder, `${sha256(Buffer.from(key))}.entry`)
  }

  async #removeOldest(): Promise<void> {
    const names = await readdir(this.#folder)
    if (names.length <= filesMax) return
    const aged = await Promise.all(
      names.map(async (name) => {
        const path = join(this.#folder, name)
        return { path, at: (await stat(path).catch(() => undefined))?.mtimeMs ?? 0 }
      }),
    )
    const oldest = aged.toSorted((a, b) => a.at - b.at).slice(0, names.length - filesMax)
    for (const { path } of oldest) await rm(path, { force: true })
  }
}

/** A line of JSON that describes the document, then the document itself. */
function encodeFile(key: string, { body, header, fetchedAt, until }: CacheEntry): Bytes {
  const head = JSON.stringify({ format, key, header, fetchedAt, until, sha256: sha256(body) })
  return new Uint8Array(Buffer.concat([Buffer.from(`${head}\n`), body]))
}

function parseFile(bytes: Bytes, key: string): CacheEntry {
  const end = bytes.indexOf(0x0a)
  if (end < 0) throw new MalformedError('cache file', 0, 'it has no first line')
  const limits = { charactersMax: headBytesMax, depthMax: 2 }
  const head = parseJson(parseUtf8(bytes.subarray(0, end), 'cache file'), 'cache file', limits)
  if (!isRecord(head)) throw new MalformedError('cache file', 0, 'expected an object')
  const body = bytes.slice(end + 1)
  const { header, fetchedAt, until } = head
  if (head['format'] !== format || head['key'] !== key || head['sha256'] !== sha256(body))
    throw new MalformedError('cache file', 0, 'its content is not what its first line says')
  if (header !== undefined && typeof header !== 'string')
    throw new MalformedError('cache file header', 0, 'expected a text')
  return {
    body,
    ...(header !== undefined && { header }),
    fetchedAt: seconds(fetchedAt),
    until: seconds(until),
  }
}

function seconds(value: Json | undefined) {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new MalformedError('cache file time', 0, 'expected whole seconds')
  return unixSeconds(value)
}

async function readBounded(path: string): Promise<Bytes | undefined> {
  const size = (await stat(path).catch(absent))?.size
  if (size === undefined) return undefined
  if (size > fileBytesMax) return new Uint8Array() // Nothing that was written here is as long: refused when read.
  const bytes = await readFile(path).catch(absent)
  return bytes && new Uint8Array(bytes)
}

function absent(cause: unknown): undefined {
  if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined
  throw cause
}

async function writeWhole(path: string, bytes: Bytes): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function naming<T>(path: string, action: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    if (cause instanceof OperationError) throw cause
    const detail = cause instanceof Error ? cause.message : 'unknown failure'
    throw new OperationError(
      'collateral-cache',
      `Cannot ${action} ${path}: ${detail}; check that the folder may be written and the disk has space`,
      { cause },
    )
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function isRecord(value: Json): value is Readonly<Record<string, Json>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
