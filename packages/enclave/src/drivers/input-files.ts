import {
  closeSync,
  mkdirSync,
  openSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'

import { OperationError } from '@cloister/codec'

import { makeMemoryFolder, memoryFolder } from '../bundle/memory-folder.ts'
import type { AppInputSource } from './driver.ts'

const pieceBytes = 4_194_304

/**
 * Opens inputs into files of a folder in memory, calls `use` with it and removes it. `inputs.json` lists them:
 * `[{"role", "path", "bytes"}]`, paths as the app sees them.
 *
 * @throws {OperationError} `too-little-memory`, or what reading an input throws.
 */
export async function withInputFiles<T>(
  inputs: readonly AppInputSource[],
  use: (folder: string) => Promise<T>,
): Promise<T> {
  requireRoom(memoryFolder(), inputs)
  const own = makeMemoryFolder('run')
  try {
    const folder = join(own, 'in')
    mkdirSync(folder, { mode: 0o755 })
    const listed = []
    for (const [index, input] of inputs.entries()) {
      const name = `${String(index).padStart(2, '0')}-${input.role}`
      await writeInput(join(folder, name), input)
      listed.push({ role: input.role, path: `/in/${name}`, bytes: input.size })
    }
    writeFileSync(join(folder, 'inputs.json'), JSON.stringify(listed), { mode: 0o444 })
    return await use(folder)
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
}

async function writeInput(path: string, { size, read }: AppInputSource): Promise<void> {
  const file = openSync(path, 'wx', 0o444)
  try {
    for (let offset = 0; offset < size; offset += pieceBytes) {
      const piece = await read(offset, Math.min(pieceBytes, size - offset))
      for (let at = 0; at < piece.length;) at += writeSync(file, piece, at)
      piece.fill(0)
    }
  } finally {
    closeSync(file)
  }
}

// A tenth stays free, for outputs and whatever else runs.
function requireRoom(folder: string, inputs: readonly AppInputSource[]): void {
  const { bavail, bsize } = statfsSync(folder)
  const needed = inputs.reduce((sum, { size }) => sum + size, 0)
  if (needed <= bavail * bsize * 0.9) return
  throw new OperationError(
    'too-little-memory',
    `Cannot open inputs of ${needed} bytes: this machine has room for ${Math.floor(bavail * bsize * 0.9)} in memory`,
    { retryable: true },
  )
}
