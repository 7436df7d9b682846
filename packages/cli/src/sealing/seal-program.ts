// Seals one file into a folder, part by part, in a process of its own: it loads little, so that its memory stays below 128 MB for
// any size. The job comes in the first line of standard input; when that ends, whoever asked is gone, and so is this.
import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'

import { MalformedError, OperationError, type Bytes } from '@cloister/codec'
import { partPlainBytes, sealParts } from '@cloister/seal'

import { openPartLog } from './part-log.ts'
import { parseSealJob, type SealJob, type SealReport, type SourceFile } from './seal-job.ts'

const readBytes = 1 << 18

for await (const line of createInterface({ input: process.stdin })) {
  process.stdin.once('end', () => process.exit(1))
  try {
    await run(parseSealJob(line))
  } catch (error) {
    report(failureOf(error))
    process.exitCode = 1
  }
  process.stdin.removeAllListeners('end')
  process.stdin.destroy()
  break
}

async function run({ source, folder, key, context, salt }: SealJob): Promise<void> {
  mkdirSync(join(folder, 'partial'), { recursive: true, mode: 0o700 })
  const log = openPartLog(join(folder, 'sealed.log'), `seal ${Buffer.from(salt).toString('hex')}`)
  let first = 0
  while (isWhole(folder, log.done.get(first))) first++
  // The last part is sealed again if it is the only news: whether a part is the last one, only the source tells.
  const last = Math.floor(source.bytes / partPlainBytes)
  if (first <= last)
    for await (const part of sealParts({ key, context, salt }, read(source, first), first)) {
      store(folder, part.digest, part.bytes)
      log.add(part.index, part.digest)
      report({ kind: 'part', index: part.index, bytes: part.bytes.length })
      globalThis.gc?.({ type: 'minor' }) // Each chunk left a buffer behind.
    }
  const parts = Array.from({ length: last + 1 }, (_, index) => log.done.get(index) ?? '')
  const bytes = parts.reduce((sum, part) => sum + statSync(placeOf(folder, part)).size, 0)
  log.close()
  const memoryBytes = process.resourceUsage().maxRSS * 1024
  report({ kind: 'done', bytes, parts, memoryBytes })
}

/** The source from a part on: it has to be the very file that was sealed before, or two texts would share a key stream. */
async function* read(source: SourceFile, first: number): AsyncGenerator<Bytes, void, undefined> {
  const file = await open(source.path, 'r')
  try {
    requireSame(source, file.fd)
    const buffer = new Uint8Array(readBytes)
    let at = first * partPlainBytes
    while (at < source.bytes) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(readBytes, source.bytes - at), at)
      if (bytesRead === 0) break
      at += bytesRead
      // Before a part can be whole, and so before it is stored.
      if (at % partPlainBytes === 0 || at === source.bytes) requireSame(source, file.fd)
      yield buffer.subarray(0, bytesRead)
    }
    requireSame(source, file.fd)
  } finally {
    await file.close()
  }
}

function requireSame({ path, bytes, changed, inode }: SourceFile, file: number): void {
  const now = fstatSync(file, { bigint: true })
  if (
    now.size === BigInt(bytes) &&
    now.mtimeNs.toString() === changed &&
    now.ino.toString() === inode
  )
    return
  throw new OperationError(
    'source-changed',
    `Cannot go on sealing ${path}: it has changed since sealing began; seal it anew, with another state and folder`,
  )
}

function isWhole(folder: string, digest: string | undefined): boolean {
  if (digest === undefined) return false
  return statSync(placeOf(folder, digest), { throwIfNoEntry: false }) !== undefined
}

function store(folder: string, digest: string, bytes: Bytes): void {
  const place = placeOf(folder, digest)
  const partial = join(folder, 'partial', `${process.pid}.part`)
  const file = openSync(partial, 'w', 0o600)
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  mkdirSync(dirname(place), { recursive: true, mode: 0o700 })
  renameSync(partial, place)
  const parent = openSync(dirname(place), 'r')
  try {
    fsyncSync(parent)
  } finally {
    closeSync(parent)
  }
}

function placeOf(folder: string, digest: string): string {
  return join(folder, 'objects', digest.slice(0, 2), digest)
}

function failureOf(error: unknown): SealReport {
  if (error instanceof OperationError || error instanceof MalformedError)
    return { kind: 'failed', code: error.code, message: error.message }
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown failure'
  const full = code === 'ENOSPC' || code === 'EDQUOT'
  return {
    kind: 'failed',
    code: full ? 'disk-full' : 'file-unwritable',
    message: full
      ? 'Cannot write a sealed part: no space is left on the disk; free some and run the same command again, it goes on where it stopped'
      : `Cannot seal: ${code}; check that the file may be read and the folder written`,
  }
}

function report(line: SealReport): void {
  writeSync(1, `${JSON.stringify(line)}\n`)
}
