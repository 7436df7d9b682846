import { Command, CommanderError } from 'commander'

import { accountCommands } from './account.ts'
import { appCommands } from './app.ts'
import { assetCommands } from './asset.ts'
import { addNoun, toJsonLine, type Answer, type CommandSpec, type Runner } from './command.ts'
import { dataCommands } from './data.ts'
import { devnetCommands } from './devnet.ts'
import { evidenceCommands } from './evidence.ts'
import { exitCodes, failureOf, type ExitCode } from './exit-codes.ts'
import { removePartialFiles } from './files.ts'
import { grantCommands } from './grant.ts'
import { keyCommands } from './key.ts'
import { orderCommands } from './order.ts'
import { outputCommands } from './output.ts'
import { nodeCommands, verifierCommands } from './peers.ts'
import { receiptCommands } from './receipt.ts'
import { taskCommands } from './task.ts'

const nouns: readonly (readonly [string, string, readonly CommandSpec[]])[] = [
  ['devnet', 'A whole network on this machine', devnetCommands],
  ['key', 'Keys in files', keyCommands],
  ['account', 'Money on the home chain and the spokes', accountCommands],
  ['app', 'Confidential apps', appCommands],
  ['data', 'Data before it is sealed', dataCommands],
  ['asset', 'Sealed data sets, models, parameters and records', assetCommands],
  ['grant', 'Permissions that owners sign', grantCommands],
  ['order', 'Work that a requester pays for', orderCommands],
  ['task', 'Orders that stand on chain', taskCommands],
  ['output', 'Sealed results', outputCommands],
  ['receipt', 'Proof of what was done, checkable offline', receiptCommands],
  ['evidence', 'What a TEE signs', evidenceCommands],
  ['node', 'Machines that run tasks', nodeCommands],
  ['verifier', 'Machines that judge', verifierCommands],
]

const exitCodeHelp = `
Exit codes: 0 done, 1 failed, 2 wrong usage or unusable input, 3 not found, 5 timed out, 6 evidence or proof
refused, 7 insufficient funds, 8 chain or peer cannot be reached, 130 interrupted.
Data goes to standard output, talk to standard error. Secrets are read from files or standard input (-) only.`

/** Runs one command line; gives the exit code. */
export async function runCli(argv: readonly string[]): Promise<number> {
  const json = argv.includes('--json')
  let exit: number = exitCodes.ok
  process.on('exit', removePartialFiles)
  process.on('SIGINT', leave)
  process.on('SIGTERM', leave)
  process.stdout.on('error', () => process.exit(exit)) // Whoever read it has read enough.
  const runner: Runner = async (spec, given) => {
    const answer = await spec.run(given, {
      json,
      say: (line) => process.stderr.write(`${line}\n`),
      emit: (piece) => print(piece, json),
    })
    if (answer !== undefined && answer.silent !== true) print(answer, json)
    return answer?.exit ?? exitCodes.ok
  }
  try {
    await makeProgram(runner, (code) => (exit = code)).parseAsync([...argv], { from: 'user' })
  } catch (error) {
    exit = report(error, json)
  }
  return exit
}

/** The whole command line, with its help. */
export function makeProgram(runner: Runner, onExit: (exit: number) => void): Command {
  const program = new Command('cloister')
    .description('Cloister: confidential computing among people who do not trust one another')
    .version('0.1.0')
    .addHelpText('afterAll', exitCodeHelp)
    .exitOverride()
    .configureOutput({ writeErr: sayHelp })
  for (const [noun, about, specs] of nouns) addNoun(program, noun, about, specs, runner, onExit)
  return program
}

// Errors are reported in one line; what commander says at length besides is help.
function sayHelp(text: string): void {
  if (text.startsWith('Usage:')) process.stderr.write(text)
}

function leave(): void {
  process.exit(exitCodes.interrupted)
}

function print(answer: Answer, json: boolean): void {
  process.stdout.write(`${json ? toJsonLine(answer) : answer.text}\n`)
}

function report(error: unknown, json: boolean): ExitCode {
  if (error instanceof CommanderError && error.exitCode === 0) return exitCodes.ok
  const { code, message, exit } =
    error instanceof CommanderError
      ? { code: 'usage', message: usageMessage(error), exit: exitCodes.usage }
      : failureOf(error)
  process.stderr.write(`cloister: ${message}\n`)
  if (
    code === 'unexpected' &&
    process.env['CLOISTER_DEBUG'] !== undefined &&
    error instanceof Error
  )
    process.stderr.write(`${error.stack}\n`)
  if (json)
    print({ schema: 'cloister.error/1', value: { error: { code, message } }, text: '' }, true)
  return exit
}

function usageMessage(error: CommanderError): string {
  if (error.code === 'commander.help')
    return 'Cannot go on: a command is missing; see cloister --help'
  return `${error.message.replace(/^error: /, '').replaceAll('\n', ' ')}; see --help`
}
