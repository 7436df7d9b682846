import { MalformedError } from '@cloister/codec'
import { Command, Option } from 'commander'

import type { ProgressStreams } from './progress.ts'
import { usageError } from './usage-error.ts'

/** What a command found out. With `--json` `value` is the last line of standard output, else `text` is all of it. */
export type Answer = {
  /** Name and version of the JSON's form, such as `cloister.task.show/1`. */
  readonly schema: string
  readonly value: Readonly<Record<string, unknown>>
  readonly text: string
  /** 0 unless said. Programs that a command runs have codes of their own. */
  readonly exit?: number
  /** Everything was said before. */
  readonly silent?: true
}

/** How a running command speaks: data on standard output, talk on standard error. */
export type Run = {
  readonly json: boolean
  /** Tells the person something that is not data. */
  readonly say: (line: string) => void
  /** Where progress is shown; nowhere if it shall be quiet. */
  readonly progress: (quiet: boolean) => ProgressStreams
  /** Hands out one piece of a stream: a line of JSON, or a line of text. */
  readonly emit: (answer: Answer) => void
}

/** One option of a command. */
export type OptionSpec = {
  readonly flags: string
  readonly about: string
  readonly required?: true
  /** May be given several times. */
  readonly many?: true
  /** Environment variable that stands in for it. It may name a file, never hold a secret. */
  readonly env?: string
  readonly choices?: readonly string[]
}

/** One command: `cloister NOUN VERB`. */
export type CommandSpec = {
  /** `verb <ARGUMENT>`, as commander reads it. */
  readonly usage: string
  readonly about: string
  readonly options?: readonly OptionSpec[]
  readonly run: (given: Given, run: Run) => Promise<Answer | undefined>
}

/** Runs one command that was asked for; gives its exit code. */
export type Runner = (spec: CommandSpec, given: Given) => Promise<number>

/** Adds `cloister NOUN` with its verbs. */
export function addNoun(
  program: Command,
  noun: string,
  about: string,
  specs: readonly CommandSpec[],
  runner: Runner,
  onExit: (exit: number) => void,
): void {
  const parent = program.command(noun).description(about)
  for (const spec of specs) addCommand(parent, spec, runner, onExit)
}

/** Adds one command below `parent`. */
export function addCommand(
  parent: Command,
  spec: CommandSpec,
  runner: Runner,
  onExit: (exit: number) => void,
): void {
  const command = parent.command(spec.usage).description(spec.about).allowExcessArguments(false)
  for (const option of [...(spec.options ?? []), jsonOption]) command.addOption(toOption(option))
  command.action(async () => {
    onExit(await runner(spec, new Given(command)))
  })
}

const jsonOption: OptionSpec = { flags: '--json', about: 'print JSON: one line, or one per event' }

function toOption({ flags, about, required, many, env, choices }: OptionSpec): Option {
  const option = new Option(flags, about)
  if (required === true) option.makeOptionMandatory()
  if (env !== undefined) option.env(env)
  if (choices !== undefined) option.choices([...choices])
  if (many === true)
    option.argParser((value: string, before: unknown) => [
      ...(Array.isArray(before) ? before.map(String) : []),
      value,
    ])
  return option
}

/** What stood on the command line. */
export class Given {
  readonly #command: Command

  constructor(command: Command) {
    this.#command = command
  }

  /** Argument number `index`, counted from 0. */
  argument(index: number): string {
    return this.#command.args[index] ?? ''
  }

  flag(name: string): boolean {
    return this.#value(name) === true
  }

  text(name: string): string | undefined {
    const value = this.#value(name)
    return typeof value === 'string' ? value : undefined
  }

  /** An option that is needed here. */
  needed(name: string): string {
    const value = this.text(name)
    if (value === undefined)
      throw usageError(`Cannot go on: --${dashed(name)} is missing; see --help`)
    return value
  }

  texts(name: string): readonly string[] {
    const value = this.#value(name)
    return Array.isArray(value) ? value.map(String) : []
  }

  /** An option that is read by `parse`, whose errors name the option. */
  read<T>(name: string, parse: (text: string) => T): T | undefined {
    const value = this.text(name)
    return value === undefined ? undefined : readAs(`--${dashed(name)}`, value, parse)
  }

  #value(name: string): unknown {
    const value: unknown = this.#command.getOptionValue(name)
    return value
  }
}

/** Reads one value of the command line. @throws {OperationError} `usage`, naming it. */
export function readAs<T>(name: string, value: string, parse: (text: string) => T): T {
  try {
    return parse(value)
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause
    throw usageError(`Cannot use ${name} ${shown(value)}: ${cause.message}`, cause)
  }
}

/** How much of a wrong value is repeated. */
function shown(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
}

function dashed(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** JSON of an answer: whole numbers that may be large are decimal strings, bytes hexadecimal. */
export function toJsonLine(answer: Pick<Answer, 'schema' | 'value'>): string {
  return JSON.stringify({ schema: answer.schema, ...answer.value }, (_, value: unknown) => {
    if (typeof value === 'bigint') return value.toString()
    if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`
    return value
  })
}
