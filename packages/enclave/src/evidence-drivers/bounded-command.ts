import { spawn } from 'node:child_process'

import { concatBytes, type Bytes } from '@cloister/codec'

import { aborted, waitFor } from './patience.ts'
import { collectError, systemCode } from './collect-error.ts'

/** How a program ended. */
export type CommandEnd = {
  readonly exitCode: number
  readonly stdout: Bytes
  readonly stderr: string
}

/** What a program may cost. */
export type CommandLimits = { readonly milliseconds: number; readonly stdoutBytesMax: number }

const stderrBytesMax = 4096

/**
 * Runs a program without a shell, and kills it where it takes too long, says too much or is not wanted any more.
 *
 * @throws {OperationError} `evidence-unavailable` where it is not installed, `evidence-denied`, `evidence-timeout`,
 *   `evidence-aborted`, `evidence-malformed` where its output is too long, `evidence-failed` where a signal ends it.
 */
export function runCommand(
  program: string,
  args: readonly string[],
  limits: CommandLimits,
  signal: AbortSignal | undefined,
): Promise<CommandEnd> {
  return waitFor(
    (unwanted) => run(program, args, limits.stdoutBytesMax, unwanted),
    limits.milliseconds,
    signal,
  )
}

function run(
  program: string,
  args: readonly string[],
  stdoutBytesMax: number,
  unwanted: AbortSignal,
): Promise<CommandEnd> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      signal: unwanted,
      killSignal: 'SIGKILL',
    })
    const stdout: Uint8Array[] = []
    let size = 0
    let stderr = ''
    child.stdout.on('data', (part: Uint8Array) => {
      size += part.length
      if (size <= stdoutBytesMax) stdout.push(part)
      else child.kill('SIGKILL')
    })
    child.stderr.on('data', (part: Uint8Array) => {
      stderr = `${stderr}${new TextDecoder().decode(part)}`.slice(0, stderrBytesMax)
    })
    child.once('error', (cause) => {
      reject(unwanted.aborted ? aborted(unwanted) : cannotStart(program, cause))
    })
    child.once('close', (exitCode, endedBy) => {
      if (size > stdoutBytesMax)
        reject(
          collectError('evidence-malformed', `${program} prints more than ${stdoutBytesMax} bytes`),
        )
      else if (exitCode === null)
        reject(collectError('evidence-failed', `${program} was ended by ${endedBy}; try again`))
      else resolve({ exitCode, stdout: concatBytes(...stdout), stderr })
    })
  })
}

function cannotStart(program: string, cause: Error) {
  const code = systemCode(cause)
  if (code === 'ENOENT')
    return collectError(
      'evidence-unavailable',
      `${program} is not installed, or not on PATH`,
      cause,
    )
  if (code === 'EACCES' || code === 'EPERM')
    return collectError('evidence-denied', `this user may not run ${program}`, cause)
  return collectError('evidence-failed', `${program} does not start: ${cause.message}`, cause)
}
