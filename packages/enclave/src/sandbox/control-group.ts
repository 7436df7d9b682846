import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { SandboxLimits } from './limits.ts'

/** A kernel control group that holds one run of an app to its limits. */
export type ControlGroup = {
  readonly join: (processId: number) => void
  /** Whether the kernel killed something in the group for memory. */
  readonly memoryExceeded: () => boolean
  /** Processor time that everything in the group has spent so far, undefined where the kernel does not count it. */
  readonly cpuSeconds: () => number | undefined
  /** Kills whatever is in the group. */
  readonly kill: () => void
  readonly remove: () => void
}

/** Where this machine's control groups are, and which of them this process is in. */
export type ControlGroupPlace = {
  /** The folder under which they are mounted. */
  readonly root: string
  /** The text that names this process's own groups. */
  readonly membership: string
}

type Limits = Pick<SandboxLimits, 'memoryBytes' | 'processesMax' | 'cpus'>

/** Makes a control group (v2, or v1 where the controllers are mounted apart). Undefined where this process may not. */
export function createControlGroup(
  name: string,
  limits: Limits,
  place: ControlGroupPlace = {
    root: '/sys/fs/cgroup',
    membership: readFileSync('/proc/self/cgroup', 'utf8'),
  },
): ControlGroup | undefined {
  try {
    return existsSync(join(place.root, 'cgroup.controllers'))
      ? createUnified(name, limits, place)
      : createSplit(name, limits, place)
  } catch {
    return undefined // Read-only, absent or not ours: the caller falls back to its own watchdog.
  }
}

/** Whether this process may make control groups: tried once, with a group that nothing joins. */
export function probeControlGroups(): boolean {
  const limits = { memoryBytes: 2 ** 26, processesMax: 8, cpus: 1 }
  const made = createControlGroup(`cloister-probe-${process.pid}`, limits)
  made?.remove()
  return made !== undefined
}

// Spec: Linux Documentation/admin-guide/cgroup-v2.rst.
function createUnified(name: string, limits: Limits, place: ControlGroupPlace): ControlGroup {
  const own = join(place.root, ownPath(place, ''))
  leaveForLeaf(place, own)
  writeFileSync(join(own, 'cgroup.subtree_control'), '+memory +pids +cpu')
  const folder = join(own, name)
  mkdirSync(folder)
  try {
    writeFileSync(join(folder, 'memory.max'), `${limits.memoryBytes}`)
    if (existsSync(join(folder, 'memory.swap.max')))
      writeFileSync(join(folder, 'memory.swap.max'), '0')
    // One process past its memory ends the whole app, not one part of it.
    if (existsSync(join(folder, 'memory.oom.group')))
      writeFileSync(join(folder, 'memory.oom.group'), '1')
    writeFileSync(join(folder, 'pids.max'), `${limits.processesMax}`)
    writeFileSync(join(folder, 'cpu.max'), `${Math.round(limits.cpus * 100_000)} 100000`)
  } catch (error) {
    rmdirSync(folder)
    throw error
  }
  return group([folder], {
    memoryExceeded: () => /^oom_kill [1-9]/m.test(read(folder, 'memory.events')),
    cpuSeconds: () => {
      const spent = /^usage_usec (\d+)/m.exec(read(folder, 'cpu.stat'))?.[1]
      return spent === undefined ? undefined : Number(spent) / 1e6
    },
  })
}

// Version 2 lets a group have either processes or limited children, so this process moves to a leaf first.
function leaveForLeaf({ root }: ControlGroupPlace, own: string): void {
  if (own === root || read(own, 'cgroup.procs').trim() === '') return
  const leaf = join(own, 'enclave')
  mkdirSync(leaf, { recursive: true })
  writeFileSync(join(leaf, 'cgroup.procs'), `${process.pid}`)
}

// Spec: Linux Documentation/admin-guide/cgroup-v1/.
function createSplit(name: string, limits: Limits, place: ControlGroupPlace): ControlGroup {
  const made: string[] = []
  const make = (controller: string): string => {
    const folder = join(place.root, controller, ownPath(place, controller), name)
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
    const accounts = existsSync(join(cpu, 'cpuacct.usage')) ? cpu : make('cpuacct')
    return group(made, {
      memoryExceeded: () => memoryKills(memory),
      cpuSeconds: () => Number(read(accounts, 'cpuacct.usage')) / 1e9,
    })
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

function group(
  folders: readonly string[],
  reading: Pick<ControlGroup, 'memoryExceeded' | 'cpuSeconds'>,
): ControlGroup {
  return {
    ...reading,
    join: (processId) => {
      for (const folder of folders) writeFileSync(join(folder, 'cgroup.procs'), `${processId}`)
    },
    kill: () => {
      for (const folder of folders) killAll(folder)
    },
    remove: () => {
      for (const folder of folders) rmdirSync(folder)
    },
  }
}

function killAll(folder: string): void {
  try {
    if (existsSync(join(folder, 'cgroup.kill'))) writeFileSync(join(folder, 'cgroup.kill'), '1')
    else for (const id of read(folder, 'cgroup.procs').match(/\d+/g) ?? []) signal(Number(id))
  } catch {
    // The group is gone, and with it everything that was in it.
  }
}

function signal(processId: number): void {
  try {
    process.kill(processId, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

function ownPath({ membership }: ControlGroupPlace, controller: string): string {
  for (const line of membership.split('\n')) {
    const [, controllers = '', path = '/'] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (line !== '' && controllers.split(',').includes(controller)) return path
  }
  return '/'
}

function read(folder: string, file: string): string {
  return readFileSync(join(folder, file), 'utf8')
}
