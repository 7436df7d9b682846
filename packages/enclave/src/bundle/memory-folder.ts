import { mkdtempSync, readdirSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const tmpfs = 0x0102_1994 // TMPFS_MAGIC. Spec: Linux include/uapi/linux/magic.h.

/** A folder whose files are memory, where this machine has one. */
export function memoryFolder(): string {
  try {
    return statfsSync('/dev/shm').type === tmpfs ? '/dev/shm' : tmpdir()
  } catch {
    return tmpdir()
  }
}

/** Makes a folder in memory, and removes those of processes that ended without doing so. */
export function makeMemoryFolder(name: string): string {
  const parent = memoryFolder()
  for (const entry of readdirSync(parent)) {
    const [, id] = /^cloister-(?:bundles|run)-(\d+)-/.exec(entry) ?? []
    if (id !== undefined && !isAlive(Number(id)))
      rmSync(join(parent, entry), { recursive: true, force: true })
  }
  return mkdtempSync(join(parent, `cloister-${name}-${process.pid}-`))
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0)
    return true
  } catch (error) {
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH')
  }
}
