import { createHash } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
} from 'node:fs'
import { join } from 'node:path'

import { MalformedError, OperationError, type Bytes } from '@cloister/codec'

import {
  bundleBytes,
  bundleLimits,
  comparePaths,
  encodeBundleList,
  type BundleFile,
  type BundleLink,
  type BundleList,
} from './bundle-list.ts'
import { checkLink, checkPath } from './bundle-path.ts'
import { PartCutter } from './part-cutter.ts'

/** A bundle of a folder: what its list says, and what names it. */
export type ScannedBundle = {
  readonly list: BundleList
  /** The list's canonical text. */
  readonly text: Bytes
  /** SHA-256 of the text, as `0x` and hexadecimal. */
  readonly digest: string
  /** Sizes of all files together. */
  readonly bytes: number
}

const readBytes = 1 << 20

/**
 * Makes a folder into a bundle: contents, names, links and whether a file may be executed count; times, owners, and the order in
 * which a disk lists them do not. Parts of the archive are given to `onPart` as they are cut; they are not kept.
 *
 * @throws {OperationError} `bundle-unusable`, naming the path: a device, a socket, a name that is no text, too much.
 */
export function scanFolder(folder: string, onPart?: (part: Bytes) => void): ScannedBundle {
  const found = walk(folder)
  const cutter = new PartCutter(bundleLimits.partBytes, onPart)
  const buffer = new Uint8Array(readBytes)
  const entries = found.map((entry): BundleFile | BundleLink =>
    entry.kind === 'link' ? entry : hashFile(folder, entry, buffer, cutter),
  )
  cutter.end()
  const list = { entries, parts: cutter.digests }
  const bytes = bundleBytes(list)
  if (bytes === 0 || bytes > bundleLimits.bytesMax)
    throw unusable('.', `its files have ${bytes} bytes, expected 1 to ${bundleLimits.bytesMax}`)
  const text = encodeBundleList(list)
  if (text.length > bundleLimits.listBytesMax)
    throw unusable('.', `its list has more than ${bundleLimits.listBytesMax} bytes`)
  return { list, text, digest: `0x${createHash('sha256').update(text).digest('hex')}`, bytes }
}

type Found = BundleLink | { readonly kind: 'file'; readonly path: string }

function walk(folder: string): readonly Found[] {
  const found: Found[] = []
  const pending = ['']
  for (let inner = pending.pop(); inner !== undefined; inner = pending.pop())
    for (const name of namesOf(join(folder, inner))) {
      const path = inner === '' ? name : `${inner}/${name}`
      if (found.length + pending.length > bundleLimits.entriesMax)
        throw unusable(path, `it is one of more than ${bundleLimits.entriesMax} entries`)
      guard(path, () => checkPath(path, 'path'))
      const status = lstatSync(join(folder, path))
      if (status.isDirectory()) pending.push(path)
      else if (status.isFile()) found.push({ kind: 'file', path })
      else if (status.isSymbolicLink()) {
        const target = readlinkSync(join(folder, path))
        guard(path, () => checkLink(path, target, 'link'))
        found.push({ kind: 'link', path, target })
      } else throw unusable(path, 'it is neither a file, a folder nor a link')
    }
  return found.toSorted((a, b) => comparePaths(a.path, b.path))
}

function namesOf(folder: string): readonly string[] {
  return readdirSync(folder, { encoding: 'buffer' }).map((bytes) => {
    const name = bytes.toString('utf8')
    if (!Buffer.from(name).equals(bytes)) throw unusable(name, 'its name is not UTF-8')
    return name
  })
}

function hashFile(
  folder: string,
  { path }: { readonly path: string },
  buffer: Bytes,
  cutter: PartCutter,
): BundleFile {
  const file = openSync(join(folder, path), constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const { mode } = fstatSync(file)
    const hash = createHash('sha256')
    let bytes = 0
    for (let read = 1; read > 0;) {
      read = readSync(file, buffer)
      const piece = buffer.subarray(0, read)
      hash.update(piece)
      cutter.push(piece)
      bytes += read
      if (bytes > bundleLimits.fileBytesMax)
        throw unusable(path, `it has more than ${bundleLimits.fileBytesMax} bytes`)
    }
    return {
      kind: 'file',
      path,
      executable: (mode & 0o111) !== 0,
      sha256: hash.digest('hex'),
      bytes,
    }
  } finally {
    closeSync(file)
  }
}

function guard(path: string, check: () => void): void {
  try {
    check()
  } catch (cause) {
    if (cause instanceof MalformedError) throw unusable(path, cause.message, cause)
    throw cause
  }
}

function unusable(path: string, detail: string, cause?: unknown): OperationError {
  return new OperationError(
    'bundle-unusable',
    `Cannot make a bundle with ${JSON.stringify(path)}: ${detail}; take it out of the folder`,
    { cause },
  )
}
