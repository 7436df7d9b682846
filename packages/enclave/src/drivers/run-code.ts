import { closeSync, readdirSync, readlinkSync, lstatSync } from 'node:fs'
import { join } from 'node:path'

import { assert, OperationError } from '@cloister/codec'
import type { AppManifest } from '@cloister/learn'

import { outputFolder } from '../sandbox/bubblewrap.ts'
import type { SandboxEnd } from '../sandbox/limits.ts'
import { nodeFiles, nodeInside, type SandboxProgram } from '../sandbox/program.ts'
import { runSandboxed } from '../sandbox/run-sandboxed.ts'
import { limitsOf, type AppResult, type AppRun, type AppRuntime } from './driver.ts'
import { withInputFiles } from './input-files.ts'
import { outputFolderBytes, readOutputs } from './output-files.ts'

/** Where an app's code finds its inputs. */
export const inputFolder = '/in'

const bundleFolder = '/bundle'

/**
 * Runs an app with code of its own, `js` or `rootfs`: inputs are files in `/in`, outputs are files in `/out`. All inputs are opened
 * before the first instruction runs, so that no choice of the app shows in what is fetched and when.
 *
 * @throws {OperationError} `app-ended`, `output-unusable`, or what opening an input throws.
 */
export async function runCode(runtime: AppRuntime, run: AppRun): Promise<AppResult> {
  const { manifest, inputs } = run
  assert(manifest.bundle !== undefined, 'an app with code has a bundle')
  return runtime.bundles.with(manifest.bundle, (bundle) =>
    withInputFiles(inputs, async (folder) => {
      const program = programOf(runtime, manifest, bundle, folder)
      const started = await runSandboxed(program, limitsOf(manifest), runtime.sandbox)
      assert(started.outputFolder !== undefined, 'the program was given an output folder')
      try {
        started.input.end()
        started.output.resume() // What it says there is nobody's.
        const end = await started.ended
        if (end.kind !== 'exited' || end.status !== 0)
          throw new OperationError('app-ended', `The app ended badly: ${sayEnd(end)}`)
        return readOutputs(started.outputFolder, manifest)
      } finally {
        started.kill()
        await started.ended
        closeSync(started.outputFolder)
      }
    }),
  )
}

function sayEnd(end: SandboxEnd): string {
  return end.kind === 'exited' ? `exit code ${end.status}` : `killed by ${end.by}`
}

/** What of an app with code is confined, and how it is started. */
export function programOf(
  { node, tells }: Pick<AppRuntime, 'node' | 'tells'>,
  manifest: AppManifest,
  bundle: string,
  inputs: string,
): SandboxProgram {
  const common = {
    links: [],
    tells: tells === true,
    channel: 'descriptor',
    outBytes: outputFolderBytes(manifest),
  } as const
  const input = { from: inputs, to: inputFolder }
  return manifest.driver === 'js'
    ? {
        ...common,
        profile: 'node',
        command: nodeCommand(manifest),
        reads: [...nodeFiles(node), { from: bundle, to: bundleFolder }, input],
        environment: { HOME: '/tmp', TMPDIR: '/tmp', TZ: 'UTC' },
      }
    : {
        ...common,
        profile: 'native',
        command: manifest.bundle?.entry ?? [],
        ...rootOf(bundle, input),
        environment: {
          HOME: '/tmp',
          TMPDIR: '/tmp',
          TZ: 'UTC',
          LANG: 'C.UTF-8',
          PATH: '/usr/local/bin:/usr/bin:/bin',
          PYTHONDONTWRITEBYTECODE: '1',
        },
      }
}

// The permissions are a seat belt: what holds is the sandbox around the process.
function nodeCommand({ bundle, limits }: AppManifest): readonly string[] {
  const [script = '', ...words] = bundle?.entry ?? []
  const reads = [bundleFolder, inputFolder, outputFolder, '/tmp']
  return [
    nodeInside,
    '--permission',
    '--allow-worker',
    ...reads.map((path) => `--allow-fs-read=${path}`),
    ...[outputFolder, '/tmp'].map((path) => `--allow-fs-write=${path}`),
    '--no-addons',
    '--disable-warning=ExperimentalWarning',
    '--disable-warning=SecurityWarning',
    `--max-old-space-size=${Math.floor(limits.memoryMiB * 0.75)}`,
    `${bundleFolder}/${script}`,
    ...words,
  ]
}

/** Names at the root that are the sandbox's own: what a bundle has there is not seen. */
const ownNames = ['dev', 'in', 'out', 'proc', 'sys', 'tmp']

// Each name at the root for itself: the root stays the sandbox's, so that it can be given folders that the bundle lacks.
function rootOf(bundle: string, input: SandboxProgram['reads'][number]) {
  const names = readdirSync(bundle).filter((name) => !ownNames.includes(name))
  const isLink = (name: string) => lstatSync(join(bundle, name)).isSymbolicLink()
  return {
    reads: [
      ...names
        .filter((name) => !isLink(name))
        .map((name) => ({ from: join(bundle, name), to: `/${name}` })),
      input,
    ],
    links: names
      .filter(isLink)
      .map((name) => ({ target: readlinkSync(join(bundle, name)), path: `/${name}` })),
  }
}
