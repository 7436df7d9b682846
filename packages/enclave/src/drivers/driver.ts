import type { AppManifest } from '@cloister/learn'
import type { Accelerator } from '@cloister/protocol'

import type { SealedInput } from '../attempt/open-inputs.ts'
import type { BundleCache } from '../bundle/bundle-cache.ts'
import type { EngineOutput, PrivacySpent } from '../engine/messages.ts'
import type { SandboxLimits } from '../sandbox/limits.ts'
import type { SandboxProgram } from '../sandbox/program.ts'

/** What runs apps: the measured engine, the measured Node binary, and what confines both and everything else. */
export type AppRuntime = {
  /** The engine, ready to be confined. */
  readonly program: SandboxProgram
  /** The Node binary. */
  readonly node: string
  readonly sandbox: 'bubblewrap' | 'none'
  readonly bundles: BundleCache
  /** What this machine has beside its CPU. Absent: nothing. */
  readonly accelerator?: Accelerator
  /** Lets an app's author see what the app prints. No enclave sets it. */
  readonly tells?: true
}

/** An input as a driver gets it: of a known size, opened where it is read. */
export type AppInputSource = Pick<SealedInput, 'role' | 'size' | 'read'>

/** One run of an app. */
export type AppRun = {
  readonly manifest: AppManifest
  readonly inputs: readonly AppInputSource[]
  /** Fewest rows that all data together must have. */
  readonly recordsMin: number
  /** The most that a private app may spend; nothing where it is absent. */
  readonly budget?: PrivacySpent | undefined
}

/** What an app gave. */
export type AppResult = {
  readonly outputs: readonly EngineOutput[]
  readonly metrics: Readonly<Record<string, number>>
  /** What a private app says that it spent. Absent where an app is not private. */
  readonly spent?: PrivacySpent | undefined
}

/** A driver runs apps of one kind. What it gives was not held against the output policy yet. */
export type AppDriverRun = (runtime: AppRuntime, run: AppRun) => Promise<AppResult>

const nodeThreads = 24 // Node's own, before the app has one.
const ownProcesses = 2 // Bubblewrap's first process, and the app's.

/** The limits of a manifest, as the sandbox keeps them. */
export function limitsOf({ limits, driver }: AppManifest): SandboxLimits {
  const { memoryMiB, cpuSeconds, wallSeconds, processes, tmpMiB } = limits
  return {
    memoryBytes: memoryMiB * 1024 * 1024,
    cpus: 1,
    processesMax: processes + (driver === 'onnx' || driver === 'js' ? nodeThreads : ownProcesses),
    wallSeconds,
    cpuSeconds,
    tmpBytes: tmpMiB * 1024 * 1024,
  }
}
