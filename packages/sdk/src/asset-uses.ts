import { marketAbi, sameHex, tasksOf, type Grant, type Order } from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import { askChain } from './chain.ts'
import type { Client } from './client.ts'
import { findReceipt } from './posted-receipt.ts'
import { sayError } from './sdk-error.ts'
import { taskEvents, type TaskEvent, type TaskState } from './task.ts'

/** One use of one asset: a task that was placed with a grant for it. Times are Unix seconds. */
export type AssetUse = {
  readonly asset: Hex
  readonly owner: Address
  readonly grant: Hex
  readonly purpose: string
  readonly app: Hex
  readonly requester: Address
  readonly task: Hex
  readonly placedAt: bigint
  readonly placedIn: Hex
  readonly state: TaskState
  readonly attempts: number
  /** Keepers that refused a release of this asset. */
  readonly refusals: number
  /** Who ran the last attempt; undefined where nobody was drawn. */
  readonly node: Address | undefined
  readonly operator: Address | undefined
  /** What the chain has of the result; undefined where nothing was posted. */
  readonly receiptDigest: Hex | undefined
  readonly outputDigest: Hex | undefined
  /** From the receipt itself, which only nodes and verifiers hand out. */
  readonly outputBytes: bigint | undefined
  readonly receiptMissing: string | undefined
  readonly epsilonMicros: bigint | undefined
  readonly deltaPicos: bigint | undefined
  /** What the owner was paid for this asset in this task, and on which chain. */
  readonly earnedWei: bigint
  readonly payoutChain: number | undefined
}

/** Which uses are meant. */
export type UsesOptions = {
  readonly owner: Address
  /** One asset of the owner's; all of them unless said. */
  readonly asset?: Hex
  readonly fromBlock?: bigint
  readonly toBlock?: bigint
  /** Fetch each receipt for what the chain does not have. Receipts that nobody hands out are named. */
  readonly receipts: boolean
}

const blocksAtOnce = 10_000n
const tasksAtOnce = 8

/**
 * Every use of an owner's assets that the chain knows, in the order of their placing: what the chain says is the whole truth of who was
 * granted what; receipts add what came out.
 *
 * @throws {OperationError} `chain-down`.
 */
export async function assetUses(
  client: Client,
  options: UsesOptions,
): Promise<readonly AssetUse[]> {
  const head = await askChain(client.chain, 'read the newest block', (reader) =>
    reader.getBlockNumber(),
  )
  const last = options.toBlock ?? head
  const uses: AssetUse[] = []
  for (let from = options.fromBlock ?? 0n; from <= last; from += blocksAtOnce) {
    const end = from + blocksAtOnce - 1n
    const placed = await placedIn(client, from, end < last ? end : last)
    const meant = placed.filter((task) => positionsOf(task, options).length > 0)
    for (let at = 0; at < meant.length; at += tasksAtOnce) {
      const some = meant.slice(at, at + tasksAtOnce)
      uses.push(...(await Promise.all(some.map((task) => usesOf(client, task, options)))).flat())
    }
  }
  return uses
}

type PlacedTask = {
  readonly task: Hex
  readonly order: Order
  readonly grants: readonly Grant[]
  readonly requester: Address
  readonly block: bigint
  readonly transaction: Hex
}

async function placedIn(
  client: Client,
  fromBlock: bigint,
  toBlock: bigint,
): Promise<readonly PlacedTask[]> {
  const logs = await askChain(client.chain, 'list placed tasks', (reader) =>
    reader.getContractEvents({
      address: client.deployment.home.contracts.market,
      abi: marketAbi,
      eventName: 'Placed',
      fromBlock,
      toBlock,
      strict: true,
    }),
  )
  return logs.flatMap(({ args: { order, grants, requester }, blockNumber, transactionHash }) =>
    tasksOf(client.domain, order).map((task) => ({
      ...{ task, order, grants, requester },
      ...{ block: blockNumber, transaction: transactionHash },
    })),
  )
}

function positionsOf({ order, grants }: PlacedTask, { owner, asset }: UsesOptions) {
  return order.assets.flatMap((id, position) => {
    const grant = grants[position]
    const meant = asset === undefined || sameHex(asset, id)
    return meant && grant !== undefined && sameHex(grant.owner, owner)
      ? [{ id, position, grant }]
      : []
  })
}

async function usesOf(
  client: Client,
  placed: PlacedTask,
  options: UsesOptions,
): Promise<readonly AssetUse[]> {
  const { task, order, requester, block, transaction } = placed
  const events = await taskEvents(client, task, block)
  const { timestamp } = await askChain(client.chain, `read block ${block}`, (reader) =>
    reader.getBlock({ blockNumber: block }),
  )
  const drawn = events.findLast((event) => event.kind === 'drawn')
  const posted = events.findLast((event) => event.kind === 'posted')
  const attempts = new Set(
    events.flatMap((event) => (event.kind === 'drawn' ? [event.attempt] : [])),
  ).size
  const found = options.receipts && posted !== undefined ? await receiptOf(client, task) : undefined
  const receipt = found?.receipt
  return positionsOf(placed, options).map(({ id, position, grant }) => ({
    ...{ asset: id, owner: grant.owner, grant: order.grants[position] ?? '0x' },
    ...{ purpose: grant.purpose, app: order.app, requester, task },
    ...{ placedAt: timestamp, placedIn: transaction, state: stateOf(events), attempts },
    refusals: events.filter((event) => event.kind === 'release-refused' && sameHex(event.asset, id))
      .length,
    node: drawn?.kind === 'drawn' ? drawn.node : undefined,
    operator: drawn?.kind === 'drawn' ? drawn.operator : undefined,
    receiptDigest: posted?.kind === 'posted' ? posted.posting.receiptDigest : undefined,
    outputDigest: receipt?.outputDigest,
    outputBytes: receipt?.outputBytes,
    receiptMissing: found?.missing,
    epsilonMicros: figureOf(receipt ?? order, 'epsilonMicros'),
    deltaPicos: figureOf(receipt ?? order, 'deltaPicos'),
    ...earningOf(events, order.assets.length, position, grant.owner),
  }))
}

async function receiptOf(client: Client, task: Hex) {
  try {
    return { receipt: (await findReceipt(client, task)).receipt, missing: undefined }
  } catch (error) {
    return { receipt: undefined, missing: sayError(error) }
  }
}

function stateOf(events: readonly TaskEvent[]): TaskState {
  const order = ['refunded', 'settled', 'accepted', 'posted'] as const
  const found = order.find((kind) => events.some((event) => event.kind === kind))
  if (found !== undefined) return found
  return events.some(({ kind }) => kind === 'drawn') ? 'running' : 'placed'
}

// Owners are paid by position: contracts/src/Settlement.sol.
function earningOf(
  events: readonly TaskEvent[],
  assets: number,
  position: number,
  owner: Address,
): Pick<AssetUse, 'earnedWei' | 'payoutChain'> {
  const paid = events.flatMap((event) =>
    event.kind === 'paid' && event.role === 'owner' ? [event] : [],
  )
  const own = paid.length === assets ? paid[position] : undefined
  const payment = own ?? paid.find(({ account }) => sameHex(account, owner))
  return { earnedWei: payment?.amountWei ?? 0n, payoutChain: payment?.chainId }
}

function figureOf(of: object, name: string): bigint | undefined {
  const value: unknown = Object.entries(of).find(([key]) => key === name)?.[1]
  return typeof value === 'bigint' ? value : undefined
}
