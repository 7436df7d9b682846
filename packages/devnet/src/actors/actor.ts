import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { OperationError, type Json } from '@cloister/codec'
import { accountOf, describeError, readConfig, readKeyFile, writeToStderr } from '@cloister/io'
import { objectField, textField, type Field } from '@cloister/protocol'
import { connect, type Client } from '@cloister/sdk'

/** Somebody in the story, while one step of theirs runs: they hold their own folder and nothing else. */
export type Actor<Settings> = {
  readonly client: Client
  readonly settings: Settings
  /** Reads a file of the actor's own folder. */
  readonly read: (name: string) => Buffer<ArrayBuffer>
  /** Writes a file into the actor's own folder, for its owner's eyes only. */
  readonly write: (name: string, content: string | Uint8Array) => void
  /** The folder in which everybody puts what everybody may see. */
  readonly publicFolder: string
}

const path = textField(4096, 1)

/**
 * Runs one step of an actor in a process of its own: reads the configuration that the first argument names, prints what came out as one
 * JSON line, then idles until somebody ends it. It exits with 1, and says why, when the step fails.
 */
export async function runActor<Settings>(
  settingsField: Field<Settings>,
  step: (actor: Actor<Settings>) => Promise<{ readonly [name: string]: Json }>,
): Promise<void> {
  try {
    const result = await step(await openActor(settingsField))
    process.stdout.write(`${JSON.stringify({ done: true, ...result })}\n`)
    // A timer keeps it alive; SIGTERM, without a handler, ends it.
    setInterval(() => undefined, 3_600_000)
  } catch (error) {
    writeToStderr(describeError(error))
    process.exitCode = 1
  }
}

async function openActor<Settings>(settingsField: Field<Settings>): Promise<Actor<Settings>> {
  const file = process.argv[2]
  if (file === undefined)
    throw new OperationError('usage', 'Cannot act: name the configuration file')
  const config = readConfig(
    file,
    objectField({
      folder: path,
      publicFolder: path,
      deploymentFile: path,
      settings: settingsField,
    }),
  )
  const account = accountOf(readKeyFile(join(config.folder, 'key')))
  const deployment = readFileSync(config.deploymentFile, 'utf8')
  return {
    client: await connect({ deployment, account }),
    settings: config.settings,
    read: (name) => readFileSync(join(config.folder, name)),
    write: (name, content) => writeFileSync(join(config.folder, name), content, { mode: 0o600 }),
    publicFolder: config.publicFolder,
  }
}
