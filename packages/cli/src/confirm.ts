import { createInterface } from 'node:readline/promises'

import type { OptionSpec, Given } from './command.ts'
import { usageError } from './usage-error.ts'

/** Goes on without asking. */
export const yesOption: OptionSpec = {
  flags: '--yes',
  about: 'do not ask before signing; programs are never asked',
}

/**
 * Asks whoever sits at the terminal whether to go on. Nobody is asked with `--yes`, nor where there is no terminal: a program has decided.
 *
 * @throws {OperationError} `usage`, where the answer is not yes.
 */
export async function confirm(given: Given, question: string): Promise<void> {
  if (given.flag('yes') || !process.stdin.isTTY || !process.stderr.isTTY) return
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await terminal.question(`${question} Type yes to go on: `)
    if (answer.trim().toLowerCase() === 'yes') return
  } finally {
    terminal.close()
  }
  throw usageError('Nothing was signed: the answer was not yes; run it again, or say --yes')
}
