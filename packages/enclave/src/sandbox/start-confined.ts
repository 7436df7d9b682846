import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { closeSync, existsSync, fstatSync, openSync, statSync } from 'node:fs'
import { Duplex, Readable, Writable } from 'node:stream'

import { assert, OperationError } from '@cloister/codec'

import { bubblewrapOptions, outputFolder, readyMark, systemPath } from './bubblewrap.ts'
import type { ControlGroup } from './control-group.ts'
import { inheritedDescriptors } from './inherited-descriptors.ts'
import { processLimits } from './limit-process.ts'
import type { SandboxLimits } from './limits.ts'
import type { SandboxProgram } from './program.ts'
import { seccompFilter } from './seccomp.ts'

/** A program that was started, and how it is talked to. */
export type Started = {
  readonly child: ChildProcess
  /** Its first process, by this machine's number. */
  readonly processId: number
  readonly input: Writable
  readonly output: Readable
  /** `/out` of the program, open: it can be read when every process of the program is gone. Whoever gets it closes it. */
  readonly outputFolder: number | undefined
}

const startMilliseconds = 10_000
const devNull = openSync('/dev/null', 'r+')

/**
 * Starts a program under bubblewrap: in its control group, with its limits, before its first instruction.
 *
 * @throws {OperationError} `sandbox-failed`.
 */
export async function startConfined(
  program: SandboxProgram,
  limits: SandboxLimits,
  group: ControlGroup | undefined,
): Promise<Started> {
  // Options travel by pipe: bubblewrap's own command line is readable inside, and would show paths of this machine.
  const flags = words('--args', '4', '--seccomp', '5', '--info-fd', '6', '--block-fd', '7')
  // One program becomes the next, so that its limits are there from the first instruction and nobody waits for another process.
  const bwrap = ['bwrap', ...flags, '--', ...program.command]
  const child = spawn('prlimit', [...processLimits(limits), ...bwrap], {
    stdio: stdioOf(program),
    env: { PATH: systemPath },
    cwd: '/',
  })
  try {
    await spawned(child)
    const options = bubblewrapOptions(program, limits.tmpBytes)
    writable(child, 4).end(options.map((option) => `${option}\0`).join(''))
    writable(child, 5).end(seccompFilter(program.profile))
    // Bubblewrap waits on descriptor 7, still without the app, until its first process sits in the control group.
    const processId = await firstProcess(readable(child, 6))
    group?.join(processId)
    const folder = program.outBytes === undefined ? undefined : await openOutputs(processId)
    writable(child, 7).end('go')
    return { child, processId, ...channelOf(program, child), outputFolder: folder }
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

// What this process was itself left with by its parent is replaced by nothing.
function stdioOf({ channel, tells }: SandboxProgram): StdioOptions {
  const told = tells === true ? 2 : 'ignore'
  const own: ('pipe' | 'ignore' | number)[] =
    channel === 'stdio'
      ? ['pipe', 'pipe', 'ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe']
      : ['ignore', told, told, 'pipe', 'pipe', 'pipe', 'pipe', 'pipe']
  const inherited = inheritedDescriptors()
  const last = Math.max(own.length - 1, ...inherited)
  return Array.from({ length: last + 1 }, (_, index) => {
    const given = own[index] ?? 'ignore'
    return given === 'ignore' && index > 2 && inherited.includes(index) ? devNull : given
  })
}

function channelOf({ channel }: SandboxProgram, child: ChildProcess) {
  const { stdin, stdout } = child
  const both = child.stdio[3]
  if (channel === 'descriptor') {
    assert(both instanceof Duplex, 'descriptor 3 goes both ways')
    return { input: both, output: both }
  }
  assert(stdin !== null && stdout !== null, 'standard input and output are pipes')
  return { input: stdin, output: stdout }
}

// The folder lives as long as it is open, also when the namespace that it was mounted in has ended. Bubblewrap makes the root in a
// folder of another and moves it into place at last: what is seen before that may be the folder below the mount, which nobody
// ever writes to. So only the root itself is looked at, and the folder has to be a file system of its own.
async function openOutputs(processId: number): Promise<number> {
  const root = `/proc/${processId}/root`
  for (const began = performance.now(); performance.now() - began < startMilliseconds;) {
    if (existsSync(`${root}${readyMark}`)) {
      const folder = openSync(`${root}${outputFolder}`, 'r')
      if (fstatSync(folder).dev !== statSync(root).dev) return folder
      closeSync(folder)
    }
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  throw new OperationError('sandbox-failed', 'Bubblewrap did not mount the output folder in time')
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', reject)
  })
}

function firstProcess(info: Readable): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = ''
    const late = setTimeout(
      () => reject(new OperationError('sandbox-failed', 'Bubblewrap did not answer')),
      startMilliseconds,
    )
    info.on('data', (part: Buffer) => {
      text += part.toString('latin1')
      const id = /"child-pid": (\d+)/.exec(text)?.[1]
      if (id === undefined) return
      clearTimeout(late)
      resolve(Number(id))
    })
    info.once('close', () => {
      clearTimeout(late)
      reject(new OperationError('sandbox-failed', 'Bubblewrap ended before it began'))
    })
  })
}

function writable(child: ChildProcess, descriptor: number): Writable {
  const stream = child.stdio[descriptor]
  assert(stream instanceof Writable, `descriptor ${descriptor} can be written`)
  stream.on('error', () => undefined) // Bubblewrap's early end is told by the missing answer.
  return stream
}

function readable(child: ChildProcess, descriptor: number): Readable {
  const stream = child.stdio[descriptor]
  assert(stream instanceof Readable, `descriptor ${descriptor} can be read`)
  stream.on('error', () => undefined)
  return stream
}

function words(...given: readonly string[]): readonly string[] {
  return given
}
