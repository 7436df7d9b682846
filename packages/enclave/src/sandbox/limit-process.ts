import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { systemPath } from './bubblewrap.ts'
import type { SandboxLimits } from './limits.ts'

const patienceMilliseconds = 10_000

/**
 * Limits a process that has not started its program yet; its children inherit that. The processor's limit is a second
 * longer as a hard end, for the first signal can be ignored.
 */
export async function limitProcess(
  processId: number,
  { cpuSeconds }: Pick<SandboxLimits, 'cpuSeconds'>,
): Promise<void> {
  const limits = [
    `--cpu=${cpuSeconds}:${cpuSeconds + 1}`,
    '--core=0',
    '--nofile=256',
    '--memlock=0',
  ]
  await promisify(execFile)('prlimit', ['--pid', `${processId}`, ...limits], {
    env: { PATH: systemPath },
    timeout: patienceMilliseconds,
  })
}
