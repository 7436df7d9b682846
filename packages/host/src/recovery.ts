import { setTimeout as sleep } from 'node:timers/promises'

import type { Json } from '@cloister/codec'
import type { Log } from '@cloister/io'

import type { EnclaveLink } from './enclave-link.ts'
import type { KeptShares, MissingShare } from './kept-shares.ts'
import type { SealedStates } from './sealed-states.ts'

/** What getting lost shares back needs. */
export type RecoveryContext = {
  readonly enclave: EnclaveLink
  readonly shares: KeptShares
  readonly sealed: SealedStates
  readonly log: Log
  readonly signal: AbortSignal
  /** The block in which this enclave's key was admitted; undefined before the index has seen it. */
  readonly admittedBlock: () => bigint | undefined
}

const recoverMs = 120_000
const lookMs = 2_000
const againMs = 5_000
const againMsMax = 300_000
/** Shares asked for side by side: the other keepers take six such requests at once from everybody. */
const atOnce = 3

type Wait = { readonly until: number; readonly waitMs: number }

/**
 * An enclave that restarted, was upgraded or runs on another machine has none of its shares: opens what the one before it
 * sealed, if its TEE can, and has the other keepers give back the rest, until `signal` ends it. Nobody has to ask for it.
 *
 * Which shares are missing follows from the chain and the journal, so a host that ends in between goes on where it was.
 */
export async function recoverShares(context: RecoveryContext): Promise<void> {
  const { shares, signal, admittedBlock } = context
  const waits = new Map<string, Wait>()
  let isOpened = false
  while (!signal.aborted) {
    const block = admittedBlock()
    if (block !== undefined) {
      isOpened ||= await openSealed(context)
      const due = shares.missing(block).filter(({ asset }) => isDue(waits.get(asset)))
      if (isOpened) await inTurns(due, signal, (missing) => recoverOne(context, waits, missing))
    }
    await sleep(lookMs, undefined, { signal }).catch(() => undefined)
  }
}

function isDue(wait: Wait | undefined): boolean {
  return wait === undefined || wait.until <= Date.now()
}

async function openSealed({ enclave, sealed, log }: RecoveryContext): Promise<boolean> {
  try {
    const found = await enclave.ask('state.open', {}, recoverMs)
    await sealed.prune(enclave.hello.receiptKey)
    const problem = textAt(found, 'problem')
    if (problem !== undefined) log.warn('The sealed state is of no use', { problem })
    return true
  } catch (error) {
    log.warn('The sealed state was not opened yet', { error: asError(error) })
    return false
  }
}

async function inTurns(
  due: readonly MissingShare[],
  signal: AbortSignal,
  recover: (missing: MissingShare) => Promise<void>,
): Promise<void> {
  const left = [...due]
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined && !signal.aborted; next = left.shift())
      await recover(next)
  }
  await Promise.all(Array.from({ length: atOnce }, work))
}

async function recoverOne(
  { enclave, shares, log }: RecoveryContext,
  waits: Map<string, Wait>,
  { asset, shareIndex }: MissingShare,
): Promise<void> {
  try {
    const answer = await enclave.ask('recovery.start', { asset, shareIndex }, recoverMs)
    shares.have(asset, shareIndex)
    waits.delete(asset)
    log.info('A lost share is back', { asset, shareIndex, from: textAt(answer, 'from') ?? '' })
  } catch (error) {
    const waitMs = Math.min(againMsMax, (waits.get(asset)?.waitMs ?? againMs / 2) * 2)
    waits.set(asset, { until: Date.now() + waitMs, waitMs })
    log.warn('A lost share is not back yet', { asset, shareIndex, error: asError(error) })
  }
}

function textAt(json: Json, name: string): string | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return undefined
  const found = Object.entries(json).find(([key]) => key === name)?.[1]
  return typeof found === 'string' ? found : undefined
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('unknown failure')
}
