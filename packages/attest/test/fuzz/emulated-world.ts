import { unixSeconds, type Bytes } from '@cloister/codec'

/** 2026-09-21T14:13:20Z, when everything emulated is issued and judged. */
export const emulatedNow = unixSeconds(1_790_000_000)

/** The seed of all emulated manufacturers. */
export const emulatorSeed: Bytes = new Uint8Array(32).fill(0xf2)
