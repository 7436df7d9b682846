import type { Injection } from './injection.ts'

const all: readonly Injection[] = []

/** Every fault that can be injected, by name. Spec: docs/devnet.md. */
export const injections: ReadonlyMap<string, Injection> = new Map(
  all.map((injection) => [injection.name, injection]),
)
