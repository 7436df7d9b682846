import { encodeHex, OperationError, parseHex, type Bytes } from '@cloister/codec'
import type { PartStore } from '@cloister/protocol'
import {
  drawObjectSalt,
  encodePartsList,
  keyBytes,
  partCount,
  partPlace,
  partPlainBytes,
  partsRoot,
  sealedSize,
  sealParts,
  type PartsList,
} from '@cloister/seal'
import type { Address, Hex } from 'viem'

import { assetContext } from './asset.ts'
import { SecretBytes } from './secret-bytes.ts'
import type { StoredObject } from './share-asset.ts'

/** A file as a browser's picker gives it (a `File`), or anything that can be read like one. */
export type PickedFile = {
  readonly name: string
  readonly size: number
  readonly lastModified: number
  readonly slice: (
    start: number,
    end: number,
  ) => { readonly arrayBuffer: () => Promise<ArrayBuffer> }
}

/** A key that has no readable bytes: what a browser keeps may be read by whoever reads its disk, but not this. */
export type WrappingKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** How far sealing one file is. The data key in it is wrapped under a key that never leaves the browser. */
export type FileSealState = {
  readonly format: 'cloister-file-seal/1'
  readonly owner: Address
  readonly salt: Hex
  readonly objectSalt: Bytes
  readonly wrappingKey: WrappingKey
  readonly iv: Bytes
  readonly wrappedKey: Bytes
  readonly name: string
  readonly size: number
  readonly lastModified: number
  /** Digests of the parts that every store has taken, from the first on. */
  readonly parts: readonly string[]
}

/** Where a browser keeps states: {@link openSealStates}. */
export type SealStates = {
  readonly load: (id: string) => Promise<FileSealState | undefined>
  readonly save: (id: string, state: FileSealState) => Promise<void>
  readonly remove: (id: string) => Promise<void>
}

/** What {@link sealFile} does its work with. */
export type SealFileOptions = {
  readonly owner: Address
  readonly states: SealStates
  /** What the state is kept under; the owner and the file's name, size and time unless said. */
  readonly id?: string
  /** Parts that are on their way at once, each 16 MiB of memory; 2 unless said. */
  readonly parallel?: number
  readonly onProgress?: (progress: {
    readonly sealedBytes: number
    readonly totalBytes: number
  }) => void
  readonly signal?: AbortSignal
}

/** What was sealed and stored, for {@link shareSealed}; and the id under which its state can be removed after that. */
export type SealedFile = StoredObject & {
  readonly list: PartsList
  readonly stateId: string
  /** Parts that an earlier run had sealed and stored. */
  readonly resumedAt: number
}

/** Where parts go. */
export type FileSink = Pick<PartStore, 'name' | 'has' | 'put'>

const readBytes = 1 << 20

/**
 * Seals a file in this page and stores it, part by part: nothing but ciphertext leaves, and the whole file is never in memory. Run it again
 * with the same file after a reload and it goes on after the last part that every store took.
 *
 * @throws {OperationError} `source-changed` where the file is not the one that was begun, `file-unreadable`, `interrupted`, or what a store throws.
 */
export async function sealFile(
  file: PickedFile,
  stores: readonly FileSink[],
  options: SealFileOptions,
): Promise<SealedFile> {
  const { owner, states } = options
  const total = sealedSize(file.size)
  partCount(total) // Too large is better known now.
  const stateId =
    options.id ?? `${owner.toLowerCase()}/${file.name}/${file.size}/${file.lastModified}`
  const known = await states.load(stateId)
  const state = known ?? (await begin(file, owner))
  requireSame(file, state)
  if (known === undefined) await states.save(stateId, state)
  const dataKey = await unwrap(state)
  const upload = new Uploads(stores, state, (next) => states.save(stateId, next), options, total)
  const first = state.parts.length
  if (first < partCount(total)) {
    const context = assetContext(owner, state.salt)
    const sealing = { key: dataKey.reveal(), context, salt: state.objectSalt }
    for await (const part of sealParts(sealing, read(file, first, options.signal), first))
      await upload.add(part.index, part.digest, part.bytes.slice())
  }
  const parts = await upload.finish()
  const list = { bytes: total, parts }
  const root: Hex = `0x${await partsRoot(list)}`
  // Last, so that whoever finds the list finds the parts.
  for (const store of stores) await bring(store, root.slice(2), encodePartsList(list))
  const { salt } = state
  const names = stores.map(({ name }) => name)
  return { owner, salt, root, dataKey, stores: names, list, stateId, resumedAt: first }
}

/** Brings parts to all stores, a few at a time, and notes those that are there without a gap. */
class Uploads {
  readonly #stores: readonly FileSink[]
  readonly #save: (state: FileSealState) => Promise<void>
  readonly #options: SealFileOptions
  readonly #total: number
  readonly #arrived = new Map<number, string>()
  readonly #underWay = new Set<Promise<void>>()
  #state: FileSealState
  #failed: { readonly cause: unknown } | undefined

  constructor(
    stores: readonly FileSink[],
    state: FileSealState,
    save: (state: FileSealState) => Promise<void>,
    options: SealFileOptions,
    total: number,
  ) {
    this.#stores = stores
    this.#state = state
    this.#save = save
    this.#options = options
    this.#total = total
  }

  /** Takes a part, once there is room for it. */
  async add(index: number, digest: string, bytes: Bytes): Promise<void> {
    while (this.#underWay.size >= Math.max(1, this.#options.parallel ?? 2))
      await Promise.race(this.#underWay)
    this.#rethrow()
    const work = this.#bring(index, digest, bytes).catch((cause: unknown) => {
      this.#failed ??= { cause }
    })
    this.#underWay.add(work)
    void work.finally(() => this.#underWay.delete(work))
  }

  /** Waits for all; their digests. */
  async finish(): Promise<readonly string[]> {
    await Promise.all(this.#underWay)
    this.#rethrow()
    return this.#state.parts
  }

  async #bring(index: number, digest: string, bytes: Bytes): Promise<void> {
    await Promise.all(this.#stores.map((store) => bring(store, digest, bytes)))
    this.#arrived.set(index, digest)
    const parts = [...this.#state.parts]
    for (let next = parts.length; ; next++) {
      const arrived = this.#arrived.get(next)
      if (arrived === undefined) break
      parts.push(arrived)
      this.#arrived.delete(next)
    }
    this.#state = { ...this.#state, parts }
    await this.#save(this.#state)
    const { offset } = partPlace(this.#total, parts.length)
    const sealedBytes = Math.min(offset, this.#total)
    this.#options.onProgress?.({ sealedBytes, totalBytes: this.#total })
  }

  #rethrow(): void {
    if (this.#failed !== undefined) throw this.#failed.cause
  }
}

async function bring(store: FileSink, digest: string, bytes: Bytes): Promise<void> {
  if (!(await store.has(digest))) await store.put(digest, bytes)
}

async function begin(file: PickedFile, owner: Address): Promise<FileSealState> {
  const key = crypto.getRandomValues(new Uint8Array(keyBytes))
  const iv = crypto.getRandomValues(new Uint8Array(12))
  const raw = crypto.getRandomValues(new Uint8Array(32))
  // Not extractable from here on: a copy of the browser's storage holds a reference to it, not its bytes.
  const wrappingKey = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, [
    'encrypt',
    'decrypt',
  ])
  raw.fill(0)
  const wrappedKey = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, wrappingKey, key)
  key.fill(0)
  return {
    ...{ format: 'cloister-file-seal/1', owner },
    salt: `0x${encodeHex(crypto.getRandomValues(new Uint8Array(32)))}`,
    objectSalt: drawObjectSalt(),
    ...{ wrappingKey, iv, wrappedKey: new Uint8Array(wrappedKey) },
    ...{ name: file.name, size: file.size, lastModified: file.lastModified, parts: [] },
  }
}

async function unwrap({ wrappingKey, iv, wrappedKey }: FileSealState): Promise<SecretBytes> {
  const key = await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, wrappingKey, wrappedKey)
  return new SecretBytes('data key', new Uint8Array(key))
}

// Another plaintext under the same key stream would give both away.
function requireSame(file: PickedFile, state: FileSealState): void {
  const { name, size, lastModified } = state
  parseHex(state.salt, 'salt')
  if (file.name === name && file.size === size && file.lastModified === lastModified) return
  throw new OperationError(
    'source-changed',
    `Cannot go on sealing ${name}: the file that was picked is another one, or has changed since; pick the same, or begin anew`,
  )
}

async function* read(
  file: PickedFile,
  first: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Bytes, void, undefined> {
  for (let at = first * partPlainBytes; at < file.size; at += readBytes) {
    if (signal?.aborted === true)
      throw new OperationError('interrupted', `Sealing ${file.name} was stopped; run it again`)
    const end = Math.min(file.size, at + readBytes)
    yield new Uint8Array(await bytesOf(file, at, end))
  }
}

// A browser refuses to read a file that has changed since it was picked.
async function bytesOf(file: PickedFile, from: number, to: number): Promise<ArrayBuffer> {
  try {
    const bytes = await file.slice(from, to).arrayBuffer()
    if (bytes.byteLength === to - from) return bytes
  } catch (cause) {
    throw unreadable(file, cause)
  }
  throw unreadable(file, undefined)
}

function unreadable(file: PickedFile, cause: unknown): OperationError {
  return new OperationError(
    'file-unreadable',
    `Cannot read ${file.name}: it was changed, moved or removed since it was picked; pick it again`,
    { cause },
  )
}
