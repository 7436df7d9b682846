import { type Bytes } from '@cloister/codec'

import { openChunks } from './chunk-batch.ts'
import { requireKeyAndContext, type ChunkKeys } from './chunk-keys.ts'
import {
  batchChunks,
  chunkBytes,
  headerBytes,
  plainSize,
  sealedChunkBytes,
  tagBytes,
} from './chunk-layout.ts'
import { openHeader } from './open-object.ts'
import { requireRange } from './open-range.ts'
import { partChunks, partPlace, partPlainBytes, sha256Hex, type PartsList } from './parts-list.ts'
import { sealingError } from './sealing-error.ts'

/** A part that is wanted from a store. */
export type WantedPart = {
  readonly index: number
  /** SHA-256, as 64 hexadecimal digits: the name of the part in every store. */
  readonly digest: string
  readonly bytes: number
}

/** Gives the bytes of a part, from wherever they are. They are not believed. */
export type ReadPart = (part: WantedPart) => Promise<Bytes>

/** How much an opener may keep in memory. */
export type PartsReaderOptions = {
  /** Opened parts that are kept, 16 MiB each; 2 unless said. A third, still sealed, is read ahead. */
  readonly partsKept?: number
}

type Opened = { readonly index: number; readonly plain: Bytes }

/**
 * A sealed object in parts that can be read anywhere. Every part is held against its digest before one byte of it is
 * used, then opened whole and kept for a while. Reads are served one after another.
 *
 * Memory: `partsKept` opened parts, one being opened, and one sealed part that is read ahead while reads go forward.
 */
export class PartsReader {
  /** Bytes of the plaintext. */
  readonly size: number
  readonly #list: PartsList
  readonly #read: ReadPart
  readonly #secret: { readonly key: Bytes; readonly context: Bytes }
  readonly #partsKept: number
  #keys: ChunkKeys | undefined
  #kept: Opened[] = []
  #spare: Bytes | undefined
  #ahead: { readonly index: number; readonly sealed: Promise<Bytes> } | undefined
  #turn: Promise<unknown> = Promise.resolve()
  #closed = false

  /** @throws {MalformedError} on a key or context of the wrong size. */
  constructor(
    key: Bytes,
    context: Bytes,
    list: PartsList,
    read: ReadPart,
    { partsKept = 2 }: PartsReaderOptions = {},
  ) {
    requireKeyAndContext(key, context)
    this.size = plainSize(list.bytes)
    this.#list = list
    this.#read = read
    this.#secret = { key: key.slice(), context: context.slice() }
    this.#partsKept = Math.max(1, partsKept)
  }

  /**
   * Opens `length` bytes of the plaintext from `offset` on. The caller owns what is returned.
   *
   * @throws {OperationError} `part-refused`, `wrong-key`, `tampered`, `out-of-range`, `closed`, or what the store throws.
   */
  read(offset: number, length: number): Promise<Bytes> {
    const turn = this.#turn.then(() => this.#readNow(offset, length))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** Reads the header, so that a wrong key is known before anything is asked for. @throws as {@link PartsReader.read}. */
  async ready(): Promise<void> {
    const turn = this.#turn.then(() => this.#objectKeys())
    this.#turn = turn.catch(() => undefined)
    await turn
  }

  /** Opens everything in order, in pieces of at most 16 MiB. A piece is overwritten when the next is asked for. @throws as {@link PartsReader.read}. */
  async *stream(): AsyncGenerator<Bytes, void, undefined> {
    for (let index = 0; index < this.#list.parts.length; index++) {
      const turn = this.#turn.then(() => this.#part(index))
      this.#turn = turn.catch(() => undefined)
      const { plain } = await turn
      if (plain.length > 0) yield plain
    }
  }

  /** Overwrites the key and all that was opened. Every later read fails. */
  close(): void {
    this.#closed = true
    this.#secret.key.fill(0)
    this.#keys = undefined
    for (const { plain } of this.#kept) plain.fill(0)
    this.#kept = []
    this.#ahead = undefined
  }

  async #readNow(offset: number, length: number): Promise<Bytes> {
    requireRange(offset, offset + length, this.size)
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length;) {
      const index = Math.floor((offset + at) / partPlainBytes)
      const { plain } = await this.#part(index)
      const from = offset + at - index * partPlainBytes
      const piece = plain.subarray(from, from + length - at)
      bytes.set(piece, at)
      at += piece.length
    }
    return bytes
  }

  async #part(index: number): Promise<Opened> {
    if (this.#closed) throw closed()
    const known = this.#kept.find((each) => each.index === index)
    const keys = await this.#objectKeys()
    const opened = known ?? (await this.#open(keys, index))
    // Read meanwhile: it may have been closed, and what was opened must not stay.
    if (this.#closed) {
      opened.plain.fill(0)
      throw closed()
    }
    this.#kept = [opened, ...this.#kept.filter((each) => each !== opened)]
    for (const { plain } of this.#kept.splice(this.#partsKept)) {
      plain.fill(0)
      this.#spare = plain
    }
    return opened
  }

  async #open(keys: ChunkKeys, index: number): Promise<Opened> {
    const forward = index === 0 || this.#kept.some((each) => each.index === index - 1)
    const sealed = await this.#sealed(index)
    if (forward && index + 1 < this.#list.parts.length) this.#readAhead(index + 1)
    const last = index === this.#list.parts.length - 1
    const size = last ? this.size - index * partPlainBytes : partPlainBytes
    const plain = this.#spare?.length === size ? this.#spare : new Uint8Array(size)
    this.#spare = undefined
    await openPart(keys, index, sealed, plain)
    return { index, plain }
  }

  #readAhead(index: number): void {
    const sealed = this.#verified(index)
    sealed.catch(() => undefined) // Whoever asks for the part hears of it.
    this.#ahead = { index, sealed }
  }

  #sealed(index: number): Promise<Bytes> {
    const ahead = this.#ahead
    this.#ahead = undefined
    return ahead?.index === index ? ahead.sealed : this.#verified(index)
  }

  // The header is in the first part: opening in the middle needs that one too, once.
  async #objectKeys(): Promise<ChunkKeys> {
    if (this.#closed) throw closed()
    if (this.#keys !== undefined) return this.#keys
    const first = await this.#sealed(0)
    const { key, context } = this.#secret
    this.#keys = await openHeader(key, context, first.subarray(0, headerBytes))
    this.#ahead = { index: 0, sealed: Promise.resolve(first) }
    return this.#keys
  }

  async #verified(index: number): Promise<Bytes> {
    const digest = this.#list.parts[index] ?? ''
    const { bytes } = partPlace(this.#list.bytes, index)
    const got = await this.#read({ index, digest, bytes })
    await requirePart(this.#list, index, got)
    return got
  }
}

/**
 * Requires that bytes are part `index` of a list.
 *
 * @throws {OperationError} `part-refused`, naming the part and what it is instead.
 */
export async function requirePart(list: PartsList, index: number, got: Bytes): Promise<void> {
  const { offset, bytes } = partPlace(list.bytes, index)
  const where = `Cannot use part ${index} of ${list.parts.length}, at sealed byte ${offset}`
  if (got.length !== bytes)
    throw refused(`${where}: the store gave ${got.length} bytes, it has ${bytes}`)
  const digest = await sha256Hex(got)
  if (digest === list.parts[index]) return
  const other = list.parts.indexOf(digest)
  throw refused(
    other < 0
      ? `${where}: its bytes were changed, their digest is ${digest} and not ${list.parts[index] ?? 'known'}`
      : `${where}: the store gave part ${other} in its place`,
  )
}

async function openPart(
  keys: ChunkKeys,
  index: number,
  sealed: Bytes,
  plain: Bytes,
): Promise<void> {
  const body = index === 0 ? sealed.subarray(headerBytes) : sealed
  const total = (body.length - plain.length) / tagBytes
  try {
    for (let from = 0; from < total; from += batchChunks) {
      const count = Math.min(batchChunks, total - from)
      await openChunks(
        keys,
        { first: index * partChunks + from, count },
        body.subarray(from * sealedChunkBytes, (from + count) * sealedChunkBytes),
        plain.subarray(from * chunkBytes, (from + count) * chunkBytes),
      )
    }
  } catch (cause) {
    plain.fill(0)
    throw cause
  }
}

function refused(what: string) {
  return sealingError('part-refused', `${what}; fetch it from another store`, { retryable: true })
}

function closed() {
  return sealingError(
    'closed',
    'Cannot read the sealed object: its reader was closed; open it again',
  )
}
