import { encodeHex, equalBytes, OperationError, parseHex, type Bytes } from '@cloister/codec'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, realpath, rm, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { checkImage, manifestText, ownFiles, type GuestImage } from './guest-image.ts'
import { measureOn, type GuestMeasurement } from './guest-measurement.ts'
import { endProcess, guestEnvironment, spawnRuntime, type StartOptions } from './guest-process.ts'
import { serveEvidence, type Machine } from './machine.ts'
import { copyMeasured } from './measured-copy.ts'
import { hashFile } from './measurement.ts'

/** A guest image and the machine it is to run on. */
export type PrepareOptions = GuestImage & {
  readonly machine: Machine
  /** A folder of the guest's own, absent or empty. Its path is short: the guest socket lies in it. */
  readonly directory: string
  /** Where copies of equal files are shared between guests. Beside `directory` unless given. */
  readonly cacheDirectory?: string
  /** The machine whose evidence the guest gets: another than its own, of the same kind, only to show that this is noticed. */
  readonly insecureEvidenceFrom?: () => Machine
  /** Emulates although this machine has a real TEE, whose evidence the emulator's might be taken for. */
  readonly insecureEvenThoughARealTeeIsPresent?: boolean
}

/** A guest that is measured and not started yet. */
export type PreparedGuest = {
  readonly measurement: GuestMeasurement
  /** Path of the guest socket that the guest will find in `CLOISTER_GUEST_SOCKET`. */
  readonly socketPath: string
  start(options?: StartOptions): Promise<RunningGuest>
}

/** A guest that runs. */
export type RunningGuest = {
  readonly process: ChildProcess
  readonly measurement: GuestMeasurement
  readonly socketPath: string
  /** Ends the process (SIGTERM, then SIGKILL after five seconds) and its guest socket. */
  stop(): Promise<void>
}

/** Measures an image and starts it. See {@link prepareGuest}. */
export async function launchGuest(options: PrepareOptions & StartOptions): Promise<RunningGuest> {
  return (await prepareGuest(options)).start(options)
}

/**
 * Copies an image into a private folder, measuring the copies. What runs later is these copies.
 *
 * @throws {OperationError} `real-tee` where this machine has a real TEE; `guest-image` or `guest-file` on a
 *   bad image; `guest-directory` where the folder is in use or can't be made.
 */
export async function prepareGuest(options: PrepareOptions): Promise<PreparedGuest> {
  refuseRealTee(options.insecureEvenThoughARealTeeIsPresent === true, teeDevices)
  checkImage(options)
  const directory = await claimDirectory(options.directory)
  const root = join(directory, 'root')
  const cache = options.cacheDirectory ?? `${options.directory}.cache`
  const digests = new Map<string, Bytes>()
  for (const { name, path } of options.files)
    digests.set(name, await copyMeasured(path, join(root, name), cache))
  for (const [name, content] of ownFiles(options))
    await writeFile(join(root, name), content, { mode: 0o400, flag: 'wx' })
  const measurement = await measureOn(options.machine.tee, manifestText(options, digests))
  const socketPath = join(directory, 'guest.sock')
  const start = async (chosen: StartOptions = {}): Promise<RunningGuest> => {
    const env = guestEnvironment(chosen.env ?? {}, socketPath)
    await verifyCopies(root, measurement.manifest)
    const { machine, insecureEvidenceFrom: signedBy } = options
    const guest = await serveEvidence({
      machine,
      measurement,
      socketPath,
      ...(signedBy === undefined ? {} : { signedBy }),
    })
    try {
      const child = await spawnRuntime(options, directory, env, chosen)
      child.once('exit', () => void guest.close())
      return {
        process: child,
        measurement,
        socketPath,
        stop: () => endProcess(child).then(() => guest.close()),
      }
    } catch (cause) {
      await guest.close()
      throw cause
    }
  }
  return { measurement, socketPath, start }
}

/**
 * Refuses to emulate beside a real TEE.
 *
 * @throws {OperationError} `real-tee` naming the device and the option that overrides.
 */
export function refuseRealTee(insecureAllowed: boolean, devices: readonly string[]): void {
  const present = devices.find((path) => existsSync(path))
  if (present === undefined || insecureAllowed) return
  throw new OperationError(
    'real-tee',
    `Cannot emulate a guest here: this machine has a real TEE (${present}); use its driver, or set insecureEvenThoughARealTeeIsPresent`,
  )
}

const teeDevices = [
  '/dev/tdx_guest',
  '/dev/tdx-guest',
  '/dev/sgx_enclave',
  '/dev/sgx/enclave',
  '/dev/sev-guest',
]

async function claimDirectory(path: string): Promise<string> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    if ((await readdir(path)).length === 0) {
      for (const part of ['root', 'work']) await mkdir(join(path, part), { mode: 0o700 })
      return await realpath(path)
    }
  } catch (cause) {
    throw new OperationError('guest-directory', `Cannot make ${path} for a guest`, { cause })
  }
  throw new OperationError(
    'guest-directory',
    `Cannot use ${path} for a guest: it is not empty; remove it or name another`,
  )
}

/** Reads every file again, so that nothing changed or added since it was measured runs. */
async function verifyCopies(root: string, manifest: string): Promise<void> {
  const measured = new Map(
    manifest
      .trimEnd()
      .split('\n')
      .map((line) => [line.slice(65), line.slice(0, 64)]),
  )
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  for (const entry of entries) {
    const name = relative(root, join(entry.parentPath, entry.name))
    if (entry.isDirectory() || measured.has(name)) continue
    throw new OperationError(
      'guest-file-changed',
      `Cannot start this guest: ${name} was added to its files after they were measured`,
    )
  }
  for (const [name, digest] of measured) {
    const found = await hashFile(join(root, name))
    if (!equalBytes(found, parseHex(digest)))
      throw new OperationError(
        'guest-file-changed',
        `Cannot start this guest: ${name} was measured as ${digest} and is ${encodeHex(found)} now`,
      )
  }
}

/** Removes what {@link prepareGuest} left in a guest's folder. The cache beside it stays. */
export async function removeGuest(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true })
}
