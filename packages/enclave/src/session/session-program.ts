import { assert, OperationError } from '@cloister/codec'
import type { AppManifest } from '@cloister/learn'
import type { Order } from '@cloister/protocol'

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
  assert(driver === 'llm' && bundle !== undefined, 'other apps were refused before')
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

/**
 * Asserts that an order by the unit is of an app that answers requests, and the other way round, before anybody releases a key for it.
 *
 * @throws {OperationError} `attempt-refused`.
 */
export function requireSession({ unitWei }: Pick<Order, 'unitWei'>, app: AppManifest): void {
  if (app.session === undefined && unitWei > 0n)
    refuse(`the order pays by the unit, and ${app.name} answers no requests`)
  if (app.session !== undefined && unitWei === 0n)
    refuse(`${app.name} answers requests, and the order has no unitWei`)
  if (app.session !== undefined && app.outputs[0]?.name !== sessionOutput)
    refuse(`the first output of ${app.name} is not ${sessionOutput}`)
  if (app.session !== undefined && app.driver !== 'onnx' && app.driver !== 'llm')
    refuse(`apps of driver ${app.driver} answer no requests yet`)
}

/** The output in which a session's summary stands. */
export const sessionOutput = 'session.json'

function refuse(detail: string): never {
  throw new OperationError('attempt-refused', `Cannot run this session: ${detail}`)
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
