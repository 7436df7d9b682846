/** What one run of an app may spend. Past a limit the whole process tree is killed. */
export type SandboxLimits = {
  readonly memoryBytes: number
  readonly cpus: number
  /** Threads and processes together. */
  readonly processesMax: number
  readonly wallSeconds: number
  readonly cpuSeconds: number
  readonly tmpBytes: number
}

/** How a run ended. Holds no output of the app: what an app says comes over its own channel only. */
export type SandboxEnd =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'killed'; readonly by: 'memory' | 'time' | 'processes' | 'us' | 'signal' }
