import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

import { nodeProgram, type SandboxProgram } from './program.ts'

/** Appears inside once everything else is mounted: until then `/out` may still be missing. */
export const readyMark = '/.cloister-ready'

/** Where a program with outputs writes them. */
export const outputFolder = '/out'

// Of the whole machine, not of the namespace. Started by root, the app would own what only root may read.
const hiddenFiles = [
  'kallsyms', 'kcore', 'key-users', 'keys', 'kmsg', 'kpagecgroup', 'kpagecount', 'kpageflags', 'modules', 'sched_debug',
  'slabinfo', 'timer_list', 'vmallocinfo', 'zoneinfo', 'vmstat', 'diskstats', 'interrupts', 'softirqs', 'buddyinfo',
  'pagetypeinfo', 'loadavg', 'stat', 'swaps', 'partitions', 'locks', 'schedstat', 'iomem', 'ioports', 'config.gz',
].map((name) => `/proc/${name}`) // prettier-ignore

const hiddenFolders = ['/proc/sys', '/proc/pressure', '/proc/driver', '/proc/scsi', '/proc/acpi']

/** Bubblewrap's options for a program: no network, no files but its own, no rights, nobody's user. */
export function bubblewrapOptions(program: SandboxProgram, tmpBytes: number): string[] {
  const { environment, reads, links, outBytes, profile } = program
  return [
    words('--unshare-all', '--die-with-parent', '--new-session', '--clearenv'),
    words('--cap-drop', 'ALL', '--uid', '65534', '--gid', '65534', '--hostname', 'app'),
    Object.entries(environment).flatMap(([name, value]) => words('--setenv', name, value)),
    reads.flatMap(({ from, to }) => words('--ro-bind', from, to)),
    links.flatMap(({ target, path }) => words('--symlink', target, path)),
    words('--proc', '/proc', '--dev', '/dev'),
    hiddenFiles
      .filter((path) => existsSync(path))
      .flatMap((path) => words('--ro-bind', '/dev/null', path)),
    hiddenFolders
      .filter((path) => existsSync(path))
      .flatMap((path) => words('--tmpfs', path, '--remount-ro', path)),
    words('--size', `${tmpBytes}`, '--tmpfs', '/tmp'),
    profile === 'native' ? words('--size', `${tmpBytes}`, '--tmpfs', '/dev/shm') : [],
    outBytes === undefined ? [] : words('--size', `${outBytes}`, '--tmpfs', outputFolder),
    words('--dir', readyMark, '--remount-ro', '/dev', '--remount-ro', '/', '--chdir', '/tmp'),
  ].flat()
}

/** Which sandbox this machine can give: bubblewrap is tried once with the real options, not looked up by name. */
export function probeSandbox(node: string): 'bubblewrap' | 'none' {
  const program = nodeProgram({ node, files: [], entry: '--version' })
  const options = bubblewrapOptions(program, 1 << 20)
  const run = spawnSync('bwrap', [...options, ...program.command], {
    stdio: 'ignore',
    timeout: 10_000,
    env: { PATH: systemPath },
  })
  return run.status === 0 ? 'bubblewrap' : 'none'
}

/** Where system programs are looked for, whatever the environment says. */
export const systemPath = '/usr/sbin:/usr/bin:/sbin:/bin'

function words(...given: readonly string[]): readonly string[] {
  return given
}
