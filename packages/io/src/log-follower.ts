import { setTimeout as sleep } from 'node:timers/promises'

import { OperationError } from '@cloister/codec'
import type { Address, Hex, Log } from 'viem'

import type { Chain } from './chain.ts'

/** A block up to which everything was delivered. */
export type LogCursor = { readonly number: bigint; readonly hash: Hex }

/** What to follow. Each batch is delivered once `onLogs` of the one before is over. */
export type FollowOptions = {
  readonly addresses: readonly Address[]
  readonly fromBlock: bigint
  /** How many blocks a log must lie beneath the head before it is delivered. */
  readonly confirmations?: number
  readonly pollMs?: number
  readonly signal: AbortSignal
  /** Logs in order, all of blocks up to and with `cursor`. Called for empty ranges too. */
  readonly onLogs: (logs: readonly Log[], cursor: LogCursor) => Promise<void>
  /** What was delivered of blocks after `last` is void: the chain reorganised. */
  readonly onReorg: (last: bigint) => Promise<void>
  /** A chain that can't be asked is asked again for ever; each failure is told here. */
  readonly onFailure?: (error: unknown) => void
}

/** Blocks asked for at once. */
const rangeBlocksMax = 1_000n
/** Delivered blocks whose hashes are kept: a deeper reorganisation starts again from `fromBlock`. */
const rememberedMax = 256

/**
 * Delivers logs of contracts as blocks come, until `signal` ends it. Every poll checks that the last
 * delivered block is still the chain's; where it is not, goes back to the newest one that is.
 *
 * @throws what `onLogs` or `onReorg` throws.
 */
export async function followLogs(chain: Chain, options: FollowOptions): Promise<void> {
  const delivered: LogCursor[] = []
  const confirmations = BigInt(options.confirmations ?? 0)
  const pollMs = options.pollMs ?? chain.pollMs
  while (!options.signal.aborted) {
    const step = await nextBatch(chain, options, delivered, confirmations).catch(
      (error: unknown) => {
        options.onFailure?.(error)
        return undefined
      },
    )
    if (step?.kind === 'batch') {
      await options.onLogs(step.logs, step.cursor)
      delivered.push(step.cursor)
      if (delivered.length > rememberedMax) delivered.shift()
      if (step.more) continue
    } else if (step?.kind === 'reorg') {
      delivered.length = step.keep
      await options.onReorg(delivered.at(-1)?.number ?? options.fromBlock - 1n)
      continue
    }
    await sleep(pollMs, undefined, { signal: options.signal }).catch(() => undefined)
  }
}

type Step =
  | {
      readonly kind: 'batch'
      readonly logs: readonly Log[]
      readonly cursor: LogCursor
      readonly more: boolean
    }
  | { readonly kind: 'reorg'; readonly keep: number }

async function nextBatch(
  chain: Chain,
  options: FollowOptions,
  delivered: readonly LogCursor[],
  confirmations: bigint,
): Promise<Step | undefined> {
  const head = await chain.block()
  const last = delivered.at(-1)
  if (last !== undefined && !(await stands(chain, last, head.number)))
    return { kind: 'reorg', keep: await newestStanding(chain, delivered, head.number) }
  const from = last === undefined ? options.fromBlock : last.number + 1n
  const safe = head.number - confirmations
  if (safe < from) return undefined
  const to = safe - from >= rangeBlocksMax ? from + rangeBlocksMax - 1n : safe
  const end = await chain.block(to)
  const logs = await chain.logs(options.addresses, from, to)
  // The same end before and after: the logs belong to one history.
  if (!(await stands(chain, { number: to, hash: end.hash }, to))) return undefined
  return { kind: 'batch', logs, cursor: { number: to, hash: end.hash }, more: to < safe }
}

async function newestStanding(
  chain: Chain,
  delivered: readonly LogCursor[],
  head: bigint,
): Promise<number> {
  for (let keep = delivered.length - 1; keep > 0; keep--) {
    const cursor = delivered[keep - 1]
    if (cursor !== undefined && (await stands(chain, cursor, head))) return keep
  }
  return 0
}

async function stands(chain: Chain, cursor: LogCursor, head: bigint): Promise<boolean> {
  if (cursor.number > head) return false
  try {
    return (await chain.block(cursor.number)).hash === cursor.hash
  } catch (error) {
    if (error instanceof OperationError && error.code === 'block-absent') return false
    throw error
  }
}
