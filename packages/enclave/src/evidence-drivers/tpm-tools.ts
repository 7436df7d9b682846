import { constants } from 'node:fs'
import { access, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { OperationError, type Bytes } from '@cloister/codec'

import { runCommand, type CommandEnd } from './bounded-command.ts'
import { collectError, fromSystemError, systemCode } from './collect-error.ts'
import { readToEnd, systemFiles } from './device-files.ts'

/** Runs tpm2-tools against one TPM, with a folder for the files that they exchange. */
export type TpmTools = {
  /** Runs one of them. @throws {OperationError} */
  readonly run: (tool: string, ...args: readonly string[]) => Promise<void>
  /** Where a file of that name lies. */
  readonly path: (name: string) => string
  /** What a tool wrote. @throws {OperationError} */
  readonly read: (name: string, bytesMax: number) => Promise<Bytes>
  /** Removes objects from the TPM's few slots: without a resource manager nobody else does. */
  readonly flush: () => Promise<void>
}

/** How the tools are run. */
export type TpmToolsOptions = {
  /** How they reach the TPM: `device:/dev/tpmrm0`, `swtpm:path=...`. */
  readonly tcti: string
  readonly waitMilliseconds: number
  readonly signal: AbortSignal | undefined
}

const outputBytesMax = 64 * 1024
const wordsMax = 300
const install = 'install them, on Debian: apt-get install tpm2-tools'

/** Does `work` with tools and a folder of its own, which is removed whatever happens. */
export async function withTpmTools<T>(
  options: TpmToolsOptions,
  work: (tools: TpmTools) => Promise<T>,
): Promise<T> {
  await requireDevice(options.tcti)
  const folder = await mkdtemp(join(tmpdir(), 'cloister-tpm-'))
  try {
    return await work(toolsIn(folder, options))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * Refuses a TPM that is not there before any tool is started: what they say of it names no file. Of a TCTI without a
 * path of its own only they know.
 */
async function requireDevice(tcti: string): Promise<void> {
  const path = /^(?:device:|swtpm:path=)([^,]+)/.exec(tcti)?.[1]
  if (path === undefined) return
  try {
    await access(path, constants.R_OK | constants.W_OK)
  } catch (cause) {
    const code = systemCode(cause)
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw collectError(
        'evidence-unavailable',
        `there is no ${path}; give this machine or VM a TPM and switch it on, or name another driver (cloister evidence drivers)`,
        cause,
      )
    if (code === 'EACCES' || code === 'EPERM')
      throw collectError(
        'evidence-denied',
        `${path} is there, and this user may not use it; run as root, or add the user to its group (tss)`,
        cause,
      )
    throw fromSystemError(cause, `access to ${path}`)
  }
}

function toolsIn(folder: string, { tcti, waitMilliseconds, signal }: TpmToolsOptions): TpmTools {
  const path = (name: string): string => join(folder, name)
  const limits = { milliseconds: waitMilliseconds, stdoutBytesMax: outputBytesMax }
  const run: TpmTools['run'] = async (tool, ...args) => {
    const end = await runCommand(tool, ['--tcti', tcti, ...args], limits, signal).catch(
      (error: unknown) => {
        throw withInstallLine(error, tool)
      },
    )
    if (end.exitCode === 0) return
    const { code, next } = meaningOf(end)
    throw collectError(
      code,
      `${tool} at ${tcti} ended with status ${end.exitCode}: ${lastWords(end.stderr)}; ${next}`,
    )
  }
  return {
    run,
    path,
    read: (name, bytesMax) => readToEnd(systemFiles, path(name), bytesMax),
    flush: async () => {
      for (const kind of ['--transient-object', '--loaded-session', '--saved-session'])
        await run('tpm2_flushcontext', kind)
    },
  }
}

type Meaning = {
  readonly code: 'evidence-denied' | 'evidence-unavailable' | 'evidence-failed'
  readonly next: string
}

/** What the end of a tool means. Spec: tpm2-tools, man/common/returns.md; where it loads no TCTI it says 1. */
function meaningOf({ exitCode, stderr }: CommandEnd): Meaning {
  if (exitCode === 4 || stderr.includes('Could not load tcti'))
    return {
      code: 'evidence-unavailable',
      next: 'look whether the TPM is there and this user may use it (group tss)',
    }
  if (exitCode === 3)
    return {
      code: 'evidence-denied',
      next: 'take the passwords off its owner and endorsement hierarchies, or name another key',
    }
  return {
    code: 'evidence-failed',
    next: 'run the same command by hand to see all of what the TPM answers',
  }
}

/** The last line that says more than which tool it was. */
function lastWords(stderr: string): string {
  const lines = stderr.trim().split('\n')
  const told = lines.findLast((line) => !line.includes('Unable to run')) ?? ''
  return told.slice(0, wordsMax) || 'it said nothing'
}

function withInstallLine(error: unknown, tool: string): unknown {
  if (!(error instanceof OperationError) || error.code !== 'evidence-unavailable') return error
  return collectError(
    'evidence-unavailable',
    `${tool} of tpm2-tools is not installed, or not on PATH; ${install}`,
    error,
  )
}
