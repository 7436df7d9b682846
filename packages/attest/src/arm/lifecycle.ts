import { MalformedError } from '@cloister/codec'

/** The state of a device's life, and the whole number whose lower byte belongs to its maker. */
export type Lifecycle = { readonly value: number; readonly state: LifecycleState }

/** Names of {@link states}. */
export type LifecycleState = (typeof states)[keyof typeof states]

/** Bits 15 to 8. RoT is the PSA root of trust, or the CCA platform. Spec: RFC 9783 section 4.3.1; DEN0137 A7.2.3. */
const states = {
  0x00: 'unknown',
  0x10: 'assembly-and-test',
  0x20: 'rot-provisioning',
  0x30: 'secured',
  0x40: 'non-rot-debug',
  0x50: 'recoverable-rot-debug',
  0x60: 'decommissioned',
} as const

/** Names the state of a device's life. @throws {MalformedError} where the number stands for none. */
export function readLifecycle(value: number, field: string): Lifecycle {
  const named: Readonly<Record<number, LifecycleState>> = states
  const state = named[value >> 8]
  if (state === undefined) throw new MalformedError(field, 0, `got ${value}, which has no name`)
  return { value, state }
}
