import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { OperationError } from '@cloister/codec'
import { isRunning, systemErrorCode } from '@cloister/io'

import { unwritable } from './files.ts'

/** The folder of one devnet, held by this process. */
export type DevnetFolder = {
  readonly path: string
  /** Gives it up: a temporary folder disappears, a chosen one stays. */
  readonly release: () => void
}

const pidName = 'devnet.pid'

// Everything that a devnet writes: nothing else is ever deleted.
const ownNames = [
  pidName,
  'deployment.json',
  ...['chains', 'nodes', 'verifiers', 'logs', 'traffic', 'owners', 'build', 'cache'],
]

/**
 * Takes a folder for a devnet: the one that was chosen, or a fresh temporary one.
 *
 * @throws {OperationError} `folder-in-use`, `folder-unusable`, `disk-full`.
 */
export function takeFolder(chosen: string | undefined, reset: boolean): DevnetFolder {
  if (chosen === undefined) {
    const path = mkdtempSync(join(tmpdir(), 'cloister-'))
    return { path, release: () => rmSync(path, { recursive: true, force: true }) }
  }
  const path = resolve(chosen)
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    clear(path, reset)
    const pidFile = join(path, pidName)
    writeFileSync(pidFile, `${process.pid}\n`, { flag: 'wx', mode: 0o600 })
    return { path, release: () => rmSync(pidFile, { force: true }) }
  } catch (cause) {
    throw unusable(path, cause)
  }
}

function clear(path: string, reset: boolean): void {
  const entries = readdirSync(path)
  const foreign = entries.filter((name) => !ownNames.includes(name))
  const refuse = (detail: string): never => {
    throw new OperationError('folder-in-use', `Cannot run a devnet in ${path}: ${detail}`)
  }
  const pid = readPid(join(path, pidName))
  if (pid !== undefined && isRunning(pid))
    refuse(`one runs there as process ${pid}; end it, or choose another folder with --dir`)
  if (foreign.length > 0)
    refuse(`it holds ${foreign[0]}, which is no part of a devnet; choose another with --dir`)
  if (entries.length > 0 && !reset)
    refuse(
      'an earlier one left its files; say --reset to delete them, or choose another with --dir',
    )
  for (const name of entries) rmSync(join(path, name), { recursive: true, force: true })
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(path, 'utf8').trim())
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined // No devnet was here, or it ended in peace.
  }
}

function unusable(path: string, cause: unknown): OperationError {
  const written = unwritable(path, 'folder', cause)
  if (cause instanceof OperationError || written.code === 'disk-full') return written
  return new OperationError(
    'folder-unusable',
    `Cannot run a devnet in ${path}: ${systemErrorCode(cause) ?? 'unknown failure'}; choose a folder that you may write with --dir`,
    { cause },
  )
}
