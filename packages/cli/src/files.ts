import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'

import { MalformedError, OperationError, parseUtf8, type Bytes } from '@cloister/codec'
import { systemErrorCode } from '@cloister/io'

/** What a file is read for, and how large it may be. */
export type ReadRule = {
  /** What the file is, in an error: `receipt`. */
  readonly what: string
  readonly bytesMax: number
  /** Refuse a file that others may read: it holds a secret. */
  readonly secret?: true
}

const standardInput = '-'

/**
 * Reads a file, or standard input for `-`.
 *
 * @throws {OperationError} `file-missing`, `file-unreadable`, `file-too-large`, `file-open`.
 */
export function readInput(path: string, rule: ReadRule): Bytes {
  const { what, bytesMax } = rule
  try {
    const flags = constants.O_RDONLY | (rule.secret === true ? constants.O_NOFOLLOW : 0)
    const file = path === standardInput ? 0 : openSync(path, flags)
    try {
      if (rule.secret === true && path !== standardInput) refuseOpen(file, path, what)
      return readAll(file, path, what, bytesMax)
    } finally {
      if (file !== 0) closeSync(file)
    }
  } catch (cause) {
    if (cause instanceof OperationError) throw cause
    const code = systemErrorCode(cause)
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new OperationError(
        'file-missing',
        `Cannot read the ${what} ${path}: there is no such file; check the path`,
        { cause },
      )
    throw new OperationError(
      'file-unreadable',
      `Cannot read the ${what} ${path}: ${explain(code)}; check the path and its rights`,
      { cause },
    )
  }
}

/** Reads a text in UTF-8. @throws {MalformedError} where it is none. */
export function readText(path: string, rule: ReadRule): string {
  return parseUtf8(readInput(path, rule), `${rule.what} ${path}`)
}

/** How a file is written. */
export type WriteRule = { readonly what: string; readonly force: boolean }

/** Refuses, before any work is done, to write over what is there. @throws {OperationError} `file-exists`. */
export function refuseExisting(path: string, { what, force }: WriteRule): void {
  if (!force && existsSync(path)) throw fileExists(path, what)
}

/**
 * Writes a file that only its owner reads, whole or not at all.
 *
 * @throws {OperationError} `file-exists` without `force`, `disk-full`, `file-unwritable`.
 */
export function writeOutput(path: string, content: Bytes | string, rule: WriteRule): void {
  const partial = join(dirname(path), `.${basename(path)}.${process.pid}.partial`)
  try {
    partialFiles.add(partial)
    writeDurably(partial, content)
    if (rule.force) renameSync(partial, path)
    else linkSync(partial, path)
    syncFolder(dirname(path))
  } catch (cause) {
    throw unwritable(path, rule.what, cause)
  } finally {
    rmSync(partial, { force: true })
    partialFiles.delete(partial)
  }
}

/**
 * Writes a file from a stream, whole or not at all, with bounded memory. Gives how many bytes it has.
 *
 * @throws {OperationError} as {@link writeOutput}, and what the stream throws.
 */
export async function writeStream(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  rule: WriteRule,
): Promise<number> {
  const partial = join(dirname(path), `.${basename(path)}.${process.pid}.partial`)
  let bytes = 0
  try {
    partialFiles.add(partial)
    const file = openSync(partial, 'wx', 0o600)
    try {
      for await (const piece of pieces) {
        for (let at = 0; at < piece.length;) at += writeSync(file, piece, at)
        bytes += piece.length
      }
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    if (rule.force) renameSync(partial, path)
    else linkSync(partial, path)
    syncFolder(dirname(path))
    return bytes
  } catch (cause) {
    if (cause instanceof OperationError || cause instanceof MalformedError) throw cause
    throw unwritable(path, rule.what, cause)
  } finally {
    rmSync(partial, { force: true })
    partialFiles.delete(partial)
  }
}

/** Removes what an interrupted write left. */
export function removePartialFiles(): void {
  for (const path of partialFiles) rmSync(path, { force: true, recursive: true })
}

/** Files and folders that are not whole yet. */
export const partialFiles: Set<string> = new Set()

/** What a failed write means. */
export function unwritable(path: string, what: string, cause: unknown): OperationError {
  if (cause instanceof OperationError) return cause
  const code = systemErrorCode(cause)
  if (code === 'EEXIST' || code === 'ENOTEMPTY') return fileExists(path, what)
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new OperationError(
      'disk-full',
      `Cannot write the ${what} ${path}: no space is left on the disk; free some, or choose another folder`,
      { cause },
    )
  return new OperationError(
    'file-unwritable',
    `Cannot write the ${what} ${path}: ${explain(code)}; choose a place that you may write`,
    { cause },
  )
}

function fileExists(path: string, what: string): OperationError {
  return new OperationError(
    'file-exists',
    `Cannot write the ${what} ${path}: there is one already; choose another path, or say --force`,
  )
}

function writeDurably(path: string, content: Bytes | string): void {
  const bytes = typeof content === 'string' ? Buffer.from(content, 'utf8') : content
  const file = openSync(path, 'wx', 0o600)
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function syncFolder(folder: string): void {
  const file = openSync(folder, constants.O_RDONLY)
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function refuseOpen(file: number, path: string, what: string): void {
  const mode = fstatSync(file).mode & 0o777
  if ((mode & 0o077) === 0) return
  throw new OperationError(
    'file-open',
    `Cannot use the ${what} ${path}: others may read it (mode ${mode.toString(8)}); run chmod 600 ${path}`,
  )
}

// Standard input and pipes have no size: read up to one byte past the limit.
function readAll(file: number, path: string, what: string, bytesMax: number): Bytes {
  const parts: Buffer[] = []
  let size = 0
  for (;;) {
    const part = Buffer.alloc(Math.min(1 << 20, bytesMax + 1 - size))
    const count = readSync(file, part)
    if (count === 0) return new Uint8Array(Buffer.concat(parts))
    size += count
    if (size > bytesMax)
      throw new OperationError(
        'file-too-large',
        `Cannot read the ${what} ${path}: it has more than ${bytesMax} bytes; check that it is the right file`,
      )
    parts.push(part.subarray(0, count))
  }
}

/** What a system error means. */
export function explain(code: string | undefined): string {
  const known: Readonly<Record<string, string>> = {
    EACCES: 'you have no right to',
    EPERM: 'you have no right to',
    EISDIR: 'it is a folder',
    ENOENT: 'its folder does not exist',
    ENOTDIR: 'a part of its path is not a folder',
    ELOOP: 'it is a link',
    EROFS: 'its file system is read-only',
  }
  return (code === undefined ? undefined : known[code]) ?? code ?? 'unknown failure'
}
