import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import { systemPath } from './bubblewrap.ts'
import type { SandboxLimits } from './limits.ts'

const patienceMilliseconds = 10_000

/**
 * Limits of a process, as options of prlimit; its children inherit them. The processor's limit is a second longer as a hard end, for
 * the first signal can be ignored.
 */
export function processLimits({ cpuSeconds }: Pick<SandboxLimits, 'cpuSeconds'>): string[] {
  return [`--cpu=${cpuSeconds}:${cpuSeconds + 1}`, '--core=0', '--nofile=256', '--memlock=0']
}

/** Limits a process that runs. @throws where prlimit does not. */
export async function limitProcess(
  processId: number,
  limits: Pick<SandboxLimits, 'cpuSeconds'>,
): Promise<void> {
  await promisify(execFile)('prlimit', ['--pid', `${processId}`, ...processLimits(limits)], {
    env: { PATH: systemPath },
    timeout: patienceMilliseconds,
  })
}
