import { constants } from 'node:fs'
import { mkdir, open, rmdir } from 'node:fs/promises'

import type { Bytes } from '@cloister/codec'

import { collectError } from './collect-error.ts'

/** One opened file of a kernel: read from its start on, or written. */
export type DeviceFile = {
  /** Fills `into` from its start, as far as the kernel gives bytes at once. 0 at the end. */
  readonly read: (into: Uint8Array) => Promise<number>
  readonly write: (bytes: Uint8Array) => Promise<number>
  readonly close: () => Promise<void>
}

/** The system calls that the drivers need. */
export type DeviceFiles = {
  readonly mkdir: (path: string) => Promise<void>
  readonly rmdir: (path: string) => Promise<void>
  readonly open: (path: string, access: 'read' | 'write') => Promise<DeviceFile>
}

/** The kernel's own. */
export const systemFiles: DeviceFiles = {
  mkdir: async (path) => {
    await mkdir(path, { mode: 0o700 })
  },
  rmdir: (path) => rmdir(path),
  open: async (path, access) => {
    // Neither created nor truncated: a file that the kernel does not offer must not come into being.
    const file = await open(path, access === 'read' ? constants.O_RDONLY : constants.O_WRONLY)
    return {
      read: async (into) => (await file.read(into, 0, into.length, null)).bytesRead,
      write: async (bytes) => (await file.write(bytes, 0, bytes.length, null)).bytesWritten,
      close: () => file.close(),
    }
  },
}

/**
 * Reads a file to its end. Its size is not asked for: binary files of configfs say 0, text files 4096.
 *
 * @throws {OperationError} `evidence-malformed`, where it has more than `bytesMax` bytes.
 */
export async function readToEnd(
  files: DeviceFiles,
  path: string,
  bytesMax: number,
): Promise<Bytes> {
  const file = await files.open(path, 'read')
  try {
    const buffer = new Uint8Array(bytesMax + 1) // One more than may come: longer shows, and costs no more.
    let length = 0
    while (length < buffer.length) {
      const count = await file.read(buffer.subarray(length))
      if (count === 0) return buffer.slice(0, length)
      length += count
    }
    throw collectError(
      'evidence-malformed',
      `${path} holds more than ${bytesMax} bytes; this kernel gives out something else`,
    )
  } finally {
    await file.close()
  }
}

/** Writes a file in one system call: the kernel takes each call as a whole value. */
export async function writeOnce(
  files: DeviceFiles,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const file = await files.open(path, 'write')
  try {
    const count = await file.write(bytes)
    if (count !== bytes.length)
      throw collectError(
        'evidence-failed',
        `${path} took ${count} of ${bytes.length} bytes; try again`,
      )
  } finally {
    await file.close()
  }
}
