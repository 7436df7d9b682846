import { encodeUtf8, MalformedError, OperationError, parseUtf8, type Bytes } from '@cloister/codec'

import { checkLink, checkPath } from './bundle-path.ts'

/** What a bundle may be at most. */
export const bundleLimits = {
  listBytesMax: 33_554_432,
  entriesMax: 131_072,
  bytesMax: 2 ** 35,
  fileBytesMax: 2 ** 33,
  partBytes: 8_388_608,
} as const

/** A file of a bundle. */
export type BundleFile = {
  readonly kind: 'file'
  readonly path: string
  readonly executable: boolean
  readonly sha256: string
  readonly bytes: number
}

/** A symbolic link of a bundle. */
export type BundleLink = { readonly kind: 'link'; readonly path: string; readonly target: string }

/** All that a bundle is: its files and links by path, and the parts of the archive that holds the files' bytes. */
export type BundleList = {
  readonly entries: readonly (BundleFile | BundleLink)[]
  /** SHA-256 of each part. All are {@link bundleLimits}.partBytes long, the last one shorter. */
  readonly parts: readonly string[]
}

const firstLine = 'cloister-bundle/1'

/** The canonical text of a list. The SHA-256 of it is the bundle's digest. */
export function encodeBundleList({ entries, parts }: BundleList): Bytes {
  const lines = entries.map((entry) =>
    entry.kind === 'link'
      ? `l ${entry.path}\t${entry.target}`
      : `${entry.executable ? 'x' : 'f'} ${entry.sha256} ${entry.bytes} ${entry.path}`,
  )
  return encodeUtf8(
    [firstLine, ...lines, ...parts.map((part) => `p ${part}`)].map((line) => `${line}\n`).join(''),
  )
}

/**
 * Reads a list as strictly as it is written: entries in byte order of their paths, no path twice or below a file, sizes that
 * the number of parts fits.
 *
 * @throws {MalformedError} naming the line.
 */
export function parseBundleList(bytes: Bytes): BundleList {
  if (bytes.length > bundleLimits.listBytesMax)
    throw new MalformedError('bundle list', 0, `at most ${bundleLimits.listBytesMax} bytes`)
  const text = parseUtf8(bytes, 'bundle list')
  const lines = text.split('\n', bundleLimits.entriesMax + 8192)
  if (lines[0] !== firstLine)
    throw new MalformedError('bundle list line 1', 0, `expected ${firstLine}`)
  if (lines.pop() !== '')
    throw new MalformedError('bundle list', 0, 'expected a line end at the end, or fewer lines')
  const entries: (BundleFile | BundleLink)[] = []
  const parts: string[] = []
  for (const [index, line] of lines.entries()) {
    if (index === 0) continue
    const where = `bundle list line ${index + 1}`
    if (line.startsWith('p ')) parts.push(readPart(line, where))
    else if (parts.length > 0) throw new MalformedError(where, 0, 'an entry behind the parts')
    else entries.push(readEntry(line, where))
  }
  checkOrder(entries)
  checkSizes(entries, parts)
  return { entries, parts }
}

/** Sizes of all files together. */
export function bundleBytes({ entries }: BundleList): number {
  return entries.reduce((sum, entry) => sum + (entry.kind === 'file' ? entry.bytes : 0), 0)
}

/** Compares paths as their UTF-8 bytes compare. */
export function comparePaths(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/**
 * Asserts that the list is the one that a manifest names.
 *
 * @throws {OperationError} `bundle-refused`.
 */
export function checkBundleBytes(list: BundleList, bytes: number): void {
  const actual = bundleBytes(list)
  if (actual !== bytes)
    throw new OperationError(
      'bundle-refused',
      `Cannot use this bundle: its files have ${actual} bytes, the manifest says ${bytes}`,
    )
}

function readPart(line: string, where: string): string {
  const [, part] = /^p ([0-9a-f]{64})$/.exec(line) ?? []
  if (part === undefined) throw new MalformedError(where, 0, 'expected "p" and a SHA-256')
  return part
}

function readEntry(line: string, where: string): BundleFile | BundleLink {
  const link = /^l ([^\t]+)\t([^\t]+)$/.exec(line)
  if (link?.[1] !== undefined && link[2] !== undefined) {
    const [, path, target] = link
    checkPath(path, where)
    checkLink(path, target, where)
    return { kind: 'link', path, target }
  }
  const [, kind, sha256, size, path] =
    /^([fx]) ([0-9a-f]{64}) (0|[1-9]\d{0,11}) (.+)$/.exec(line) ?? []
  if (sha256 === undefined || path === undefined)
    throw new MalformedError(where, 0, 'expected f, x, l or p and what belongs to it')
  checkPath(path, where)
  const bytes = Number(size)
  if (bytes > bundleLimits.fileBytesMax)
    throw new MalformedError(where, 0, `a file of more than ${bundleLimits.fileBytesMax} bytes`)
  return { kind: 'file', path, executable: kind === 'x', sha256, bytes }
}

function checkOrder(entries: BundleList['entries']): void {
  if (entries.length > bundleLimits.entriesMax)
    throw new MalformedError('bundle list', 0, `more than ${bundleLimits.entriesMax} entries`)
  const leaves = new Set<string>()
  for (const [index, { path }] of entries.entries()) {
    const before = entries[index - 1]?.path
    if (before !== undefined && comparePaths(before, path) >= 0)
      throw new MalformedError(
        `bundle list line ${index + 2}`,
        0,
        'expected paths in byte order, each once',
      )
    leaves.add(path)
  }
  // What is written through a link or under a file would land elsewhere.
  for (const [index, { path }] of entries.entries())
    for (let cut = path.lastIndexOf('/'); cut > 0; cut = path.lastIndexOf('/', cut - 1))
      if (leaves.has(path.slice(0, cut)))
        throw new MalformedError(`bundle list line ${index + 2}`, 0, 'below a file or a link')
}

function checkSizes(entries: BundleList['entries'], parts: readonly string[]): void {
  const bytes = bundleBytes({ entries, parts })
  if (bytes > bundleLimits.bytesMax)
    throw new MalformedError('bundle list', 0, `more than ${bundleLimits.bytesMax} bytes in all`)
  const expected = Math.ceil(bytes / bundleLimits.partBytes)
  if (parts.length !== expected)
    throw new MalformedError(
      'bundle list',
      0,
      `${parts.length} parts, ${bytes} bytes make ${expected}`,
    )
}
