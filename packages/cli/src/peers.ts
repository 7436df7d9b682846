import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { listNodes } from '@cloister/sdk'

import type { Answer, CommandSpec } from './command.ts'
import { readInput } from './files.ts'
import { deploymentOption, openSession } from './session.ts'
import { sayTime } from './values.ts'

const configOption = {
  flags: '--config <FILE>',
  about: 'its configuration',
  required: true,
} as const

/** `cloister node`. */
export const nodeCommands: readonly CommandSpec[] = [
  {
    usage: 'list',
    about: 'the nodes that are certified now',
    options: [deploymentOption],
    run: async (given, run) => {
      const found = await listNodes(await openSession(given, run))
      const nodes = found.map(({ record, ...node }) => ({ ...record, ...node }))
      const text = nodes.map(
        ({ receiptKey, operator, url, tier, weightWei, expiry }) =>
          `${receiptKey}  operator ${operator}  ${url}  tier ${tier}  weight ${weightWei}  until ${sayTime(expiry)}`,
      )
      return { schema: 'cloister.node.list/1', value: { nodes }, text: text.join('\n') }
    },
  },
  {
    usage: 'run',
    about: "run a node's host until it is asked to end",
    options: [configOption],
    run: async (given) => runProgram('host', given.needed('config')),
  },
]

/** `cloister verifier`. */
export const verifierCommands: readonly CommandSpec[] = [
  {
    usage: 'run',
    about: 'run a verifier until it is asked to end',
    options: [configOption],
    run: async (given) => runProgram('verifier', given.needed('config')),
  },
]

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

// The program speaks for itself: its readiness line is JSON, and its exit code is ours.
async function runProgram(name: 'host' | 'verifier', config: string): Promise<Answer> {
  readInput(config, { what: 'configuration', bytesMax: 4 * 2 ** 20 })
  const main = fileURLToPath(import.meta.resolve(`../../${name}/src/main.ts`))
  const flags = ['--disable-warning=ExperimentalWarning']
  const child = spawn(process.execPath, [...flags, main, '--config', config], { stdio: 'inherit' })
  for (const signal of signals) {
    process.removeAllListeners(signal)
    process.on(signal, () => child.kill(signal))
  }
  const exit = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)))
  })
  return { schema: `cloister.${name}.run/1`, value: { exit }, text: '', exit, silent: true }
}
