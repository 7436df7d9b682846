import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

import { OperationError } from '@cloister/codec'
import { fetchOutput, openOutput, type OpenedOutput } from '@cloister/sdk'

import type { CommandSpec, Given, Run } from './command.ts'
import { partialFiles, readInput, refuseExisting, unwritable, writeOutput } from './files.ts'
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
      const opened = await openOutput(secretKey, await sealedBytes(given, run, task), task)
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
  if (path !== undefined)
    return readInput(path, { what: 'sealed output', bytesMax: sealedBytesMax })
  if (given.text('deployment') === undefined)
    throw usageError('Cannot fetch the output: say --deployment, or --sealed for a file')
  return (await fetchOutput(await openSession(given, run), task)).sealed
}

// All files appear together or not at all. Their names come from an enclave, so none may lead elsewhere.
function writeFolder(out: string, { outputs }: OpenedOutput) {
  const partial = join(dirname(out), `.${basename(out)}.${process.pid}.partial`)
  const bad = outputs.find(({ name }) => !/^[a-z0-9][a-z0-9.-]{0,63}$/.test(name))
  if (bad !== undefined)
    throw new OperationError(
      'output-refused',
      `Cannot write the output ${JSON.stringify(bad.name)}: this is no plain file name; the app should not have made it`,
    )
  try {
    partialFiles.add(partial)
    mkdirSync(partial, { mode: 0o700 })
    for (const { name, bytes } of outputs)
      writeOutput(join(partial, name), bytes, { what: 'output', force: false })
    renameSync(partial, out)
  } catch (cause) {
    throw unwritable(out, 'output folder', cause)
  } finally {
    rmSync(partial, { recursive: true, force: true })
    partialFiles.delete(partial)
  }
  return outputs.map(({ name, bytes }) => ({ path: join(out, name), bytes: bytes.length }))
}

function refuseFilled(out: string): void {
  let entries: readonly string[]
  try {
    entries = readdirSync(out)
  } catch {
    return // It does not exist, or writing will say what is wrong with it.
  }
  if (entries.length > 0)
    throw new OperationError(
      'file-exists',
      `Cannot open the output into ${out}: the folder is not empty; choose another`,
    )
}
