import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

import { systemCode } from './collect-error.ts'
import { tsmReportFolder } from './configfs-tsm.ts'
import type { DriverName } from './driver.ts'
import { dstackSocket } from './dstack.ts'
import { gramineFolder } from './gramine.ts'
import { nsmSocket } from './nsm.ts'
import { sevGuestSocket } from './sev-guest.ts'

/** Whether a driver finds here what it needs. */
export type Detected = {
  readonly name: DriverName
  /** `denied`: it is there, and this user may not use it. */
  readonly presence: 'present' | 'denied' | 'absent'
  /** What was looked at. */
  readonly path: string
}

/** Where to look. */
export type DetectOptions = {
  /** Put before each path, for tests. */
  readonly root?: string
  /** Folders in which programs lie: `PATH`. */
  readonly searchPath?: string
}

/**
 * Says which drivers have what they need on this machine. Nothing is opened, made or started: whether evidence then
 * comes, only a collection shows. In the order in which `auto` looks.
 */
export async function detectDrivers(options: DetectOptions = {}): Promise<readonly Detected[]> {
  const { root = '', searchPath = '' } = options
  const at = (path: string): string => `${root}${path}`
  const { R_OK, W_OK, X_OK } = constants
  const nvattest = await findProgram('nvattest', searchPath)
  return Promise.all([
    look('gramine', at(`${gramineFolder}/quote`), R_OK),
    look('configfs-tsm', at(tsmReportFolder), R_OK | W_OK | X_OK),
    look('dstack', at(dstackSocket), R_OK | W_OK),
    look('sev-guest', at(sevGuestSocket), R_OK | W_OK),
    look('nsm', at(nsmSocket), R_OK | W_OK),
    look('tpm', at('/dev/tpmrm0'), R_OK | W_OK),
    // One program for both kinds of devices: which are there, it says itself.
    look('nvidia-gpu', nvattest, X_OK, at('/dev/nvidia0')),
    look('nvidia-nvswitch', nvattest, X_OK, at('/dev/nvidia-nvswitchctl')),
  ])
}

async function look(
  name: DriverName,
  path: string | undefined,
  mode: number,
  device?: string,
): Promise<Detected> {
  if (path === undefined) return { name, presence: 'absent', path: 'nvattest on PATH' }
  try {
    if (device !== undefined) await stat(device)
    await stat(path)
    await access(path, mode)
    return { name, presence: 'present', path }
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR')
      return { name, presence: 'absent', path: device ?? path }
    return { name, presence: 'denied', path }
  }
}

async function findProgram(name: string, searchPath: string): Promise<string | undefined> {
  for (const folder of searchPath.split(delimiter).filter((each) => each !== '')) {
    const path = join(folder, name)
    try {
      if ((await stat(path)).isFile()) return path
    } catch (error) {
      if (systemCode(error) === undefined) throw error
    }
  }
  return undefined
}
