import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { OperationError, type Json } from '@cloister/codec'
import { isRunning, readJsonLine, startChild, type Child } from '@cloister/io'

import type { Role } from '../accounts.ts'
import { writeKeyFile } from '../child-program.ts'
import type { Devnet } from '../up.ts'

/** What a step of an actor printed when it was done. */
export type StepResult = { readonly [name: string]: Json }

const stepMs = 150_000

/** Starts people as processes that hold their own folder alone, and sends them home again. */
export class Stage {
  readonly publicFolder: string
  readonly #devnet: Pick<Devnet, 'folders'>
  readonly #present = new Map<number, Child>()
  readonly #all: number[] = []

  constructor(devnet: Pick<Devnet, 'folders'>) {
    this.#devnet = devnet
    this.publicFolder = join(devnet.folders.root, 'public')
    mkdirSync(this.publicFolder, { recursive: true })
  }

  /** The process ids of everybody who ever was here. */
  get pids(): readonly number[] {
    return this.#all
  }

  /** Gives an owner files in their own folder. */
  equip(role: Role, files: Readonly<Record<string, string>>): void {
    const folder = this.#devnet.folders.owner(role)
    if (!existsSync(join(folder, 'key'))) writeKeyFile(folder, role)
    for (const [name, content] of Object.entries(files))
      writeFileSync(join(folder, name), content, { mode: 0o600 })
  }

  /** Has somebody do one step, and waits until it is done. The process stays until {@link dismiss}. */
  async act(
    role: Role,
    program: 'clinic' | 'company' | 'patient',
    settings: Json,
  ): Promise<StepResult> {
    this.equip(role, {})
    const { folders } = this.#devnet
    const folder = folders.owner(role)
    const config = join(folder, `step-${this.#all.length}.json`)
    const { publicFolder } = this
    const { deploymentFile } = folders
    writeFileSync(config, JSON.stringify({ folder, publicFolder, deploymentFile, settings }))
    const child = await startChild({
      name: role,
      command: process.execPath,
      args: [
        '--disable-warning=ExperimentalWarning',
        fileURLToPath(import.meta.resolve(`../actors/${program}.ts`)),
        config,
      ],
      cwd: folder,
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
      readyMs: stepMs,
      readyLine: readJsonLine,
    })
    this.#present.set(child.pid, child)
    this.#all.push(child.pid)
    const { ready } = child
    if (typeof ready === 'object' && ready !== null && !isList(ready)) return ready
    throw new OperationError('step-failed', `Cannot go on: ${role} did not say what was done`)
  }

  /** Ends all that are here. @throws {OperationError} `owner-stays` where one of their processes is still there. */
  async dismiss(): Promise<void> {
    const present = [...this.#present.values()]
    this.#present.clear()
    await Promise.all(present.map((child) => child.stop()))
    const stays = present.find(({ pid }) => isRunning(pid))
    if (stays !== undefined)
      throw new OperationError('owner-stays', `Cannot go on: ${stays.name} is still running`)
  }
}

/** A text that a step printed. @throws {OperationError} `step-failed`. */
export function textOf(result: StepResult, name: string): string {
  const value = result[name]
  if (typeof value === 'string') return value
  throw new OperationError('step-failed', `Cannot go on: a step printed no ${name}`)
}

/** A number that a step printed. @throws {OperationError} `step-failed`. */
export function numberOf(result: StepResult, name: string): number {
  const value = result[name]
  if (typeof value === 'number') return value
  throw new OperationError('step-failed', `Cannot go on: a step printed no ${name}`)
}

/** One or several texts that a step printed. */
export function textsOf(result: StepResult, name: string): readonly string[] {
  const value = result[name] ?? []
  return (isList(value) ? value : [value]).filter((item) => typeof item === 'string')
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
