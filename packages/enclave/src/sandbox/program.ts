import { systemLibraries } from './system-libraries.ts'
import type { SystemCallProfile } from './seccomp.ts'

/** A program to confine: what it sees, how it is started, and which system calls it needs. */
export type SandboxProgram = {
  readonly profile: SystemCallProfile
  /** The command and its arguments, by the names under which the program sees them. */
  readonly command: readonly string[]
  /** Files and folders that the program may read, and where it sees them. Nothing else of this machine is visible. */
  readonly reads: readonly { readonly from: string; readonly to: string }[]
  /** Symbolic links that the program sees. */
  readonly links: readonly { readonly target: string; readonly path: string }[]
  readonly environment: Readonly<Record<string, string>>
  /** Where its frames go: standard input and output, or descriptor 3 with those closed. */
  readonly channel: 'stdio' | 'descriptor'
  /** Size of `/out`, where outputs are written. Undefined: there is none. */
  readonly outBytes: number | undefined
  /** Whether what it prints goes to this process's standard error. Otherwise it is dropped: nothing of the data reaches a log. */
  readonly tells?: boolean
}

/** Where the confined program finds the Node binary. */
export const nodeInside = '/app/node'

/** Node over one script: how the engine is started, and whatever else this project trusts and confines. */
export function nodeProgram(given: {
  /** The Node binary. */
  readonly node: string
  readonly files: readonly { readonly from: string; readonly to: string }[]
  /** The script that Node starts, by the name under which the program sees it. */
  readonly entry: string
}): SandboxProgram {
  return {
    profile: 'engine',
    command: [nodeInside, given.entry],
    reads: [...nodeFiles(given.node), ...given.files],
    links: [],
    environment: { HOME: '/tmp', ORT_DISABLE_TELEMETRY: '1' },
    channel: 'stdio',
    outBytes: undefined,
  }
}

/** The Node binary and the libraries it links against, where a confined program finds them. */
export function nodeFiles(node: string): readonly { readonly from: string; readonly to: string }[] {
  return [
    ...systemLibraries().map((path) => ({ from: path, to: path })),
    { from: node, to: nodeInside },
  ]
}
