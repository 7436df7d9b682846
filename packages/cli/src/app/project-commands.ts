import { mkdirSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'

import { usageError } from '../usage-error.ts'
import type { CommandSpec } from '../command.ts'
import { refuseExisting, writeOutput } from '../files.ts'
import { deploymentOption, openSession, optionalKeyOption } from '../session.ts'
import { buildProject, initProject, readBuilt, readSamples, templates } from './project.ts'
import { publishApp } from './publish-app.ts'
import { tryApp } from './try-app.ts'

/** `cloister app init`, `build`, `test` and `publish`: from nothing to an app that orders may name. */
export const projectCommands: readonly CommandSpec[] = [
  {
    usage: 'init <DIR>',
    about: 'write a project that runs as it stands',
    options: [
      {
        flags: '--template <NAME>',
        about: 'what to begin with',
        required: true,
        choices: templates,
      },
      { flags: '--name <NAME>', about: "the app's name; the folder's, unless said" },
    ],
    run: async (given) => {
      const folder = resolve(given.argument(0))
      const name = given.text('name') ?? basename(folder)
      if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name) || name.length > 64)
        throw usageError(`Cannot name an app ${JSON.stringify(name)}: say --name in kebab-case`)
      const template = given.needed('template')
      initProject(folder, template, name)
      const first = template === 'python-rootfs' ? `${folder}/build-root.sh, then ` : ''
      const text = `${folder}\nnext: ${first}cloister app test ${folder}`
      return { schema: 'cloister.app.init/1', value: { folder, name, template }, text }
    },
  },
  {
    usage: 'build <DIR>',
    about:
      'make the bundle and the manifest of a project; equal projects give equal ids everywhere',
    run: async (given) => {
      const built = buildProject(resolve(given.argument(0)))
      const { id, manifest } = built.app
      const bundle = manifest.bundle ?? null
      const value = {
        id,
        name: manifest.name,
        version: manifest.version,
        bundle,
        folder: built.folder,
      }
      return { schema: 'cloister.app.build/1', value, text: id }
    },
  },
  {
    usage: 'test <DIR>',
    about:
      'build a project and run it over its samples in the sandbox of enclaves, without network',
    options: [{ flags: '--out <DIR>', about: 'write the outputs here' }],
    run: async (given, run) => {
      const folder = resolve(given.argument(0))
      const out = given.text('out')
      const built = buildProject(folder)
      const { manifest, id } = built.app
      if (out !== undefined)
        for (const { name } of manifest.outputs)
          refuseExisting(join(out, name), { what: 'output', force: false })
      const result = await tryApp(built, readSamples(folder, manifest))
      if (out !== undefined) {
        mkdirSync(out, { recursive: true })
        for (const { name, bytes } of result.outputs)
          writeOutput(join(out, name), bytes, { what: 'output', force: false })
      }
      const outputs = result.outputs.map(({ name, bytes }) => ({ name, bytes: bytes.length }))
      const seconds = Number(result.seconds.toFixed(3))
      const text = [
        `app ${id}`,
        ...outputs.map(({ name, bytes }) => `output ${name}: ${bytes} bytes`),
        ...Object.entries(result.metrics).map(([name, value]) => `metric ${name}: ${value}`),
        `ran ${seconds} s of ${manifest.limits.wallSeconds} s`,
      ]
      if (!run.json && out === undefined) text.push(...previews(result.outputs))
      const value = { id, outputs, metrics: result.metrics, seconds }
      return { schema: 'cloister.app.test/1', value, text: text.join('\n') }
    },
  },
  {
    usage: 'publish <DIR>',
    about:
      'store a built bundle with the nodes, name the app in the deployment and list it on chain',
    options: [deploymentOption, optionalKeyOption],
    run: async (given, run) => {
      const built = readBuilt(resolve(given.argument(0)))
      const client = await openSession(given, run)
      const done = await publishApp(client, built, given.needed('deployment'), run.say)
      const listing = done.listed
        ? 'listed: orders may name it'
        : `not listed yet: ask ${done.governance} to call setApp(${done.id}, 1) of the app registry`
      const text = `app ${done.id}\n${done.objects} objects at ${done.stores.length} stores\n${listing}`
      return { schema: 'cloister.app.publish/1', value: { ...done }, text }
    },
  },
]

const previewBytes = 400

// Text as it is, cut short: on a terminal the author wants to see it.
function previews(
  outputs: readonly { readonly name: string; readonly bytes: Uint8Array }[],
): readonly string[] {
  return outputs.flatMap(({ name, bytes }) => {
    const text = new TextDecoder().decode(bytes.subarray(0, previewBytes))
    const isText = Array.from(text).every((sign) => sign >= ' ' || sign === '\n' || sign === '\t')
    return isText && !text.includes('\ufffd') ? [`--- ${name}`, text.trimEnd()] : []
  })
}
