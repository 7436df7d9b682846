import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file system of so many KiB while `use` runs; false (said loudly) where none may be mounted. */
export async function withSmallDisk(
  kibibytes: number,
  use: (folder: string) => Promise<void>,
): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'cli-small-'))
  try {
    const size = `size=${kibibytes}k`
    execFileSync('mount', ['-t', 'tmpfs', '-o', size, 'tmpfs', folder], { stdio: 'pipe' })
  } catch {
    rmSync(folder, { recursive: true })
    console.warn('SKIPPED: a full disk was not tested: mounting a tmpfs needs root')
    return false
  }
  try {
    await use(folder)
    return true
  } finally {
    execFileSync('umount', ['-l', folder])
    rmSync(folder, { recursive: true })
  }
}
