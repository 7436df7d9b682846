import { OperationError } from '@cloister/codec'
import type { AppManifest } from '@cloister/learn'

import type { AppResult, AppRun, AppRuntime } from '../drivers/driver.ts'
import { drivers } from '../drivers/drivers.ts'
import { InputUnreadable } from '../engine/client.ts'
import type { PrivacySpent } from '../engine/messages.ts'
import { applyOutputPolicy } from '../outputs/output-policy.ts'
import { handOutMilliseconds } from '../outputs/hand-out-time.ts'
import { probeControlGroups } from '../sandbox/control-group.ts'
import type { PreparedAttempt } from './prepare-attempt.ts'

/**
 * Runs an app over sealed inputs inside the sandbox, within its manifest's limits, and holds what it gives against the output policy. How
 * it ends is told at one of a few times only, see {@link handOutMilliseconds}.
 *
 * @throws {OperationError} `app-failed`, and no word why; `part-refused`, `wrong-key`, `tampered` or the host's, where an input does
 * not open.
 */
export async function runApp(runtime: AppRuntime, run: AppRun): Promise<AppResult> {
  const driver = drivers[run.manifest.driver]
  requireDriver(runtime, run.manifest)
  if (driver === undefined) throw appFailed()
  const began = performance.now()
  try {
    return applyOutputPolicy(run.manifest, await driver(runtime, run))
  } catch (cause) {
    if (cause instanceof InputUnreadable) throw cause.cause
    throw appFailed(cause)
  } finally {
    await until(began + handOutMilliseconds(performance.now() - began))
  }
}

/**
 * What a run spent of the privacy budgets: nothing where the app adds no noise, for then no budget says anything about it.
 *
 * @throws {OperationError} `app-failed`, where a private app does not say, or past what the order may spend.
 */
export function spentPrivacy(
  { manifest, order }: Pick<PreparedAttempt, 'manifest' | 'order'>,
  { spent }: AppResult,
): PrivacySpent {
  if (manifest.privacy === 'none') return { epsilonMicros: 0n, deltaPicos: 0n }
  if (
    spent === undefined ||
    spent.epsilonMicros === 0n ||
    spent.epsilonMicros > order.epsilonMicros ||
    spent.deltaPicos > order.deltaPicos
  )
    throw appFailed()
  return { epsilonMicros: spent.epsilonMicros, deltaPicos: spent.deltaPicos }
}

/**
 * Asserts that this enclave can run an app, before anybody releases a key for it.
 *
 * @throws {OperationError} `attempt-refused`.
 */
export function requireDriver(
  { sandbox, accelerator = 'none' }: Pick<AppRuntime, 'sandbox' | 'accelerator'>,
  app: AppManifest,
): void {
  if (sandbox === 'none' && app.driver !== 'onnx')
    refuse('it has code of its own, and bubblewrap does not run on this node')
  if (app.driver === 'rootfs' && !probeControlGroups())
    refuse('it may start processes, and this node may not make control groups')
  if (app.accelerator !== 'none' && app.accelerator !== accelerator)
    refuse('it needs an accelerator, and this node has none')
}

function refuse(detail: string): never {
  throw new OperationError('attempt-refused', `Cannot run this app: ${detail}`)
}

/**
 * Why an app gave nothing is not told: whether it failed, was killed, by which limit, or put out too much, may hang on every
 * bit of its inputs, and the host that asks is not to learn one.
 */
export function appFailed(cause?: unknown): OperationError {
  return new OperationError('app-failed', 'The app gave no result', { cause })
}

// A timer counts whole milliseconds: what it is off by would tell when the app ended, so the last one is spent looking at the clock.
async function until(time: number): Promise<void> {
  const left = Math.floor(time - performance.now()) - 1
  if (left > 0) await new Promise((resolve) => setTimeout(resolve, left))
  while (performance.now() < time);
}
