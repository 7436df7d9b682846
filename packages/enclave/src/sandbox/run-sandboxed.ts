import { spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'

import { assert, OperationError } from '@cloister/codec'

import { createControlGroup, type ControlGroup } from './control-group.ts'
import { limitProcess } from './limit-process.ts'
import type { SandboxEnd, SandboxLimits } from './limits.ts'
import { measureTree } from './process-tree.ts'
import { nodeInside, type SandboxProgram } from './program.ts'
import { startConfined, type Started } from './start-confined.ts'

/** A confined program that runs. What it writes on standard error is dropped: nothing of the data reaches a log. */
export type Sandboxed = {
  readonly input: Writable
  readonly output: Readable
  readonly ended: Promise<SandboxEnd>
  /** Kills the whole process tree. */
  readonly kill: () => void
  /** `/out` of the program, open, to be read once it ended and closed by whoever has it; undefined where it has none. */
  readonly outputFolder: number | undefined
  /** What holds the limits: the kernel's control group, or this process looking ten times a second. */
  readonly limitedBy: 'control-group' | 'watchdog'
}

type Killer = NonNullable<Extract<SandboxEnd, { kind: 'killed' }>['by']>

const watchMilliseconds = 100

let runs = 0

/**
 * Starts `program` under bubblewrap, or under Node's permission model alone where `kind` is `none`: that only for the
 * engine, whose code is ours. Limits are the kernel's where this process may make control groups, unless `watched` asks for
 * the watchdog that stands in for them. A program that may start processes runs under control groups only.
 *
 * @throws {OperationError} `sandbox-failed`, where it does not start.
 */
export async function runSandboxed(
  program: SandboxProgram,
  limits: SandboxLimits,
  kind: 'bubblewrap' | 'none',
  watched = false,
): Promise<Sandboxed> {
  const name = `cloister-app-${process.pid}-${runs++}`
  const group = watched ? undefined : createControlGroup(name, limits)
  // Ten looks a second are too few for what doubles at each fork, and the whole machine would pay.
  if (group === undefined && program.profile === 'native')
    throw new OperationError(
      'sandbox-failed',
      'Cannot run a program that may start processes: this node may not make control groups; give its enclave a cgroup of its own',
    )
  try {
    const started =
      kind === 'bubblewrap'
        ? await startConfined(program, limits, group)
        : await startPermitted(program, limits, group)
    return watch(started, limits, group)
  } catch (cause) {
    group?.kill()
    await removeWhenEmpty(group)
    throw new OperationError('sandbox-failed', 'Cannot start the sandbox for an app', { cause })
  }
}

// Weak: the network stays open and code in the app can signal this process. Never where sandboxing is required.
async function startPermitted(
  program: SandboxProgram,
  limits: SandboxLimits,
  group: ControlGroup | undefined,
): Promise<Started> {
  if (program.profile !== 'engine')
    throw new OperationError('no-sandbox', 'Cannot run an app’s own code without bubblewrap')
  const [, script] = program.command
  const entry = program.reads.find((file) => file.to === script)
  const node = program.reads.find((file) => file.to === nodeInside)
  assert(entry !== undefined && node !== undefined, 'the engine sees itself and Node')
  const reads = program.reads.map((file) => `--allow-fs-read=${file.from}`)
  const child = spawn(
    node.from,
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
  const { stdin: input, stdout: output } = child
  return { child, processId: child.pid, input, output, outputFolder: undefined }
}

function watch(
  { child, processId, input, output, outputFolder }: Started,
  limits: SandboxLimits,
  group: ControlGroup | undefined,
): Sandboxed {
  let killer: Killer | undefined
  let over = false
  const kill = (by: Killer) => {
    if (over) return // Its number may belong to another process by now.
    killer ??= by
    signal(processId) // Process 1 of its namespace: the kernel ends everything in it.
    group?.kill()
    child.kill('SIGKILL')
  }
  const deadline = setTimeout(() => kill('time'), limits.wallSeconds * 1000)
  const look = setInterval(() => {
    // A process's own limit does not count what the processes that it started spend.
    if ((group?.cpuSeconds() ?? 0) > limits.cpuSeconds) kill('time')
    // The kernel kills one process for memory; the others of the app go with it.
    if (group?.memoryExceeded() === true) kill('memory')
    if (group !== undefined) return
    const use = measureTree(processId)
    if (use.residentBytes > limits.memoryBytes) kill('memory')
    else if (use.threads > limits.processesMax) kill('processes')
    else if (use.cpuSeconds > limits.cpuSeconds) kill('time')
  }, watchMilliseconds)

  const ended = new Promise<SandboxEnd>((resolve) => {
    child.once('close', (status, by) => {
      over = true
      clearTimeout(deadline)
      clearInterval(look)
      const end = endOf(status, by, group?.memoryExceeded() ?? false, killer)
      void removeWhenEmpty(group).then(() => resolve(end))
    })
  })
  input.on('error', () => undefined) // A program that ends early closes its input; `ended` tells it.
  return {
    input,
    output,
    outputFolder,
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
      group.kill()
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
