import { readFileSync } from 'node:fs'

/** What a process and all its descendants use now. */
export type TreeUse = { readonly residentBytes: number; readonly threads: number }

/** Adds up memory and threads of `processId` and its descendants, as the kernel tells them. Gone ones count nothing. */
export function measureTree(processId: number): TreeUse {
  const pending = [processId]
  let residentBytes = 0
  let threads = 0
  for (let id = pending.pop(); id !== undefined; id = pending.pop()) {
    const status = read(`/proc/${id}/status`)
    residentBytes += 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0)
    threads += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0)
    pending.push(...(read(`/proc/${id}/task/${id}/children`).match(/\d+/g) ?? []).map(Number))
  }
  return { residentBytes, threads }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // The process ended between two looks.
  }
}
