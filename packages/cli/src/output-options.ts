import type { Given, OptionSpec } from './command.ts'
import type { WriteRule } from './files.ts'

/** Where a result is written. */
export function outOption(about: string): OptionSpec {
  return { flags: '--out <FILE>', about, required: true }
}

/** Writes over what is there. */
export const forceOption: OptionSpec = { flags: '--force', about: 'write over a file that exists' }

/** How a command's file is written. */
export function writeRule(given: Given, what: string): WriteRule {
  return { what, force: given.flag('force') }
}
