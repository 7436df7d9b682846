import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

import { OperationError, parseJson, type Json } from '@cloister/codec'

import { descendantsOf, isRunning, signalTree } from './process-tree.ts'

/** How a child is started and how it says that it is ready. */
export type ChildOptions = {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly cwd?: string
  /** The whole environment of the child: nothing is passed on unless it stands here. */
  readonly env: Readonly<Record<string, string>>
  readonly readyMs: number
  /**
   * What a line of its standard output means: a value once it is ready, undefined before.
   * {@link readJsonLine} takes the first line that is a JSON object.
   */
  readonly readyLine: (line: string) => Json | undefined
  /** Receives each line of standard error, and of standard output after readiness. */
  readonly onLine?: (line: string) => void
}

/** How a process ended. */
export type ChildExit = { readonly code: number | undefined; readonly signal: string | undefined }

/** A child process that is ready. */
export type Child = {
  readonly name: string
  readonly pid: number
  readonly ready: Json
  readonly exited: Promise<ChildExit>
  /** Ends it and its descendants: SIGTERM, then SIGKILL after `graceMs` (5 s unless said). */
  readonly stop: (graceMs?: number) => Promise<ChildExit>
  /** Ends it and its descendants at once, as a power cut would. */
  readonly kill: () => Promise<ChildExit>
}

const lineCharactersMax = 65_536
const running = new Set<number>()
const deathSignal = '/usr/bin/setpriv'

/** A readiness line that is one JSON object. */
export function readJsonLine(line: string): Json | undefined {
  if (!line.startsWith('{')) return undefined
  return parseJson(line, 'readiness line', { charactersMax: lineCharactersMax, depthMax: 16 })
}

/**
 * Starts a process, and waits until it says that it is ready. It dies with this process, however
 * that ends (on Linux with `setpriv`; elsewhere on every end but a kill -9).
 *
 * @throws {OperationError} `child-missing`, `child-ended`, `child-silent`.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const wrap = process.platform === 'linux' && existsSync(deathSignal)
  const child = spawn(
    wrap ? deathSignal : options.command,
    wrap ? ['--pdeathsig', 'KILL', '--', options.command, ...options.args] : [...options.args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true, // Leads a group, so that all of it can be signalled.
      env: { ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    },
  )
  const exited = watchExit(child)
  const { pid } = child
  if (pid === undefined)
    throw new OperationError(
      'child-missing',
      `Cannot start ${options.name}: ${options.command} does not run; check that it exists`,
    )
  remember(pid, exited)
  const end = async (graceMs: number): Promise<ChildExit> => {
    // Once the child is gone nobody can tell any more which processes were its own.
    const descendants = descendantsOf(pid)
    if (graceMs > 0) {
      signalTree(pid, 'SIGTERM')
      await Promise.race([exited, sleep(graceMs, undefined, { ref: false })])
    }
    signalTree(pid, 'SIGKILL')
    for (const descendant of descendants)
      if (isRunning(descendant)) signalTree(descendant, 'SIGKILL')
    return exited
  }
  try {
    const ready = await waitReady(child, options, exited)
    return {
      name: options.name,
      pid,
      ready,
      exited,
      stop: (graceMs = 5_000) => end(graceMs),
      kill: () => end(0),
    }
  } catch (error) {
    await end(0)
    throw error
  }
}

function watchExit(child: ChildProcess): Promise<ChildExit> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: undefined, signal: undefined }))
    child.once('exit', (code, signal) =>
      resolve({ code: code ?? undefined, signal: signal ?? undefined }),
    )
  })
}

function waitReady(
  child: ChildProcess,
  options: ChildOptions,
  exited: Promise<ChildExit>,
): Promise<Json> {
  const lastLines: string[] = []
  return new Promise((resolve, reject) => {
    let ready = false
    const fail = (code: string, detail: string): void =>
      reject(
        new OperationError(
          code,
          `Cannot start ${options.name}: ${detail}${lastLines.length > 0 ? `; its last lines: ${lastLines.join(' | ')}` : ''}`,
        ),
      )
    const timer = setTimeout(
      () => fail('child-silent', `not ready after ${options.readyMs} ms`),
      options.readyMs,
    )
    const tell = (line: string): void => {
      if (!ready) lastLines.push(line.slice(0, 500))
      if (lastLines.length > 5) lastLines.shift()
      options.onLine?.(line)
    }
    if (child.stderr !== null) createInterface({ input: child.stderr }).on('line', tell)
    if (child.stdout !== null)
      createInterface({ input: child.stdout }).on('line', (line) => {
        const value = ready ? undefined : tryLine(options, line)
        if (value === undefined) return tell(line)
        ready = true
        clearTimeout(timer)
        resolve(value)
      })
    void exited.then(async ({ code, signal }) => {
      clearTimeout(timer)
      await sleep(50) // What it wrote last may still be in the pipe.
      if (!ready) fail('child-ended', `it ended with ${signal ?? `exit code ${code ?? 'unknown'}`}`)
    })
  })
}

function tryLine(options: ChildOptions, line: string): Json | undefined {
  try {
    return options.readyLine(line)
  } catch {
    return undefined
  }
}

function remember(pid: number, exited: Promise<ChildExit>): void {
  if (running.size === 0) process.on('exit', killAll)
  running.add(pid)
  void exited.then(() => {
    running.delete(pid)
    if (running.size === 0) process.off('exit', killAll)
  })
}

function killAll(): void {
  for (const pid of running) if (isRunning(pid)) signalTree(pid, 'SIGKILL')
}
