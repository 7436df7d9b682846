import { ledgerAbi, marketAbi, settlementAbi, type Posting, type Vote } from '@cloister/protocol'
import { formatLog, numberToHex, parseEventLogs, type Address, type Hex } from 'viem'

import { askChain } from './chain.ts'
import type { Client } from './client.ts'
import { sdkError } from './sdk-error.ts'

/** Where a task is in its life. Spec: docs/protocol.md section 7. */
export type TaskState = 'placed' | 'running' | 'posted' | 'accepted' | 'settled' | 'refunded'

/** Who is paid from a fee. */
export type PaidRole = 'owner' | 'node' | 'keeper' | 'verifier' | 'treasury' | 'other'

/** Why an attempt came to nothing. */
export type AttemptEnding =
  | 'refused-by-keepers'
  | 'silent'
  | 'refused-by-verifiers'
  | 'forged'
  | 'given-up'
  | 'none'

type Happened =
  | { readonly kind: 'placed'; readonly requester: Address; readonly seedBlock: bigint }
  | { readonly kind: 'seed-moved'; readonly seedBlock: bigint; readonly lost: boolean }
  | {
      readonly kind: 'drawn'
      readonly attempt: number
      readonly node: Address
      readonly operator: Address
      readonly deadline: bigint
    }
  | {
      readonly kind: 'release-refused'
      readonly attempt: number
      readonly asset: Hex
      readonly reason: number
    }
  | {
      readonly kind: 'posted'
      readonly attempt: number
      readonly node: Address
      readonly posting: Posting
      readonly operatorSignature: Hex
      readonly committee: bigint
    }
  | { readonly kind: 'attempt-ended'; readonly attempt: number; readonly ending: AttemptEnding }
  | {
      readonly kind: 'judged'
      readonly attempt: number
      readonly accepted: boolean
      readonly vote: Vote
    }
  | { readonly kind: 'accepted'; readonly attempt: number }
  | {
      readonly kind: 'paid'
      readonly account: Address
      readonly role: PaidRole
      readonly chainId: number
      readonly amountWei: bigint
    }
  | { readonly kind: 'settled' }
  | { readonly kind: 'refunded'; readonly amountWei: bigint }

/** One thing that happened to a task on chain. */
export type TaskEvent = Happened & { readonly block: bigint; readonly transaction: Hex }

const states: readonly (TaskState | undefined)[] = [
  undefined,
  'placed',
  'running',
  'posted',
  'accepted',
  'settled',
  'refunded',
]

const endings: readonly AttemptEnding[] = [
  'none',
  'refused-by-keepers',
  'silent',
  'refused-by-verifiers',
  'forged',
  'given-up',
]

// Types.sol: Role.
const roles: Readonly<Record<number, PaidRole>> = {
  3: 'owner',
  4: 'node',
  5: 'keeper',
  6: 'verifier',
  7: 'treasury',
}

/** A task as it stands on chain. @throws {OperationError} `task-unknown`, `chain-down`. */
export async function readTask(client: Client, task: Hex, blockNumber?: bigint) {
  const found = await askChain(client.chain, `read task ${task}`, (reader) =>
    reader.readContract({
      address: client.deployment.home.contracts.market,
      abi: marketAbi,
      functionName: 'taskOf',
      args: [task],
      ...(blockNumber === undefined ? {} : { blockNumber }),
    }),
  )
  const state = states[found.state]
  if (state === undefined)
    throw sdkError(
      'task-unknown',
      `Cannot find task ${task}: the market of this deployment has none; check the identifier and the deployment file`,
    )
  return { ...found, state }
}

/** What happened to a task in a range of blocks, in order. @throws {OperationError} `chain-down`. */
export async function taskEvents(
  client: Client,
  task: Hex,
  fromBlock = 0n,
  toBlock?: bigint,
): Promise<readonly TaskEvent[]> {
  const { market, settlement, ledger } = client.deployment.home.contracts
  const raw = await askChain(client.chain, `read what happened to task ${task}`, (reader) =>
    reader.request({
      method: 'eth_getLogs',
      params: [
        {
          address: [market, settlement, ledger],
          fromBlock: numberToHex(fromBlock),
          toBlock: toBlock === undefined ? 'latest' : numberToHex(toBlock),
          topics: [null, task],
        },
      ],
    }),
  )
  const logs = raw.map((log) => formatLog(log))
  const parsed = parseEventLogs({ abi: taskAbi, eventName: [...eventNames], logs, strict: true })
  return parsed.map((log) => ({
    ...eventOf(log),
    block: log.blockNumber ?? 0n,
    transaction: log.transactionHash ?? '0x',
  }))
}

/** How {@link watchTask} waits. */
export type WatchOptions = {
  /** Between two looks; a second, where nothing is said. */
  readonly pollMs?: number
  /** Give up after this long; never, where nothing is said. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  readonly fromBlock?: bigint
}

/**
 * What happens to a task, from its beginning on, as it happens. Ends by itself when the task is settled or refunded.
 *
 * @throws {OperationError} `task-unknown`, `chain-down`, or `task-unfinished` past the time or when it is aborted.
 */
export async function* watchTask(
  client: Client,
  task: Hex,
  options: WatchOptions = {},
): AsyncGenerator<TaskEvent> {
  await readTask(client, task)
  const deadline = performance.now() + (options.timeoutMs ?? Number.POSITIVE_INFINITY)
  let from = options.fromBlock ?? 0n
  for (;;) {
    const head = await askChain(client.chain, 'read the newest block', (reader) =>
      reader.getBlockNumber(),
    )
    if (head >= from) {
      const events = await taskEvents(client, task, from, head)
      yield* events
      // Payments come after the end, in the same transaction.
      if (events.some(({ kind }) => kind === 'settled' || kind === 'refunded')) return
      from = head + 1n
    }
    if (options.signal?.aborted === true || performance.now() > deadline)
      throw sdkError(
        'task-unfinished',
        `Cannot wait longer for task ${task}: it is ${(await readTask(client, task)).state} in block ${head}; watch it again later`,
        { retryable: true },
      )
    await pause(options.pollMs ?? 1000, options.signal)
  }
}

const taskAbi = [...marketAbi, ...settlementAbi, ...ledgerAbi] as const

// What else these contracts say about a task is bookkeeping.
const eventNames = [
  'Placed',
  'SeedMoved',
  'Drawn',
  'ReleaseRefused',
  'Posted',
  'AttemptEnded',
  'Judged',
  'Accepted',
  'Paid',
  'Settled',
  'Refunded',
] as const

type ParsedLog = ReturnType<
  typeof parseEventLogs<typeof taskAbi, true, (typeof eventNames)[number][]>
>[number]

function eventOf(log: ParsedLog): Happened {
  let happened: Happened
  switch (log.eventName) {
    case 'Placed':
      happened = { kind: 'placed', requester: log.args.requester, seedBlock: log.args.seedBlock }
      break
    case 'SeedMoved':
      happened = { kind: 'seed-moved', seedBlock: log.args.seedBlock, lost: log.args.lost }
      break
    case 'Drawn': {
      const { attempt, node, operator, attemptDeadline } = log.args
      happened = { kind: 'drawn', attempt, node, operator, deadline: attemptDeadline }
      break
    }
    case 'ReleaseRefused': {
      const { attempt, asset, reason } = log.args
      happened = { kind: 'release-refused', attempt, asset, reason }
      break
    }
    case 'Posted': {
      const { attempt, node, message, operatorSignature, committee } = log.args
      happened = { kind: 'posted', attempt, node, posting: message, operatorSignature, committee }
      break
    }
    case 'AttemptEnded': {
      const { attempt, ending } = log.args
      happened = { kind: 'attempt-ended', attempt, ending: endings[ending] ?? 'none' }
      break
    }
    case 'Judged': {
      const { attempt, accepted, vote } = log.args
      happened = { kind: 'judged', attempt, accepted, vote }
      break
    }
    case 'Accepted':
      happened = { kind: 'accepted', attempt: log.args.attempt }
      break
    case 'Paid': {
      const { account, role, chainId, amountWei } = log.args
      const paid = { account, role: roles[role] ?? 'other', chainId: Number(chainId), amountWei }
      happened = { kind: 'paid', ...paid }
      break
    }
    case 'Settled':
      happened = { kind: 'settled' }
      break
    case 'Refunded':
      happened = { kind: 'refunded', amountWei: log.args.amountWei }
      break
  }
  return happened
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, milliseconds)
    function done(): void {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    signal?.addEventListener('abort', done)
  })
}
