import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { SandboxLimits } from './limits.ts'

/** A kernel control group that holds one run of an app to its limits. */
export type ControlGroup = {
  readonly join: (processId: number) => void
  /** Whether the kernel killed something in the group for memory. */
  readonly memoryExceeded: () => boolean
  /** Processes in the group now. */
  readonly members: () => number[]
  readonly remove: () => void
}

const root = '/sys/fs/cgroup'

/** Makes a control group (v2, or v1 where the controllers are mounted apart). Undefined where this process may not. */
export function createControlGroup(name: string, limits: SandboxLimits): ControlGroup | undefined {
  try {
    return existsSync(join(root, 'cgroup.controllers'))
      ? createUnified(name, limits)
      : createSplit(name, limits)
  } catch {
    return undefined // Read-only, absent or not ours: the caller falls back to its own watchdog.
  }
}

function createUnified(name: string, limits: SandboxLimits): ControlGroup {
  const own = join(root, ownPath(''))
  leaveForLeaf(own)
  writeFileSync(join(own, 'cgroup.subtree_control'), '+memory +pids +cpu')
  const folder = join(own, name)
  mkdirSync(folder)
  try {
    writeFileSync(join(folder, 'memory.max'), `${limits.memoryBytes}`)
    if (existsSync(join(folder, 'memory.swap.max')))
      writeFileSync(join(folder, 'memory.swap.max'), '0')
    writeFileSync(join(folder, 'pids.max'), `${limits.processesMax}`)
    writeFileSync(join(folder, 'cpu.max'), `${Math.round(limits.cpus * 100_000)} 100000`)
  } catch (error) {
    rmdirSync(folder)
    throw error
  }
  return group([folder], () => /^oom_kill [1-9]/m.test(read(folder, 'memory.events')))
}

// Version 2 lets a group have either processes or limited children, so this process moves to a leaf first.
function leaveForLeaf(own: string): void {
  if (own === root || read(own, 'cgroup.procs').trim() === '') return
  const leaf = join(own, 'enclave')
  mkdirSync(leaf, { recursive: true })
  writeFileSync(join(leaf, 'cgroup.procs'), `${process.pid}`)
}

function createSplit(name: string, limits: SandboxLimits): ControlGroup {
  const made: string[] = []
  const make = (controller: string): string => {
    const folder = join(root, controller, ownPath(controller), name)
    mkdirSync(folder)
    made.push(folder)
    return folder
  }
  try {
    const memory = make('memory')
    writeFileSync(join(memory, 'memory.limit_in_bytes'), `${limits.memoryBytes}`)
    if (existsSync(join(memory, 'memory.memsw.limit_in_bytes')))
      writeFileSync(join(memory, 'memory.memsw.limit_in_bytes'), `${limits.memoryBytes}`)
    writeFileSync(join(make('pids'), 'pids.max'), `${limits.processesMax}`)
    const cpu = make('cpu')
    writeFileSync(join(cpu, 'cpu.cfs_period_us'), '100000')
    writeFileSync(join(cpu, 'cpu.cfs_quota_us'), `${Math.round(limits.cpus * 100_000)}`)
    return group(made, () => memoryKills(memory))
  } catch (error) {
    for (const folder of made) rmdirSync(folder)
    throw error
  }
}

function memoryKills(folder: string): boolean {
  const kills = /^oom_kill (\d+)/m.exec(read(folder, 'memory.oom_control'))
  if (kills !== null) return Number(kills[1]) > 0
  return Number(read(folder, 'memory.failcnt')) > 0 // Kernels before 4.13 do not count kills.
}

function group(folders: readonly string[], memoryExceeded: () => boolean): ControlGroup {
  const members = () => [
    ...new Set(folders.flatMap((folder) => read(folder, 'cgroup.procs').match(/\d+/g) ?? [])),
  ]
  return {
    join: (processId) => {
      for (const folder of folders) writeFileSync(join(folder, 'cgroup.procs'), `${processId}`)
    },
    memoryExceeded,
    members: () => members().map(Number),
    remove: () => {
      for (const folder of folders) rmdirSync(folder)
    },
  }
}

function ownPath(controller: string): string {
  const lines = readFileSync('/proc/self/cgroup', 'utf8').split('\n')
  for (const line of lines) {
    const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (line !== '' && controllers.split(',').includes(controller)) return path
  }
  return '/'
}

function read(folder: string, file: string): string {
  return readFileSync(join(folder, file), 'utf8')
}
