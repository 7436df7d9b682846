import { readdirSync, readFileSync } from 'node:fs'

const closeOnExec = 0o2000000

/**
 * Descriptors past the standard three that a program started from this process would get without being given them: whoever
 * started this process left them open. Ours are closed on exec.
 */
export function inheritedDescriptors(): number[] {
  return readdirSync('/proc/self/fdinfo')
    .map(Number)
    .filter((descriptor) => descriptor > 2 && (flagsOf(descriptor) & closeOnExec) === 0)
}

function flagsOf(descriptor: number): number {
  try {
    const info = readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8')
    const flags = /^flags:\s+([0-7]+)/m.exec(info)?.[1]
    return flags === undefined ? closeOnExec : Number.parseInt(flags, 8)
  } catch {
    return closeOnExec // The one that this folder was read through; it is closed by now.
  }
}
