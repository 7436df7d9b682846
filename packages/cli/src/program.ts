import { Command, CommanderError } from 'commander'

import { accountCommands } from './account.ts'
import { appCommands } from './app/commands.ts'
import { provenanceCommands } from './asset-provenance.ts'
import { eraseCommands } from './asset-erase.ts'
import { sealingCommands } from './asset-sealing.ts'
import { showCommands } from './asset-show.ts'
import { usesCommands } from './asset-uses.ts'
import { assetCommands } from './asset.ts'
import {
  addCommand,
  addNoun,
  toJsonLine,
  type Answer,
  type CommandSpec,
  type Runner,
} from './command.ts'
import { dataCommands } from './data.ts'
import { devnetCommands } from './devnet.ts'
import { evidenceCommands } from './evidence.ts'
import { exitCodes, failureOf, type Failure } from './exit-codes.ts'
import { grantCommands, grantingCommands } from './grant.ts'
import { keyCommands } from './key.ts'
import { orderCommands } from './order.ts'
import { outputCommands } from './output.ts'
import { nodeCommands, verifierCommands } from './peers.ts'
import { proxyCommand } from './proxy.ts'
import { receiptCommands } from './receipt.ts'
import { reviewCommands } from './review.ts'
import { sessionCommands } from './session-commands.ts'
import { taskCommands } from './task.ts'

const nouns: readonly (readonly [string, string, readonly CommandSpec[]])[] = [
  ['devnet', 'A whole network on this machine', devnetCommands],
  ['key', 'Keys in files', keyCommands],
  ['account', 'Money on the home chain and the spokes', accountCommands],
  ['app', 'Confidential apps', appCommands],
  ['data', 'Data before it is sealed', dataCommands],
  [
    'asset',
    'Sealed data sets, models, parameters and records',
    [
      ...sealingCommands,
      ...showCommands,
      ...grantingCommands,
      ...usesCommands,
      ...eraseCommands,
      ...assetCommands,
      ...provenanceCommands,
    ],
  ],
  ['grant', 'Permissions that owners sign', grantCommands],
  ['order', 'Work that a requester pays for', orderCommands],
  ['task', 'Orders that stand on chain', taskCommands],
  ['session', 'Inference by the unit, with one attested enclave', sessionCommands],
  ['output', 'Sealed results', outputCommands],
  ['review', 'Results that owners look at before anybody else', reviewCommands],
  ['receipt', 'Proof of what was done, checkable offline', receiptCommands],
  ['evidence', 'What a TEE signs', evidenceCommands],
  ['node', 'Machines that run tasks', nodeCommands],
  ['verifier', 'Machines that judge', verifierCommands],
]

const exitCodeHelp = `
Exit codes: 0 done, 1 failed, 2 wrong usage or unusable input, 3 not found, 5 timed out, 6 evidence or proof
refused, 7 insufficient funds, 8 chain or peer cannot be reached, 130 interrupted.
Data goes to standard output, talk to standard error. Secrets are read from files or standard input (-) only.`

/** Where a command line's data and talk go, line by line. */
export type Streams = {
  readonly data: (line: string) => void
  readonly talk: (line: string) => void
  /** Writes over the last line of talk; there where somebody looks at a terminal. */
  readonly draw?: (line: string) => void
}

/** Runs one command line; gives the exit code. */
export async function runCli(argv: readonly string[], streams: Streams): Promise<number> {
  const json = argv.includes('--json')
  let exit: number = exitCodes.ok
  const print = (answer: Answer): void => streams.data(json ? toJsonLine(answer) : answer.text)
  const runner: Runner = async (spec, given) => {
    const answer = await spec.run(given, {
      json,
      say: streams.talk,
      progress: (quiet) => ({
        say: quiet ? () => undefined : streams.talk,
        draw: quiet ? () => undefined : streams.draw,
        now: () => performance.now(),
      }),
      emit: print,
    })
    if (answer !== undefined && answer.silent !== true) print(answer)
    return answer?.exit ?? exitCodes.ok
  }
  try {
    const program = makeProgram(runner, streams, (code) => (exit = code))
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    const failure = failureOfRun(error)
    exit = failure.exit
    if (exit !== exitCodes.ok) report(failure, error, streams, json)
  }
  return exit
}

function makeProgram(
  runner: Runner,
  { data, talk }: Streams,
  onExit: (exit: number) => void,
): Command {
  const program = new Command('cloister')
    .description('Cloister: confidential computing among people who do not trust one another')
    .version('0.1.0')
    .addHelpText('afterAll', exitCodeHelp)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => data(text.trimEnd()),
      // Errors are reported in one line; what commander says at length besides is help.
      writeErr: (text) => (text.startsWith('error:') ? undefined : talk(text.trimEnd())),
    })
  for (const [noun, about, specs] of nouns) addNoun(program, noun, about, specs, runner, onExit)
  addCommand(program, proxyCommand, runner, onExit)
  return program
}

function failureOfRun(error: unknown): Failure {
  if (!(error instanceof CommanderError)) return failureOf(error)
  const exit = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  return { code: 'usage', message: usageMessage(error), exit }
}

function report({ code, message }: Failure, error: unknown, streams: Streams, json: boolean): void {
  streams.talk(`cloister: ${message}`)
  const wantsStack = code === 'unexpected' && process.env['CLOISTER_DEBUG'] !== undefined
  if (wantsStack && error instanceof Error) streams.talk(error.stack ?? '')
  if (!json) return
  const value = { error: { code, message } }
  streams.data(toJsonLine({ schema: 'cloister.error/1', value }))
}

function usageMessage(error: CommanderError): string {
  if (error.code === 'commander.help')
    return 'Cannot go on: a command is missing; see cloister --help'
  return `${error.message.replace(/^error: /, '').replaceAll('\n', ' ')}; see --help`
}
