import { resolve } from 'node:path'

import { fetchOutput, openOutput, readApprovals } from '@cloister/sdk'

import type { CommandSpec, Given, Run } from './command.ts'
import { readInput, refuseExisting, writeOutput } from './files.ts'
import { refuseFilled, writeFolder } from './output-folder.ts'
import { forceOption, outOption, writeRule } from './output-options.ts'
import { readRecipientKey } from './recipient-key.ts'
import { openSession, optionalDeploymentOption, deploymentOption } from './session.ts'
import { usageError } from './usage-error.ts'
import { parseId } from './values.ts'

const sealedBytesMax = 256 * 2 ** 20

/** `cloister output`. */
export const outputCommands: readonly CommandSpec[] = [
  {
    usage: 'fetch <TASK>',
    about: "fetch a task's sealed output by its digest, without opening it",
    options: [deploymentOption, outOption('the sealed output'), forceOption],
    run: async (given, run) => {
      const task = parseId('task', given.argument(0))
      const out = given.needed('out')
      const rule = writeRule(given, 'sealed output')
      refuseExisting(out, rule)
      const { sealed, receipt } = await fetchOutput(await openSession(given, run), task)
      writeOutput(out, sealed, rule)
      const value = { task, digest: receipt.outputDigest, bytes: sealed.length, path: out }
      return { schema: 'cloister.output.fetch/1', value, text: receipt.outputDigest }
    },
  },
  {
    usage: 'open <TASK>',
    about: "open a task's output into a new folder",
    options: [
      optionalDeploymentOption,
      { flags: '--key <FILE>', about: 'the recipient key that the order named', required: true },
      {
        flags: '--out <DIR>',
        about: 'the folder, which must not exist or be empty',
        required: true,
      },
      {
        flags: '--sealed <FILE>',
        about: 'a sealed output that was fetched before: nothing is asked of the network',
      },
    ],
    run: async (given, run) => {
      const task = parseId('task', given.argument(0))
      const out = resolve(given.needed('out'))
      refuseFilled(out)
      const { secretKey } = readRecipientKey(given.needed('key'))
      const { sealed, approvals } = await sealedBytes(given, run, task)
      const opened = await openOutput(secretKey, sealed, task, approvals)
      const files = writeFolder(out, opened)
      const { attempt, metrics } = opened
      const text = [
        ...Object.entries(metrics).map(([name, figure]) => `${name} ${figure}`),
        ...files.map(({ path, bytes }) => `${path} (${bytes} bytes)`),
      ].join('\n')
      return { schema: 'cloister.output.open/1', value: { task, attempt, metrics, files }, text }
    },
  },
]

async function sealedBytes(given: Given, run: Run, task: `0x${string}`) {
  const path = given.text('sealed')
  const isNamed = given.text('deployment') !== undefined
  if (path === undefined && !isNamed)
    throw usageError('Cannot fetch the output: say --deployment, or --sealed for a file')
  const client = isNamed ? await openSession(given, run) : undefined
  // Without a deployment nobody can be asked for approvals: what owners review stays closed.
  const approvals = client === undefined ? [] : await readApprovals(client, task)
  if (path !== undefined || client === undefined)
    return {
      sealed: readInput(path ?? '-', { what: 'sealed output', bytesMax: sealedBytesMax }),
      approvals,
    }
  return { sealed: (await fetchOutput(client, task)).sealed, approvals }
}
