import type { AppManifest } from '@cloister/learn'

import { applyOutputPolicy } from '../outputs/output-policy.ts'
import type { AppDriverRun, AppResult, AppRun, AppRuntime } from './driver.ts'
import { runCode } from './run-code.ts'
import { runEngine } from './run-engine.ts'

/** A row for every driver: a driver prepares its bundle, starts a command line in the sandbox and speaks its own protocol with it. */
export const drivers: Readonly<Record<AppManifest['driver'], AppDriverRun | undefined>> = {
  onnx: runEngine,
  js: runCode,
  rootfs: runCode,
  llm: undefined, // Answers requests while its task runs, and is not run here.
}

/** One local run, and how long it took. */
export type LocalRun = AppResult & { readonly seconds: number }

/**
 * Runs an app as an enclave does, same sandbox, limits and output policy, but tells how it went: for its author, over inputs that are
 * the author's own. Undefined for a driver that has no single run.
 *
 * @throws whatever ended the app.
 */
export async function runLocally(runtime: AppRuntime, run: AppRun): Promise<LocalRun | undefined> {
  const driver = drivers[run.manifest.driver]
  if (driver === undefined) return undefined
  const began = performance.now()
  const result = applyOutputPolicy(run.manifest, await driver(runtime, run))
  return { ...result, seconds: (performance.now() - began) / 1000 }
}
