import { spawnSync } from 'node:child_process'

import { systemLibraries } from './system-libraries.ts'

/** A program to confine: which files it sees, and which of them Node starts. */
export type SandboxProgram = {
  /** The Node binary. */
  readonly node: string
  /** Files that the program may read, and where it sees them. Nothing else of this machine is visible. */
  readonly files: readonly { readonly from: string; readonly to: string }[]
  /** The script that Node starts, by the name under which the program sees it. */
  readonly entry: string
}

/** Where the confined program finds the Node binary. */
export const nodeInside = '/app/node'

/** Bubblewrap's options for a program: no network, no files but its own, no rights, nobody's user. */
export function bubblewrapOptions(program: SandboxProgram, tmpBytes: number): string[] {
  const reads = [
    ...systemLibraries().map((path) => ({ from: path, to: path })),
    { from: program.node, to: nodeInside },
    ...program.files,
  ]
  return [
    words('--unshare-all', '--die-with-parent', '--new-session', '--clearenv'),
    words('--cap-drop', 'ALL', '--uid', '65534', '--gid', '65534', '--hostname', 'app'),
    words('--setenv', 'HOME', '/tmp', '--setenv', 'ORT_DISABLE_TELEMETRY', '1'),
    reads.flatMap(({ from, to }) => ['--ro-bind', from, to]),
    words('--proc', '/proc', '--dev', '/dev'),
    // Started by root, the app would be root to the kernel's settings: they are hidden.
    words('--tmpfs', '/proc/sys', '--remount-ro', '/proc/sys'),
    words('--size', `${tmpBytes}`, '--tmpfs', '/tmp'),
    words('--remount-ro', '/dev', '--remount-ro', '/', '--chdir', '/tmp'),
  ].flat()
}

/** Which sandbox this machine can give: bubblewrap is tried once with the real options, not looked up by name. */
export function probeSandbox(node: string): 'bubblewrap' | 'none' {
  const options = bubblewrapOptions({ node, files: [], entry: '' }, 1 << 20)
  const run = spawnSync('bwrap', [...options, nodeInside, '--version'], {
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
