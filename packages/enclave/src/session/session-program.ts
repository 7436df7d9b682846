import { assert, OperationError } from '@cloister/codec'
import type { AppManifest } from '@cloister/learn'

import { limitsOf, type AppRuntime } from '../drivers/driver.ts'
import type { SandboxLimits } from '../sandbox/limits.ts'
import { nodeFiles, nodeInside, type SandboxProgram } from '../sandbox/program.ts'

const bundleFolder = '/bundle'
const addonThreads = 24 // Node's own, and those that its addon's library starts.

/** What runs sessions. */
export type SessionRuntime = Pick<AppRuntime, 'program' | 'node'> & {
  readonly bundles: Pick<AppRuntime['bundles'], 'with'>
}

/**
 * Calls `use` with what is confined to answer a session's requests: the measured engine for an `infer` app, the bundle's script for a language
 * model. The bundle stays unpacked until that ends.
 *
 * @throws {OperationError} `attempt-refused`, where apps of this driver answer no requests; `bundle-refused` and others of the bundle.
 */
export async function withSessionProgram<T>(
  runtime: SessionRuntime,
  manifest: AppManifest,
  use: (program: SandboxProgram) => Promise<T>,
): Promise<T> {
  const { driver, bundle } = manifest
  if (driver === 'onnx')
    return use({ ...runtime.program, command: [...runtime.program.command, 'session'] })
  if (driver !== 'llm')
    throw new OperationError(
      'attempt-refused',
      `Cannot run a session of ${manifest.name}: apps of driver ${driver} answer no requests yet`,
    )
  assert(bundle !== undefined, 'an app with code has a bundle')
  const [script = '', ...words] = bundle.entry
  return runtime.bundles.with(bundle, (folder) =>
    use({
      profile: 'engine',
      command: [nodeInside, `${bundleFolder}/${script}`, ...words],
      reads: [...nodeFiles(runtime.node), { from: folder, to: bundleFolder }],
      links: [],
      environment: { HOME: '/tmp', TMPDIR: '/tmp', TZ: 'UTC' },
      channel: 'stdio',
      outBytes: undefined,
    }),
  )
}

/** The limits of a session: the manifest's, and no longer than the attempt has. */
export function sessionLimitsOf(manifest: AppManifest, secondsLeft: number): SandboxLimits {
  const limits = limitsOf(manifest)
  return {
    ...limits,
    processesMax: manifest.limits.processes + addonThreads,
    wallSeconds: Math.min(limits.wallSeconds, secondsLeft),
  }
}
