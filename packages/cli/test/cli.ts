import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { runCli } from '@cloister/cli'

/** The program as it is installed. */
export const program = fileURLToPath(import.meta.resolve('../src/main.ts'))

/** How one run of the program ended. */
export type Ended = {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** How a run is surrounded. */
export type Around = {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** Programs that run it: `unshare -n`. */
  readonly under?: readonly string[]
}

/** Runs the real program and waits for its end. */
export function cli(args: readonly string[], around: Around = {}): Promise<Ended> {
  const child = start(args, around)
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (part: Buffer) => (stdout += part.toString()))
  child.stderr?.on('data', (part: Buffer) => (stderr += part.toString()))
  child.stdin?.end(around.input ?? '')
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}

/** Starts the real program. */
export function start(args: readonly string[], { cwd, env, under = [] }: Around): ChildProcess {
  const [command, ...rest] = [...under, program, ...args]
  return spawn(command ?? program, rest, {
    stdio: 'pipe',
    ...(cwd === undefined ? {} : { cwd }),
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...env },
  })
}

/** The last line of a run's output, as JSON. */
export function lastJson({ stdout }: Pick<Ended, 'stdout'>): Record<string, unknown> {
  const line = stdout.trimEnd().split('\n').at(-1) ?? ''
  return { ...Object(JSON.parse(line)) }
}

/** Runs a command inside this process: the same code without the cost of a start. */
export async function here(args: readonly string[]): Promise<Ended> {
  const data: string[] = []
  const talk: string[] = []
  const streams = {
    data: (line: string) => void data.push(line),
    talk: (line: string) => void talk.push(line),
  }
  const code = await runCli(args, streams)
  return { code, stdout: data.join('\n'), stderr: talk.join('\n') }
}
