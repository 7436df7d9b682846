import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

import { OperationError } from '@cloister/codec'
import type { OpenedOutput } from '@cloister/sdk'

import { partialFiles, unwritable, writeOutput } from './files.ts'

/**
 * Writes an output's files into a new folder, all together or not at all. Their names come from an enclave, so none may lead elsewhere.
 *
 * @throws {OperationError} `output-refused`, `file-exists`, `disk-full`, `file-unwritable`.
 */
export function writeFolder(out: string, { outputs }: Pick<OpenedOutput, 'outputs'>) {
  const partial = join(dirname(out), `.${basename(out)}.${process.pid}.partial`)
  const bad = outputs.find(({ name }) => !/^[a-z0-9][a-z0-9.-]{0,63}$/.test(name))
  if (bad !== undefined)
    throw new OperationError(
      'output-refused',
      `Cannot write the output ${JSON.stringify(bad.name)}: this is no plain file name; the app should not have made it`,
    )
  try {
    partialFiles.add(partial)
    mkdirSync(partial, { mode: 0o700 })
    for (const { name, bytes } of outputs)
      writeOutput(join(partial, name), bytes, { what: 'output', force: false })
    renameSync(partial, out)
  } catch (cause) {
    throw unwritable(out, 'output folder', cause)
  } finally {
    rmSync(partial, { recursive: true, force: true })
    partialFiles.delete(partial)
  }
  return outputs.map(({ name, bytes }) => ({ path: join(out, name), bytes: bytes.length }))
}

/** Refuses, before any work is done, a folder that holds something. @throws {OperationError} `file-exists`. */
export function refuseFilled(out: string): void {
  let entries: readonly string[]
  try {
    entries = readdirSync(out)
  } catch {
    return // It does not exist, or writing will say what is wrong with it.
  }
  if (entries.length > 0)
    throw new OperationError(
      'file-exists',
      `Cannot open the output into ${out}: the folder is not empty; choose another`,
    )
}
