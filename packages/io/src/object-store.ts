import { createHash, randomUUID, type Hash } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat, utimes, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

import { MalformedError, OperationError, type Bytes } from '@cloister/codec'

import { systemErrorCode } from './system-error.ts'

/** How much a store may hold. */
export type StoreLimits = { readonly objectBytesMax: number; readonly totalBytesMax: number }

/** An object of 256 MiB, a store of 16 GiB. */
export const defaultStoreLimits: StoreLimits = {
  objectBytesMax: 256 * 2 ** 20,
  totalBytesMax: 16 * 2 ** 30,
}

/** A part of an object: `length` bytes from `offset`, fewer where the object ends before. */
export type ByteRange = { readonly offset: number; readonly length: number }

/**
 * Objects in a local folder, each named by the SHA-256 of its bytes (64 lower-case hex digits).
 *
 * An object is there whole or not at all, also after a crash: bytes go to a partial file, which is
 * flushed and then renamed. One process per folder: opening removes what a crash left half-written.
 */
export class ObjectStore {
  readonly #folder: string
  readonly #limits: StoreLimits
  #used: number

  private constructor(folder: string, limits: StoreLimits, used: number) {
    this.#folder = folder
    this.#limits = limits
    this.#used = used
  }

  /** Opens the store in `folder`, which is made if absent. @throws {OperationError} `store-unusable`. */
  static async open(
    folder: string,
    limits: StoreLimits = defaultStoreLimits,
  ): Promise<ObjectStore> {
    try {
      await mkdir(join(folder, 'objects'), { recursive: true, mode: 0o700 })
      await rm(join(folder, 'partial'), { recursive: true, force: true })
      await mkdir(join(folder, 'partial'), { mode: 0o700 })
      let used = 0
      for (const digest of await listDigests(folder))
        used += (await stat(pathOf(folder, digest))).size
      return new ObjectStore(folder, limits, used)
    } catch (cause) {
      throw storeError(folder, 'open', cause)
    }
  }

  /** Bytes of all objects, those being written included. */
  get usedBytes(): number {
    return this.#used
  }

  /**
   * Stores bytes that must have this digest. Storing the same object again changes nothing.
   *
   * @throws {OperationError} `digest-mismatch`, `too-large`, `store-full`, `store-unusable`.
   */
  async put(digest: string, source: AsyncIterable<Uint8Array> | Uint8Array): Promise<number> {
    assertDigest(digest)
    const present = await this.size(digest)
    // Its age starts anew, so that collection by age does not take what was just asked to be kept.
    if (present !== undefined) await this.#touch(digest)
    const writer = await this.begin()
    try {
      if (source instanceof Uint8Array) await writer.write(source)
      else for await (const part of source) await writer.write(part)
      return (await writer.finish(digest)).bytes
    } catch (error) {
      await writer.abort()
      throw error
    }
  }

  /** Stores bytes under the digest they have, and returns it. @throws as {@link ObjectStore.put}. */
  async add(bytes: Uint8Array): Promise<string> {
    const writer = await this.begin()
    try {
      await writer.write(bytes)
      return (await writer.finish()).digest
    } catch (error) {
      await writer.abort()
      throw error
    }
  }

  /** Starts an object whose bytes come in parts. The caller finishes or aborts it. */
  async begin(): Promise<ObjectWriter> {
    const path = join(this.#folder, 'partial', randomUUID())
    try {
      const file = await open(path, 'wx', 0o600)
      return new ObjectWriter(this.#folder, path, file, this.#limits, (bytes) => this.#take(bytes))
    } catch (cause) {
      throw storeError(this.#folder, 'begin an object', cause)
    }
  }

  /** Bytes of an object, or undefined where it is not held. */
  async size(digest: string): Promise<number | undefined> {
    assertDigest(digest)
    try {
      return (await stat(pathOf(this.#folder, digest))).size
    } catch (cause) {
      if (systemErrorCode(cause) === 'ENOENT') return undefined
      throw storeError(this.#folder, `look for ${digest}`, cause)
    }
  }

  /** Whether an object is held. */
  async has(digest: string): Promise<boolean> {
    return (await this.size(digest)) !== undefined
  }

  /**
   * Bytes of an object, all or a range of it, in memory at once.
   *
   * @throws {OperationError} `object-absent`, `too-large` past `bytesMax`, `store-unusable`.
   */
  async get(digest: string, range?: ByteRange, bytesMax = 64 * 2 ** 20): Promise<Bytes> {
    const length = Math.min(
      range?.length ?? Infinity,
      (await this.#sizeOf(digest)) - (range?.offset ?? 0),
    )
    if (length > bytesMax)
      throw new OperationError(
        'too-large',
        `Cannot read ${length} bytes of object ${digest} at once: at most ${bytesMax}, read it in ranges`,
      )
    const bytes = new Uint8Array(Math.max(0, length))
    let at = 0
    for await (const part of this.stream(digest, range)) {
      bytes.set(part.subarray(0, bytes.length - at), at)
      at += part.length
    }
    return bytes.subarray(0, Math.min(at, bytes.length))
  }

  /** Bytes of an object in parts of at most 64 KiB. @throws {OperationError} `object-absent`. */
  async *stream(digest: string, range?: ByteRange): AsyncGenerator<Bytes> {
    const size = await this.#sizeOf(digest)
    let offset = range?.offset ?? 0
    const end = Math.min(size, offset + (range?.length ?? size))
    const file = await open(pathOf(this.#folder, digest), 'r')
    try {
      while (offset < end) {
        const part = new Uint8Array(Math.min(65_536, end - offset))
        const { bytesRead } = await file.read(part, 0, part.length, offset)
        if (bytesRead === 0) return
        offset += bytesRead
        yield part.subarray(0, bytesRead)
      }
    } finally {
      await file.close()
    }
  }

  /** Removes an object. Whether there was one. */
  async delete(digest: string): Promise<boolean> {
    const size = await this.size(digest)
    if (size === undefined) return false
    await rm(pathOf(this.#folder, digest), { force: true })
    this.#used -= size
    return true
  }

  /** The objects that are held, in no order. */
  async list(): Promise<readonly string[]> {
    return listDigests(this.#folder)
  }

  /** Removes objects stored before `olderThanMs` (Unix milliseconds) that `keep` does not name. */
  async collect(olderThanMs: number, keep: ReadonlySet<string> = new Set()): Promise<number> {
    let removed = 0
    for (const digest of await listDigests(this.#folder)) {
      if (keep.has(digest)) continue
      const { mtimeMs } = await stat(pathOf(this.#folder, digest))
      if (mtimeMs < olderThanMs && (await this.delete(digest))) removed++
    }
    return removed
  }

  async #sizeOf(digest: string): Promise<number> {
    const size = await this.size(digest)
    if (size !== undefined) return size
    throw new OperationError('object-absent', `Cannot read object ${digest}: the store has none`)
  }

  async #touch(digest: string): Promise<void> {
    const now = new Date()
    await utimes(pathOf(this.#folder, digest), now, now).catch(() => undefined)
  }

  /** Takes room for bytes about to be written, or gives it back where negative. */
  #take(bytes: number): void {
    if (bytes > 0 && this.#used + bytes > this.#limits.totalBytesMax)
      throw new OperationError(
        'store-full',
        `Cannot store ${bytes} more bytes in ${this.#folder}: ${this.#used} of its quota of ` +
          `${this.#limits.totalBytesMax} are used; collect old objects or raise the quota`,
        { retryable: true },
      )
    this.#used += bytes
  }
}

/** One object being written in parts. Nothing of it is to be seen before {@link ObjectWriter.finish}. */
export class ObjectWriter {
  readonly #folder: string
  readonly #path: string
  readonly #file: FileHandle
  readonly #limits: StoreLimits
  readonly #take: (bytes: number) => void
  readonly #hash: Hash = createHash('sha256')
  #bytes = 0
  #open = true

  constructor(
    folder: string,
    path: string,
    file: FileHandle,
    limits: StoreLimits,
    take: (bytes: number) => void,
  ) {
    this.#folder = folder
    this.#path = path
    this.#file = file
    this.#limits = limits
    this.#take = take
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** Appends bytes. @throws {OperationError} `too-large`, `store-full`, `store-unusable`. */
  async write(part: Uint8Array): Promise<void> {
    if (!this.#open) throw new OperationError('store-closed', `Cannot write: the object is over`)
    if (this.#bytes + part.length > this.#limits.objectBytesMax)
      throw new OperationError(
        'too-large',
        `Cannot store an object of more than ${this.#limits.objectBytesMax} bytes`,
      )
    this.#take(part.length)
    this.#bytes += part.length
    this.#hash.update(part)
    try {
      let written = 0
      while (written < part.length)
        written += (await this.#file.write(part, written, part.length - written)).bytesWritten
    } catch (cause) {
      throw storeError(this.#folder, 'write an object', cause)
    }
  }

  /** Makes the object durable and visible. @throws {OperationError} `digest-mismatch`, `store-full`. */
  async finish(expected?: string): Promise<{ readonly digest: string; readonly bytes: number }> {
    const digest = this.#hash.digest('hex')
    if (expected !== undefined && expected !== digest)
      throw new OperationError(
        'digest-mismatch',
        `Cannot store object ${expected}: the bytes have SHA-256 ${digest}`,
      )
    const target = pathOf(this.#folder, digest)
    try {
      await this.#file.sync()
      await this.#file.close()
      this.#open = false
      const folder = join(target, '..')
      await mkdir(folder, { recursive: true, mode: 0o700 })
      const replaced = await stat(target).catch(() => undefined)
      await rename(this.#path, target)
      await syncFolder(folder)
      if (replaced !== undefined) this.#take(-replaced.size)
    } catch (cause) {
      await this.#remove()
      throw storeError(this.#folder, `store object ${digest}`, cause)
    }
    return { digest, bytes: this.#bytes }
  }

  /** Drops what was written. Does nothing after the end. */
  async abort(): Promise<void> {
    if (!this.#open) return
    this.#open = false
    await this.#file.close().catch(() => undefined)
    await this.#remove()
  }

  async #remove(): Promise<void> {
    await rm(this.#path, { force: true }).catch(() => undefined)
    this.#take(-this.#bytes)
    this.#bytes = 0
  }
}

function pathOf(folder: string, digest: string): string {
  return join(folder, 'objects', digest.slice(0, 2), digest)
}

function assertDigest(digest: string): void {
  if (!/^[0-9a-f]{64}$/.test(digest))
    throw new MalformedError('object digest', 0, 'expected 64 lower-case hexadecimal digits')
}

async function listDigests(folder: string): Promise<readonly string[]> {
  const names = await readdir(join(folder, 'objects'), { recursive: true })
  return names.map((name) => name.slice(3)).filter((name) => /^[0-9a-f]{64}$/.test(name))
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function storeError(folder: string, action: string, cause: unknown): OperationError {
  if (cause instanceof OperationError) return cause
  const code = systemErrorCode(cause)
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new OperationError(
      'store-full',
      `Cannot ${action} in ${folder}: the disk is full; free space there or move the store, then try again`,
      { cause, retryable: true },
    )
  return new OperationError(
    'store-unusable',
    `Cannot ${action} in ${folder}: ${code ?? 'unknown failure'}; check that the folder may be read and written`,
    { cause },
  )
}
