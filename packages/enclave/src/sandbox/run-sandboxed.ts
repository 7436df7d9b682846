import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { Readable, Writable } from 'node:stream'
import { promisify } from 'node:util'

import { assert, OperationError } from '@cloister/codec'

import { bubblewrapOptions, nodeInside, systemPath, type SandboxProgram } from './bubblewrap.ts'
import { createControlGroup, type ControlGroup } from './control-group.ts'
import type { SandboxEnd, SandboxLimits } from './limits.ts'
import { measureTree } from './process-tree.ts'
import { seccompFilter } from './seccomp.ts'

/** A confined program that runs. What it writes on standard error is dropped: nothing of the data reaches a log. */
export type Sandboxed = {
  readonly input: Writable
  readonly output: Readable
  readonly ended: Promise<SandboxEnd>
  /** Kills the whole process tree. */
  readonly kill: () => void
  /** What holds the limits: the kernel's control group, or this process looking ten times a second. */
  readonly limitedBy: 'control-group' | 'watchdog'
}

type Killer = NonNullable<Extract<SandboxEnd, { kind: 'killed' }>['by']>

const watchMilliseconds = 100
const startMilliseconds = 10_000

let runs = 0

/**
 * Starts `program` under bubblewrap, or under Node's permission model alone where `kind` is `none`.
 *
 * @throws {OperationError} `sandbox-failed`, where it does not start.
 */
export async function runSandboxed(
  program: SandboxProgram,
  limits: SandboxLimits,
  kind: 'bubblewrap' | 'none',
): Promise<Sandboxed> {
  const group = createControlGroup(`cloister-app-${process.pid}-${runs++}`, limits)
  try {
    const started =
      kind === 'bubblewrap'
        ? await startConfined(program, limits, group)
        : await startPermitted(program, limits, group)
    return watch(started.child, started.processId, limits, group)
  } catch (cause) {
    group?.remove()
    throw new OperationError('sandbox-failed', 'Cannot start the sandbox for an app', { cause })
  }
}

// Options travel by pipe: bubblewrap's own command line is readable inside, and would show paths of this machine.
async function startConfined(
  program: SandboxProgram,
  limits: SandboxLimits,
  group: ControlGroup | undefined,
) {
  const flags = ['--args', '3', '--seccomp', '4', '--info-fd', '5', '--block-fd', '6']
  const child = spawn('bwrap', [...flags, '--', nodeInside, program.entry], {
    stdio: ['pipe', 'pipe', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    env: { PATH: systemPath },
    cwd: '/',
  })
  try {
    await spawned(child)
    const options = bubblewrapOptions(program, limits.tmpBytes)
    writable(child, 3).end(options.map((option) => `${option}\0`).join(''))
    writable(child, 4).end(seccompFilter())
    // Bubblewrap waits here, still without the app, until its first process sits in the control group.
    const processId = await firstProcess(readable(child, 5))
    group?.join(processId)
    await limitProcess(processId, limits)
    writable(child, 6).end('go')
    return { child, processId }
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

// Weak: the network stays open and code in the app can signal this process. Never where sandboxing is required.
async function startPermitted(
  program: SandboxProgram,
  limits: SandboxLimits,
  group: ControlGroup | undefined,
) {
  const entry = program.files.find((file) => file.to === program.entry)
  assert(entry !== undefined, `the program's files hold its entry ${program.entry}`)
  const reads = program.files.map((file) => `--allow-fs-read=${file.from}`)
  const child = spawn(
    program.node,
    ['--permission', '--allow-addons', '--no-warnings', ...reads, entry.from],
    {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { HOME: '/nonexistent', ORT_DISABLE_TELEMETRY: '1' },
      cwd: '/',
    },
  )
  if (child.pid === undefined) throw new OperationError('sandbox-failed', 'Cannot start Node')
  group?.join(child.pid)
  await limitProcess(child.pid, limits)
  return { child, processId: child.pid }
}

// Children inherit these. A second more than the limit, as a hard end: the first signal can be ignored.
async function limitProcess(processId: number, { cpuSeconds }: SandboxLimits): Promise<void> {
  const limits = [`--cpu=${cpuSeconds}:${cpuSeconds + 1}`, '--core=0', '--nofile=256']
  await promisify(execFile)('prlimit', ['--pid', `${processId}`, ...limits], {
    env: { PATH: systemPath },
    timeout: startMilliseconds,
  })
}

function watch(
  child: ChildProcess,
  processId: number,
  limits: SandboxLimits,
  group: ControlGroup | undefined,
): Sandboxed {
  let killer: Killer | undefined
  const kill = (by: Killer) => {
    killer ??= by
    signal(processId) // Process 1 of its namespace: the kernel ends everything in it.
    for (const member of group?.members() ?? []) signal(member)
    child.kill('SIGKILL')
  }
  const deadline = setTimeout(() => kill('time'), limits.wallSeconds * 1000)
  const look = setInterval(() => {
    if (group !== undefined) return
    const use = measureTree(processId)
    if (use.residentBytes > limits.memoryBytes) kill('memory')
    else if (use.threads > limits.processesMax) kill('processes')
  }, watchMilliseconds)

  const ended = new Promise<SandboxEnd>((resolve) => {
    child.once('close', (status, by) => {
      clearTimeout(deadline)
      clearInterval(look)
      const end = endOf(status, by, group?.memoryExceeded() ?? false, killer)
      void removeWhenEmpty(group).then(() => resolve(end))
    })
  })
  const input = child.stdin
  const output = child.stdout
  assert(input !== null && output !== null, 'standard input and output are pipes')
  input.on('error', () => undefined) // A program that ends early closes its input; `ended` tells it.
  return {
    input,
    output,
    ended,
    kill: () => kill('us'),
    limitedBy: group === undefined ? 'watchdog' : 'control-group',
  }
}

function endOf(
  status: number | null,
  by: NodeJS.Signals | null,
  memoryExceeded: boolean,
  killer: Killer | undefined,
): SandboxEnd {
  if (killer !== undefined) return { kind: 'killed', by: killer }
  if (memoryExceeded) return { kind: 'killed', by: 'memory' }
  // Bubblewrap reports the signal that ended its child as 128 plus its number.
  if (by !== null || status === null || status > 128) return { kind: 'killed', by: 'signal' }
  return { kind: 'exited', status }
}

// The kernel lets a group go only once its last process is gone, which takes it a moment.
async function removeWhenEmpty(group: ControlGroup | undefined): Promise<void> {
  if (group === undefined) return
  for (let look = 0; look < 50; look++) {
    try {
      group.remove()
      return
    } catch {
      for (const member of group.members()) signal(member)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

function signal(processId: number): void {
  try {
    process.kill(processId, 'SIGKILL')
  } catch {
    // It has ended already.
  }
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
  return stream
}
