import { appendFileSync, closeSync, fsyncSync, openSync, readFileSync } from 'node:fs'

import { OperationError } from '@cloister/codec'

/**
 * A list of parts that are done, on disk: one line each, flushed before the next. A line that a crash cut in half does not count.
 */
export type PartLog = {
  /** Digests of the parts that are done, by index. */
  readonly done: ReadonlyMap<number, string>
  /** Notes one more; it is on disk when this returns. */
  readonly add: (index: number, digest: string) => void
  readonly close: () => void
}

/**
 * Opens the log at `path`, which begins with the line `about`.
 *
 * @throws {OperationError} `folder-in-use`, where it is about something else.
 */
export function openPartLog(path: string, about: string): PartLog {
  const done = new Map<number, string>()
  const text = readText(path)
  const lines = text.split('\n')
  const torn = lines.pop() ?? '' // Without a newline: its write did not end.
  if (lines.length > 0 && lines[0] !== about)
    throw new OperationError(
      'folder-in-use',
      `Cannot go on in ${path}: it belongs to something else; choose another folder, or remove this one`,
    )
  for (const line of lines.slice(1)) {
    const [, index, digest] = /^(\d{1,5}) ([0-9a-f]{64})$/.exec(line) ?? []
    if (index !== undefined && digest !== undefined) done.set(Number(index), digest)
  }
  const file = openSync(path, 'a', 0o600)
  const write = (line: string): void => {
    appendFileSync(file, `${line}\n`)
    fsyncSync(file)
  }
  if (torn !== '') write('')
  if (lines.length === 0) write(about)
  return {
    done,
    add: (index, digest) => {
      write(`${index} ${digest}`)
      done.set(index, digest)
    },
    close: () => closeSync(file),
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return '' // A log that is not there yet. One that cannot be read cannot be opened either, and that is said.
  }
}
