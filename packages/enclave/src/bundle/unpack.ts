import { createHash, type Hash } from 'node:crypto'
import { chmodSync, closeSync, mkdirSync, openSync, symlinkSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { assert, OperationError } from '@cloister/codec'

import { bundleLimits, type BundleFile, type BundleList } from './bundle-list.ts'

/** Reads one part of an archive, of which nothing is believed. */
export type ReadPart = (sha256: string, bytesMax: number) => AsyncIterable<Uint8Array>

/**
 * Writes the files and links of a bundle into `folder`, which is new. Each file is held against its digest. Nothing is compressed:
 * what is written is as large as the list said before the first byte was asked for.
 *
 * @throws {OperationError} `bundle-refused`, where the archive is not the list's. The caller removes the folder then.
 */
export async function unpackBundle(
  list: BundleList,
  folder: string,
  readPart: ReadPart,
): Promise<void> {
  mkdirSync(folder, { mode: 0o755 })
  const writer = new FileWriter(list, folder)
  try {
    for (const part of list.parts)
      for await (const piece of readPart(part, bundleLimits.partBytes)) writer.push(piece)
    writer.end()
  } finally {
    writer.close()
  }
  for (const entry of list.entries) {
    if (entry.kind !== 'link') continue
    makeFolder(folder, entry.path)
    symlinkSync(entry.target, join(folder, entry.path))
  }
}

type Open = { readonly file: BundleFile; readonly descriptor: number; readonly hash: Hash }

/** Spreads the bytes of an archive over the files of a list. */
class FileWriter {
  readonly #folder: string
  readonly #files: readonly BundleFile[]
  #next = 0
  #open: Open | undefined
  #left = 0

  constructor({ entries }: BundleList, folder: string) {
    this.#files = entries.filter((entry) => entry.kind === 'file')
    this.#folder = folder
    this.#advance()
  }

  push(bytes: Uint8Array): void {
    for (let rest = bytes; rest.length > 0;) {
      if (this.#open === undefined) throw refused('its archive is longer than its files')
      const piece = rest.subarray(0, this.#left)
      this.#open.hash.update(piece)
      for (let at = 0; at < piece.length;) at += writeSync(this.#open.descriptor, piece, at)
      this.#left -= piece.length
      rest = rest.subarray(piece.length)
      if (this.#left === 0) this.#finish(this.#open)
    }
  }

  end(): void {
    if (this.#open !== undefined) throw refused('its archive ends before its files do')
  }

  close(): void {
    if (this.#open !== undefined) closeSync(this.#open.descriptor)
    this.#open = undefined
  }

  #finish({ file, hash }: Open): void {
    if (hash.digest('hex') !== file.sha256)
      throw refused(`the bytes of ${JSON.stringify(file.path)} are others than its list says`)
    this.close()
    this.#advance()
  }

  // Opens the next file; empty ones are done at once.
  #advance(): void {
    for (; this.#open === undefined && this.#next < this.#files.length;) {
      const file = this.#files[this.#next]
      assert(file !== undefined, 'the place is inside the list')
      this.#next += 1
      makeFolder(this.#folder, file.path)
      const path = join(this.#folder, file.path)
      const descriptor = openSync(path, 'wx', 0o600)
      chmodSync(path, file.executable ? 0o555 : 0o444)
      const hash = createHash('sha256')
      this.#open = { file, descriptor, hash }
      this.#left = file.bytes
      if (file.bytes > 0) return
      if (hash.digest('hex') !== file.sha256) throw refused('an empty file has another digest')
      this.close()
    }
  }
}

function makeFolder(folder: string, path: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true, mode: 0o755 })
}

function refused(detail: string): OperationError {
  return new OperationError('bundle-refused', `Cannot use this bundle: ${detail}`, {
    retryable: true,
  })
}
