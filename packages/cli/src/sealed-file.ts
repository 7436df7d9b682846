import { open, type FileHandle } from 'node:fs/promises'

import { OperationError, type Bytes } from '@cloister/codec'
import { systemErrorCode } from '@cloister/io'
import type { SealedSource } from '@cloister/sdk'
import { listParts, partPlace } from '@cloister/seal'

import { explain } from './files.ts'

/** The parts of a sealed object one after another: the object as one file. */
export async function* sealedBytes({ list, readPart }: SealedSource): AsyncGenerator<Bytes> {
  for (const [index, digest] of list.parts.entries())
    yield await readPart({ index, digest, bytes: partPlace(list.bytes, index).bytes })
}

/**
 * Lends a sealed object that lies in one file, cut into its parts.
 *
 * @throws {OperationError} `file-missing`, `file-unreadable`.
 */
export async function withSealedFile<T>(
  path: string,
  use: (source: SealedSource) => Promise<T>,
): Promise<T> {
  const file = await openFile(path)
  try {
    const list = await listParts(pieces(file))
    const readPart: SealedSource['readPart'] = ({ index }) => {
      const { offset, bytes } = partPlace(list.bytes, index)
      return readAt(file, offset, bytes)
    }
    return await use({ list, readPart })
  } finally {
    await file.close()
  }
}

const pieceBytes = 1 << 18

async function* pieces(file: FileHandle): AsyncGenerator<Bytes> {
  const buffer = new Uint8Array(pieceBytes)
  for (;;) {
    const { bytesRead } = await file.read(buffer)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Bytes> {
  const bytes = new Uint8Array(length)
  let at = 0
  while (at < length) {
    const { bytesRead } = await file.read(bytes, at, length - at, offset + at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return bytes.subarray(0, at)
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r')
  } catch (cause) {
    const code = systemErrorCode(cause)
    const missing = code === 'ENOENT' || code === 'ENOTDIR'
    throw new OperationError(
      missing ? 'file-missing' : 'file-unreadable',
      `Cannot read the sealed object ${path}: ${explain(code)}; check the path and its rights`,
      { cause },
    )
  }
}
