import { closeSync, openSync, writeSync } from 'node:fs'

import { OperationError } from '@cloister/codec'

/** Severity of a log line, least first. */
export const logLevels = ['debug', 'info', 'warn', 'error'] as const

/** Severity of one log line. */
export type LogLevel = (typeof logLevels)[number]

/** What a log line may carry: plain values and errors. A {@link Secret} is not one of them. */
export type LogValue = string | number | boolean | bigint | undefined | Error | readonly string[]

/** Named values of one log line. */
export type LogFields = { readonly [name: string]: LogValue }

/** Writes log lines. `with` gives a log whose lines all carry more fields. */
export type Log = {
  readonly debug: (message: string, fields?: LogFields) => void
  readonly info: (message: string, fields?: LogFields) => void
  readonly warn: (message: string, fields?: LogFields) => void
  readonly error: (message: string, fields?: LogFields) => void
  readonly with: (fields: LogFields) => Log
}

/** Where log lines go, from which level on, and whether people or programs read them. */
export type LogOptions = {
  readonly level: LogLevel
  readonly format: 'json' | 'human'
  readonly write: (line: string) => void
  readonly now?: () => Date
}

/** Longest text of one field; the rest is cut, so that no stranger's message fills the disk. */
const fieldCharactersMax = 2_000

/** Makes a log. */
export function createLog(options: LogOptions, bound: LogFields = {}): Log {
  const { format, write } = options
  const now = options.now ?? (() => new Date())
  const least = logLevels.indexOf(options.level)
  const at =
    (level: LogLevel) =>
    (message: string, fields: LogFields = {}): void => {
      if (logLevels.indexOf(level) < least) return
      const printed = printFields({ ...bound, ...fields })
      const time = now().toISOString()
      write(
        format === 'json'
          ? JSON.stringify({ time, level, message: cut(message), ...printed })
          : humanLine(time, level, cut(message), printed),
      )
    }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => createLog(options, { ...bound, ...fields }),
  }
}

/** A log that writes nothing. */
export const silentLog: Log = createLog({ level: 'error', format: 'json', write: () => undefined })

/** A line writer onto standard error. */
export function writeToStderr(line: string): void {
  process.stderr.write(`${line}\n`)
}

/**
 * A line writer that appends to a file readable by its owner only, and the way to close it.
 *
 * @throws {OperationError} `log-unwritable`.
 */
export function openLogFile(path: string): { write: (line: string) => void; close: () => void } {
  try {
    const file = openSync(path, 'a', 0o600)
    return { write: (line) => void writeSync(file, `${line}\n`), close: () => closeSync(file) }
  } catch (cause) {
    throw new OperationError(
      'log-unwritable',
      `Cannot append to the log file ${path}: check that its folder exists and may be written`,
      { cause },
    )
  }
}

function printFields(
  fields: LogFields,
): Record<string, string | number | boolean | readonly string[]> {
  const printed: Record<string, string | number | boolean | readonly string[]> = {}
  for (const [name, value] of Object.entries(fields)) {
    const safe = printValue(value)
    if (safe !== undefined) printed[name] = safe
  }
  return printed
}

function printValue(value: LogValue): string | number | boolean | readonly string[] | undefined {
  if (value === undefined || typeof value === 'number' || typeof value === 'boolean') return value
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'string') return cut(value)
  if (value instanceof Error) return cut(describeError(value))
  // Anything else, a secret that slipped past the types included, prints only as a list of texts.
  return Array.isArray(value)
    ? value.slice(0, 100).map((item) => cut(String(item)))
    : '[not printed]'
}

/** An error in one line: its code where it has one, its message, and the messages beneath it. */
export function describeError(error: unknown): string {
  const parts: string[] = []
  let current: unknown = error
  while (current instanceof Error && parts.length < 5) {
    const code = 'code' in current && typeof current.code === 'string' ? `${current.code}: ` : ''
    parts.push(`${code}${current.message.split('\n')[0] ?? ''}`)
    current = current.cause
  }
  return parts.length > 0 ? parts.join(' <- ') : 'an error that is not an Error'
}

function humanLine(
  time: string,
  level: LogLevel,
  message: string,
  printed: Readonly<Record<string, string | number | boolean | readonly string[]>>,
): string {
  const rest = Object.entries(printed).map(([name, value]) => `${name}=${JSON.stringify(value)}`)
  return [time.slice(11, 23), level.padEnd(5), message, ...rest].join(' ')
}

function cut(text: string): string {
  return text.length > fieldCharactersMax ? `${text.slice(0, fieldCharactersMax)}...` : text
}
