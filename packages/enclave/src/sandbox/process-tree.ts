import { readdirSync, readFileSync } from 'node:fs'

/** What a process and all its descendants use now. */
export type TreeUse = {
  readonly residentBytes: number
  readonly threads: number
  /** Processor time of those alive, and of those that they waited for. */
  readonly cpuSeconds: number
}

const ticksPerSecond = 100 // USER_HZ, the same on every x86-64 Linux.

/** Adds up what `processId` and its descendants use, as the kernel tells it. Gone ones count nothing. */
export function measureTree(processId: number): TreeUse {
  const pending = [processId]
  let residentBytes = 0
  let threads = 0
  let ticks = 0
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    const status = read(`/proc/${id}/status`)
    residentBytes += 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0)
    threads += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0)
    ticks += ticksOf(read(`/proc/${id}/stat`))
    for (const thread of threadsOf(id))
      pending.push(...(read(`/proc/${id}/task/${thread}/children`).match(/\d+/g) ?? []).map(Number))
  }
  return { residentBytes, threads, cpuSeconds: ticks / ticksPerSecond }
}

// utime, stime, cutime and cstime. The name before them may hold blanks and brackets. Spec: proc_pid_stat(5).
function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0)
}

// Any thread may start a process, and the kernel lists it with that thread.
function threadsOf(processId: number): readonly string[] {
  try {
    return readdirSync(`/proc/${processId}/task`)
  } catch {
    return []
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // The process ended between two looks.
  }
}
