import { readdirSync, readFileSync } from 'node:fs'

/** Process ids of all descendants of `pid`, children before grandchildren. Linux; elsewhere none. */
export function descendantsOf(pid: number): readonly number[] {
  const children = new Map<number, number[]>()
  for (const [child, parent] of processParents()) {
    const siblings = children.get(parent) ?? []
    siblings.push(child)
    children.set(parent, siblings)
  }
  const found: number[] = []
  const queue = [pid]
  for (let next = queue.shift(); next !== undefined; next = queue.shift())
    for (const child of children.get(next) ?? []) {
      found.push(child)
      queue.push(child)
    }
  return found
}

/**
 * Signals a process, its group where it leads one, and all of its descendants: each of them once. A second SIGTERM could
 * find a process that has just ended well, and make its end look like a kill.
 */
export function signalTree(pid: number, signal: NodeJS.Signals): void {
  const members = [...descendantsOf(pid), pid]
  const others = members.filter((member) => readStat(String(member))?.group !== pid)
  signalOne(-pid, signal)
  for (const member of others) signalOne(member, signal)
}

/** Whether a process exists and is not a zombie. */
export function isRunning(pid: number): boolean {
  const stat = readStat(String(pid))
  return stat !== undefined && stat.state !== 'Z'
}

function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended on its own, or never led a group.
  }
}

function processParents(): readonly (readonly [pid: number, parent: number])[] {
  return listProcesses().flatMap((name) => {
    const stat = readStat(name)
    return stat === undefined ? [] : [[Number(name), stat.parent] as const]
  })
}

function listProcesses(): readonly string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  } catch {
    return []
  }
}

type Stat = { readonly state: string; readonly parent: number; readonly group: number }

// The command's name stands in parentheses and may hold any character. Spec: proc(5), /proc/pid/stat.
function readStat(name: string): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${name}/stat`, 'utf8')
    const [state = '', parent = '', group = ''] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state, parent: Number(parent), group: Number(group) }
  } catch {
    return undefined
  }
}
