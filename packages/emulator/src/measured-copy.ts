import { encodeHex, equalBytes, OperationError, type Bytes } from '@cloister/codec'
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { access, chmod, copyFile, link, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { hashFile, readHashed } from './measurement.ts'

/**
 * Puts a copy of `source` at `target` and returns the digest of the bytes that stand there. The copy
 * is the emulator's own, read-only and executable; what happens to `source` later can't reach it.
 *
 * Copies of equal files share storage through `cache`, one file per digest, each hashed again before
 * it is used.
 *
 * @throws {OperationError} `guest-file` naming the file.
 */
export async function copyMeasured(source: string, target: string, cache: string): Promise<Bytes> {
  try {
    await mkdir(dirname(target), { recursive: true, mode: 0o700 })
    await mkdir(cache, { recursive: true, mode: 0o700 })
    const wanted = await hashFile(source)
    const cached = (await isCached(wanted, cache)) ? { digest: wanted } : await store(source, cache)
    await linkOrCopy(join(cache, encodeHex(cached.digest)), target)
    return cached.digest
  } catch (cause) {
    if (cause instanceof OperationError) throw cause
    throw new OperationError('guest-file', `Cannot copy ${source} into ${target}`, { cause })
  }
}

async function isCached(digest: Bytes, cache: string): Promise<boolean> {
  const path = join(cache, encodeHex(digest))
  const exists = await access(path, constants.R_OK).then(
    () => true,
    () => false,
  )
  if (!exists) return false
  if (equalBytes(await hashFile(path), digest)) return true
  await rm(path)
  return false
}

// Copies under way, by cache and source: TDs that are launched together wait for one copy instead of making one each.
const underWay = new Map<string, Promise<{ readonly digest: Bytes }>>()

function store(source: string, cache: string): Promise<{ readonly digest: Bytes }> {
  const key = JSON.stringify([cache, source])
  const present = underWay.get(key)
  if (present !== undefined) return present
  const stored = copyInto(source, cache).finally(() => underWay.delete(key))
  underWay.set(key, stored)
  return stored
}

/** Copies into the cache, hashing the very bytes that are written. */
async function copyInto(source: string, cache: string): Promise<{ readonly digest: Bytes }> {
  const partial = join(cache, `.partial-${randomBytes(12).toString('hex')}`)
  try {
    const writer = await open(partial, 'wx', 0o500)
    let digest: Bytes
    try {
      digest = await readHashed(source, async (piece) => {
        for (let at = 0; at < piece.length;) {
          const { bytesWritten } = await writer.write(piece, at)
          at += bytesWritten
        }
      })
    } finally {
      await writer.close()
    }
    await putInPlace(partial, join(cache, encodeHex(digest)))
    return { digest }
  } catch (cause) {
    await rm(partial, { force: true })
    throw cause
  }
}

// What another TD's launch has put there meanwhile stays: a file that is replaced just when it is linked can't be linked.
async function putInPlace(partial: string, path: string): Promise<void> {
  try {
    await link(partial, path)
    await rm(partial)
  } catch (cause) {
    if (isErrorCode(cause, 'EEXIST')) return rm(partial)
    if (!isErrorCode(cause, 'EPERM')) throw cause
    await rename(partial, path)
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (cause) {
    if (!isErrorCode(cause, 'EXDEV') && !isErrorCode(cause, 'EPERM')) throw cause
    await copyFile(from, to, constants.COPYFILE_EXCL)
    await chmod(to, 0o500)
  }
}

/** Whether a failure of the system carries this code. */
export function isErrorCode(cause: unknown, code: string): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === code
}
