import { OperationError } from '@cloister/codec'
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { isErrorCode } from './measured-copy.ts'
import { importGuardName, type GuestImage } from './guest-image.ts'

/** What the host chooses when it starts a guest. None of it is measured: the enclave trusts none of it. */
export type StartOptions = {
  readonly args?: readonly string[]
  /** `CLOISTER_...` variables and `ORT_DISABLE_TELEMETRY`; any other name is refused. */
  readonly env?: Readonly<Record<string, string>>
  readonly stdio?: StdioOptions
}

/**
 * All variables that a guest sees.
 *
 * @throws {OperationError} `guest-environment` naming a variable that may not be passed.
 */
export function guestEnvironment(
  chosen: Readonly<Record<string, string>>,
  socketPath: string,
): Record<string, string> {
  const refused = Object.keys(chosen).find((name) => !allowedVariable.test(name))
  if (refused !== undefined)
    throw new OperationError(
      'guest-environment',
      `Cannot pass ${refused} to a guest: only CLOISTER_ variables reach it; put what matters into the measured config`,
    )
  return {
    ...chosen,
    CLOISTER_GUEST_SOCKET: socketPath,
    PATH: '/usr/bin:/bin',
    LANG: 'C.UTF-8',
    TZ: 'UTC',
  }
}

/**
 * Starts the runtime of a guest from its measured copies, behind the import guard.
 *
 * @throws {OperationError} `guest-start` where the system refuses.
 */
export async function spawnRuntime(
  image: GuestImage,
  directory: string,
  env: Record<string, string>,
  chosen: StartOptions,
): Promise<ChildProcess> {
  const root = join(directory, 'root')
  const guard = pathToFileURL(join(root, importGuardName)).href
  const flags = [...(image.nodeFlags ?? []), '--import', guard]
  const args = [...flags, join(root, image.entry), ...(chosen.args ?? [])]
  const options = { cwd: join(directory, 'work'), env, stdio: chosen.stdio ?? 'inherit' }
  for (let tries = 1; ; tries++)
    try {
      return await spawned(spawn(join(root, image.runtime), args, options))
    } catch (cause) {
      // A child forked meanwhile may hold the copy open for writing for a moment.
      if (!isErrorCode(cause, 'ETXTBSY') || tries === spawnTriesMax)
        throw new OperationError('guest-start', `Cannot start ${image.runtime} of this guest`, {
          cause,
        })
      await sleep(10 * tries)
    }
}

function spawned(child: ChildProcess): Promise<ChildProcess> {
  return new Promise((resolve, reject) => {
    child.once('spawn', () => resolve(child))
    child.once('error', reject)
  })
}

/** Ends a process with SIGTERM, after five seconds with SIGKILL, and waits for its end. */
export async function endProcess(child: ChildProcess): Promise<void> {
  const ended = new Promise<void>((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve()
    else child.once('exit', () => resolve())
  })
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopSeconds * 1000)
  await ended
  clearTimeout(timer)
}

const allowedVariable = /^(?:CLOISTER_[A-Z0-9_]+|ORT_DISABLE_TELEMETRY)$/
const stopSeconds = 5
const spawnTriesMax = 8
