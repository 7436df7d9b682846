import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Json } from '@cloister/codec'
import { createKeyFile, readJsonLine, Secret, startChild, type Child } from '@cloister/io'
import { bytesToHex, type Hex } from 'viem'

import { privateKeyOf, type Role } from './accounts.ts'

/** One of the network's programs, run from its source as a process of its own. */
export type ProgramOptions = {
  readonly name: string
  /** The package whose `src/main.ts` is run. */
  readonly package: 'host' | 'verifier'
  readonly folder: string
  readonly config: Json
  readonly onLine?: (line: string) => void
}

const packages = {
  host: import.meta.resolve('@cloister/host'),
  verifier: import.meta.resolve('@cloister/verifier'),
}

/** Starts a program with a configuration file in its own folder, and waits until it is ready. */
export function startProgram(options: ProgramOptions): Promise<Child> {
  const configFile = join(options.folder, 'config.json')
  writeFileSync(configFile, `${JSON.stringify(options.config, undefined, 2)}\n`, { mode: 0o600 })
  const main = fileURLToPath(new URL('main.ts', packages[options.package]))
  return startChild({
    name: options.name,
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', main, '--config', configFile],
    cwd: options.folder,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    readyMs: 30_000,
    readyLine: readJsonLine,
    ...(options.onLine === undefined ? {} : { onLine: options.onLine }),
  })
}

/** Writes a role's key into a folder, readable by its owner alone, and gives the file's path. */
export function writeKeyFile(folder: string, role: Role): string {
  const path = join(folder, 'key')
  const key: Hex = bytesToHex(privateKeyOf(role))
  if (!existsSync(path)) createKeyFile(path, new Secret(key)) // A restarted node has it already.
  return path
}
