import type { PoolEntry } from '@cloister/protocol'

import { address, word } from './examples.ts'

/** A node that may run anything, of this weight. */
export const poolEntry = (byte: number, weight: bigint): PoolEntry => ({
  node: address(byte),
  operator: address(byte + 0x80),
  measurement: word(0x41),
  weight,
  replaced: false,
  retired: false,
  expiry: 1_000n,
  paused: false,
  running: 0,
  capacity: 1,
  tier: 1,
  tcb: 0,
  tee: 2,
  tags: 0b11,
})
