import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

import { MalformedError, OperationError, parseUtf8, type Bytes } from '@cloister/codec'

import { systemErrorCode } from '../system-error.ts'

/** Most bytes of one document. */
const documentBytesMax = 4 * 2 ** 20

/** Files that lie beside evidence, each read once and in bounds. Only regular files: a pipe could hang. */
export class EvidenceFiles {
  readonly #prefix: string
  #left = 2 * documentBytesMax

  /** `prefix` stands before each name: a folder with its slash, or a file that the empty name stands for. */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** A file that has to be there. @throws {OperationError} `file-missing`, `file-unreadable`; {MalformedError} */
  required(name: string, what: string, bytesMax = documentBytesMax): Bytes {
    const bytes = this.optional(name, what, bytesMax)
    if (bytes !== undefined) return bytes
    throw new OperationError(
      'file-missing',
      `Cannot read the ${what} ${this.#prefix}${name}: there is no such file; check the path`,
    )
  }

  /** A file, or undefined where there is none. @throws {OperationError} `file-unreadable`; {MalformedError} */
  optional(name: string, what: string, bytesMax = documentBytesMax): Bytes | undefined {
    const path = `${this.#prefix}${name}`
    try {
      const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
      try {
        return this.#read(file, path, what, bytesMax)
      } finally {
        closeSync(file)
      }
    } catch (cause) {
      if (cause instanceof MalformedError || cause instanceof OperationError) throw cause
      const code = systemErrorCode(cause)
      if (code === undefined) throw cause
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
      throw new OperationError(
        'file-unreadable',
        `Cannot read the ${what} ${path}: ${code}; check the path and its rights`,
        { cause },
      )
    }
  }

  /** A text in UTF-8, or undefined where there is no such file. @throws {MalformedError} where it is no text. */
  text(name: string, what: string): string | undefined {
    const bytes = this.optional(name, what)
    return bytes && parseUtf8(bytes, what)
  }

  #read(file: number, path: string, what: string, bytesMax: number): Bytes {
    const { size } = fstatSync(file)
    if (!fstatSync(file).isFile())
      throw new OperationError('file-unreadable', `Cannot read the ${what} ${path}: it is no file`)
    if (size > bytesMax || size > this.#left)
      throw new MalformedError(what, 0, `${size} bytes, at most ${Math.min(bytesMax, this.#left)}`)
    this.#left -= size
    const bytes = new Uint8Array(size)
    let at = 0
    while (at < size) {
      const count = readSync(file, bytes, at, size - at, at)
      if (count === 0) break
      at += count
    }
    return bytes.subarray(0, at)
  }
}
