import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { constants, inflateRawSync } from 'node:zlib'

import type { Needle } from './canary.ts'

/** Where a canary was found. */
export type Leak = { readonly canary: string; readonly encoding: string; readonly place: string }

/** Largest file that is read; a larger one is an error, never a silent gap. */
const fileBytesMax = 1024 * 1024 * 1024
/** Most bytes that one compressed member may unpack to. */
const inflatedBytesMax = 256 * 1024 * 1024
/** Compressed inside compressed inside ...: how deep a scan looks. */
const inflateDepthMax = 3

/** Finds every needle in `bytes`, and in whatever gzip members stand inside. */
export function scanBytes(
  bytes: Buffer,
  needles: readonly Needle[],
  place: string,
  depth = 0,
): readonly Leak[] {
  const direct = needles
    .filter((needle) => bytes.includes(Buffer.from(needle.bytes)))
    .map(({ canary, encoding }) => ({ canary, encoding, place }))
  if (depth === inflateDepthMax) return direct
  return [
    ...direct,
    ...gzipMembers(bytes).flatMap(({ offset, inflated }) =>
      scanBytes(inflated, needles, `${place}, gzip at byte ${offset}`, depth + 1),
    ),
  ]
}

/**
 * Scans every file below `root` but those below `except`, and the files' names.
 *
 * `knownDigests` are SHA-256 digests of files that existed before any secret did (the measured runtime): a byte-equal
 * copy of one holds no secret, so it is counted and not searched. `erase` are ciphertexts whose owners opened them: each is taken out
 * wherever it stands whole, since four of its random bytes equal a float's by chance.
 */
export function scanFolder(
  root: string,
  needles: readonly Needle[],
  options: {
    readonly except: readonly string[]
    readonly knownDigests: ReadonlySet<string>
    readonly erase?: readonly Buffer[]
  },
): {
  readonly leaks: readonly Leak[]
  readonly filesSearched: number
  readonly filesKnown: number
} {
  const leaks: Leak[] = []
  let filesSearched = 0
  let filesKnown = 0
  for (const path of filesBelow(root, options.except)) {
    leaks.push(...scanBytes(Buffer.from(path), needles, `the name of ${path}`))
    const size = lstatSync(path).size
    if (size > fileBytesMax)
      throw new RangeError(`Cannot search ${path}: ${size} bytes, at most ${fileBytesMax} are read`)
    const bytes = readFileSync(path)
    if (options.knownDigests.has(createHash('sha256').update(bytes).digest('hex'))) {
      filesKnown++
      continue
    }
    filesSearched++
    leaks.push(...scanBytes(erased(bytes, options.erase ?? []), needles, path))
  }
  return { leaks, filesSearched, filesKnown }
}

function erased(bytes: Buffer, parts: readonly Buffer[]): Buffer {
  for (const part of parts.filter(({ length }) => length > 0))
    for (let at = bytes.indexOf(part); at >= 0; at = bytes.indexOf(part, at + part.length))
      bytes.fill(0, at, at + part.length)
  return bytes
}

function filesBelow(root: string, except: readonly string[]): readonly string[] {
  return readdirSync(root, { withFileTypes: true }).flatMap((entry) => {
    const path = join(root, entry.name)
    if (except.includes(path)) return []
    if (entry.isDirectory()) return filesBelow(path, except)
    return entry.isFile() ? [path] : [] // Sockets and links hold no bytes of their own.
  })
}

const gzipMagic = Buffer.from([0x1f, 0x8b, 0x08])

function gzipMembers(
  bytes: Buffer,
): readonly { readonly offset: number; readonly inflated: Buffer }[] {
  const members: { readonly offset: number; readonly inflated: Buffer }[] = []
  for (let at = bytes.indexOf(gzipMagic); at >= 0; at = bytes.indexOf(gzipMagic, at + 1)) {
    const inflated = inflate(bytes.subarray(at))
    if (inflated !== undefined && inflated.length > 0) members.push({ offset: at, inflated })
  }
  return members
}

/** What a gzip member holds, as far as it can be read: a cut-off one still gives away its beginning. */
function inflate(bytes: Buffer): Buffer | undefined {
  try {
    return inflateRawSync(bytes.subarray(gzipHeaderSize(bytes)), {
      maxOutputLength: inflatedBytesMax,
      finishFlush: constants.Z_SYNC_FLUSH,
    })
  } catch {
    return undefined // Three bytes that look like a header, and are none.
  }
}

/** The size of the header before the compressed data. Spec: RFC 1952 section 2.3. */
function gzipHeaderSize(bytes: Buffer): number {
  const flags = bytes[3] ?? 0
  let size = 10
  if (flags & 0x04) size += 2 + (bytes[size] ?? 0) + 256 * (bytes[size + 1] ?? 0) // FEXTRA
  for (const named of [0x08, 0x10]) if (flags & named) size = bytes.indexOf(0, size) + 1 // FNAME, FCOMMENT
  if (flags & 0x02) size += 2 // FHCRC
  return size
}
