import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { OperationError, type Bytes } from '@cloister/codec'
import { retry, type RetryPlan } from '@cloister/io'
import type { PartStore } from '@cloister/protocol'
import { encodePartsList, partPlace, requirePart } from '@cloister/seal'

import { openPartLog } from './part-log.ts'
import type { SealedFolder } from './sealed-folder.ts'

/** What one store was given, and what it had already. */
export type UploadCount = { readonly sent: number; readonly known: number }

/** Where parts go. */
export type PartSink = Pick<PartStore, 'name' | 'has' | 'put'>

/** Six attempts in about half a minute. */
const plan: RetryPlan = { attemptsMax: 6, firstDelayMs: 500, delayMsMax: 10_000 }

/**
 * Brings all parts of a sealed folder to a store, and then their list. What is done is noted in the folder: after an interruption
 * no part is sent again that the store had taken.
 *
 * @throws {OperationError} what the store says once it was asked often enough; `part-refused` where the folder itself is damaged.
 */
export async function uploadParts(
  folder: string,
  { about, list, store }: SealedFolder,
  to: PartSink,
  options: { readonly parallel: number; readonly onPart: (bytes: number) => void },
): Promise<UploadCount> {
  mkdirSync(join(folder, 'uploads'), { recursive: true, mode: 0o700 })
  const name = createHash('sha256').update(to.name).digest('hex').slice(0, 16)
  const log = openPartLog(join(folder, 'uploads', `${name}.log`), `upload ${about.root} ${to.name}`)
  let [sent, known] = [0, 0]
  const bring = async (index: number, digest: string, read: () => Promise<Bytes>, size: number) => {
    if (log.done.get(index) === digest) known++
    else if (await persistent(() => to.has(digest))) {
      known++
      log.add(index, digest)
    } else {
      const bytes = await read()
      await persistent(() => to.put(digest, bytes))
      sent++
      log.add(index, digest)
    }
    options.onPart(size)
  }
  try {
    await inParallel(options.parallel, list.parts, async (digest, index) => {
      const { bytes: size } = partPlace(list.bytes, index)
      const read = async (): Promise<Bytes> => {
        const bytes = await store.get(digest, undefined, size)
        await requirePart(list, index, bytes)
        return bytes
      }
      await bring(index, digest, read, size)
    })
    // Last, so that whoever finds the list finds the parts.
    const listed = encodePartsList(list)
    await bring(list.parts.length, about.root.slice(2), () => Promise.resolve(listed), 0)
  } finally {
    log.close()
  }
  return { sent, known }
}

function persistent<T>(action: () => Promise<T>): Promise<T> {
  return retry(plan, (error) => error instanceof OperationError && error.retryable, action)
}

// The first failure ends it; what is under way comes to its end before.
async function inParallel<T>(
  count: number,
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const rest = items.entries()
  let failed: { readonly cause: unknown } | undefined
  const worker = async (): Promise<void> => {
    for (const [index, item] of rest) {
      if (failed !== undefined) return
      try {
        await work(item, index)
      } catch (cause) {
        failed ??= { cause }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.max(1, count) }, worker))
  if (failed !== undefined) throw failed.cause
}
