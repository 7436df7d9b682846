import { setTimeout as sleep } from 'node:timers/promises'

import type { Log } from '@cloister/io'

import type { EnclaveLink } from './enclave-link.ts'
import type { KeptShares } from './kept-shares.ts'

/** What getting lost shares back needs. */
export type RecoveryContext = {
  readonly enclave: EnclaveLink
  readonly shares: KeptShares
  readonly log: Log
  readonly signal: AbortSignal
  /** The block in which this enclave's key was admitted; undefined before the index has seen it. */
  readonly admittedBlock: () => bigint | undefined
}

const recoverMs = 120_000
const lookMs = 2_000
const againMs = 5_000
const againMsMax = 300_000

/** A restarted enclave has lost its shares: has the other keepers of each asset give it back, until `signal` ends it. */
export async function recoverShares(context: RecoveryContext): Promise<void> {
  const { enclave, shares, log, signal, admittedBlock } = context
  const waits = new Map<string, { readonly until: number; readonly waitMs: number }>()
  while (!signal.aborted) {
    const block = admittedBlock()
    for (const { asset, shareIndex } of block === undefined ? [] : shares.missing(block)) {
      const before = waits.get(asset)
      if (signal.aborted || (before !== undefined && before.until > Date.now())) continue
      try {
        await enclave.ask('recovery.start', { asset, shareIndex }, recoverMs)
        shares.have(asset, shareIndex)
        waits.delete(asset)
        log.info('A lost share is back', { asset, shareIndex })
      } catch (error) {
        const waitMs = Math.min(againMsMax, (before?.waitMs ?? againMs / 2) * 2)
        waits.set(asset, { until: Date.now() + waitMs, waitMs })
        const cause = error instanceof Error ? error : new Error('unknown failure')
        log.warn('A lost share is not back yet', { asset, shareIndex, error: cause })
      }
    }
    await sleep(lookMs, undefined, { signal }).catch(() => undefined)
  }
}
