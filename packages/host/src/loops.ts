import { setTimeout as sleep } from 'node:timers/promises'

import { followLogs, type Log } from '@cloister/io'
import type { Address } from 'viem'

import type { NodeAdmission } from './admission.ts'
import type { DemandAnswers } from './answer-demands.ts'
import type { ChainIndex } from './chain-index.ts'
import type { HostConfig } from './config.ts'
import type { EnclaveLink } from './enclave-link.ts'
import type { KeptShares } from './kept-shares.ts'
import type { NodeChain } from './node-chain.ts'
import { recoverShares } from './recovery.ts'
import type { SealedStates } from './sealed-states.ts'
import type { TaskWatcher } from './task-watcher.ts'

/** Why a host ended. */
export type HostEnd =
  | { readonly kind: 'asked' }
  | { readonly kind: 'enclave-gone'; readonly error: Error }
  /** Its supervisor is to restart enclave and host: a new key is admitted anew. */
  | { readonly kind: 'admission-expiring' }
  | { readonly kind: 'failed'; readonly error: Error }

/** What a host does all the time. */
export type LoopsContext = {
  readonly chain: NodeChain
  readonly index: ChainIndex
  readonly shares: KeptShares
  readonly sealed: SealedStates
  readonly watcher: TaskWatcher
  readonly demandAnswers: DemandAnswers
  readonly admission: NodeAdmission
  readonly enclave: EnclaveLink
  /** Ends all loops, this host's admission included. */
  readonly stopping: AbortController
  readonly log: Log
}

const expiryLookMs = 30_000

/** Follows the chain, joins, recovers shares and watches the admission's end, until `signal` or a reason of its own ends it. */
export async function runLoops(context: LoopsContext, config: HostConfig): Promise<HostEnd> {
  const { signal } = context.stopping
  const loops = [
    followChain(context, config),
    context.admission.join().then(() => watchExpiry(context)),
    recoverShares({ ...context, signal, admittedBlock: () => admittedBlock(context) }),
  ]
  try {
    const ends = loops.map((loop) => loop.then((end) => end ?? whenAborted(signal)))
    return await Promise.race(ends)
  } catch (error) {
    return { kind: 'failed', error: error instanceof Error ? error : new Error('unknown failure') }
  } finally {
    context.stopping.abort()
    await Promise.allSettled(loops)
  }
}

async function followChain(
  { chain, index, shares, watcher, demandAnswers, stopping, log }: LoopsContext,
  config: HostConfig,
): Promise<undefined> {
  const { signal } = stopping
  const { market, nodeRegistry, assetRegistry, committee, keeperDuty } = chain.contracts
  const addresses: readonly Address[] = [
    ...[market, nodeRegistry, assetRegistry, committee],
    keeperDuty,
  ]
  await followLogs(chain.chain, {
    addresses,
    fromBlock: BigInt(config.chain.fromBlock),
    pollMs: config.chain.pollMs,
    signal,
    onLogs: async (logs, cursor) => {
      index.apply(logs, cursor.number)
      try {
        shares.settle()
      } catch (error) {
        log.error('Deposits were not written down, and are tried again', failure(error))
      }
      const head = await chain.head().catch(() => undefined)
      // While catching up only the newest block matters.
      if (head === undefined || head.number > cursor.number + 1n) return
      demandAnswers.look(head)
      await watcher
        .look(head)
        .catch((error: unknown) => log.warn('Open tasks were not looked at', failure(error)))
    },
    onReorg: async (last) => {
      log.warn('The chain reorganised', { lastCommonBlock: last })
      index.rewind(last)
    },
    onFailure: (error) => log.warn('The chain was not followed', failure(error)),
  })
  return undefined
}

async function watchExpiry({
  admission,
  watcher,
  stopping: { signal },
  log,
}: LoopsContext): Promise<HostEnd | undefined> {
  while (!signal.aborted) {
    await sleep(expiryLookMs, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return undefined
    try {
      if (!(await admission.isExpiring())) continue
      log.warn('The admission ends soon: this node takes no more tasks')
      await admission.pause()
      while (watcher.running > 0 && !signal.aborted) await sleep(1_000)
      return { kind: 'admission-expiring' }
    } catch (error) {
      log.warn('The admission was not looked at', failure(error))
    }
  }
  return undefined
}

function admittedBlock({ index, enclave }: LoopsContext): bigint | undefined {
  return index.nodes.get(enclave.hello.receiptKey)?.block
}

function whenAborted(signal: AbortSignal): Promise<HostEnd> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve({ kind: 'asked' })
    signal.addEventListener('abort', () => resolve({ kind: 'asked' }), { once: true })
  })
}

function failure(error: unknown): { readonly error: Error } {
  return { error: error instanceof Error ? error : new Error('unknown failure') }
}
