import {
  replicaTask,
  sameHex,
  sameVendor,
  taskId,
  teeNumbers,
  teesOf,
  zeroHash,
  type NodeTee,
} from '@cloister/protocol'
import { zeroAddress, type Address, type Hex } from 'viem'

import type { Client } from './client.ts'
import { readNode } from './nodes.ts'
import { sdkError } from './sdk-error.ts'
import { readTask, taskEvents, type TaskState } from './task.ts'

/** One replica of an order: a task of its own, on a node of another vendor and operator than the others. */
export type Replica = {
  readonly task: Hex
  /** From 0; the first has the order's own task id. */
  readonly replica: number
  readonly state: TaskState
  readonly attempt: number
  /** Receipt key of the node that runs it, or ran it to acceptance. */
  readonly node: Address | undefined
  readonly tee: NodeTee | undefined
  readonly feeWei: bigint
  /** Digest of the receipt that its current attempt posted. */
  readonly receiptDigest: Hex | undefined
  /** What that receipt commits to as output: equal for all, or nobody is paid. */
  readonly outputCommitment: Hex | undefined
}

/** All replicas of the order of `task`, which may be any of them. @throws {OperationError} `task-unknown`, `chain-down`. */
export async function readReplicas(client: Client, task: Hex): Promise<readonly Replica[]> {
  const { orderDigest, replicas } = await readTask(client, task)
  const first = taskId(orderDigest)
  return Promise.all(
    Array.from({ length: replicas }, (_, index) => readReplica(client, first, index)),
  )
}

/**
 * Passes where every replica of a task's order was accepted and all commit to the same output.
 *
 * @throws {OperationError} `task-refunded`, `task-unfinished` where one is not accepted yet, `replicas-differ`.
 */
export async function requireEqualReplicas(client: Client, task: Hex): Promise<void> {
  const replicas = await readReplicas(client, task)
  const open = replicas.find(({ state }) => state !== 'accepted' && state !== 'settled')
  if (open?.state === 'refunded')
    throw sdkError(
      'task-refunded',
      `Cannot take the output of task ${task}: its replicas were refunded; explainTask says why`,
    )
  if (open !== undefined)
    throw sdkError(
      'task-unfinished',
      `Cannot compare the output of task ${task} yet: replica ${open.replica}, task ${open.task}, is ${open.state}; wait with watchTask`,
      { retryable: true },
    )
  const [one] = replicas
  const other = replicas.find(
    ({ outputCommitment }) => !sameHex(outputCommitment ?? zeroHash, one?.outputCommitment),
  )
  if (other === undefined) return
  throw sdkError(
    'replicas-differ',
    `Cannot take the output of task ${task}: replica ${other.replica} commits to another output than replica 0, so one of the nodes is wrong; the fee comes back when the challenge window is over`,
  )
}

/** How many of these nodes could run replicas of one order: each of another operator, and on another vendor's TEE. */
export function mostReplicas(
  nodes: readonly { readonly operator: Address; readonly tee: NodeTee | undefined }[],
): number {
  const vendors = new Map<number, Set<string>>()
  for (const { operator, tee } of nodes) {
    if (tee === undefined) continue
    const vendor = sameVendor(teeNumbers[tee])
    vendors.set(vendor, (vendors.get(vendor) ?? new Set()).add(operator.toLowerCase()))
  }
  return mostDistinct([...vendors.values()], new Set())
}

// One of each group or none, no text twice. The other groups can take at most so many of the first ones, so more need not be tried.
function mostDistinct(groups: readonly ReadonlySet<string>[], used: ReadonlySet<string>): number {
  const [group, ...rest] = groups
  if (group === undefined) return used.size
  const free = [...group].filter((text) => !used.has(text)).slice(0, groups.length)
  const taking = free.map((text) => mostDistinct(rest, new Set([...used, text])))
  return Math.max(mostDistinct(rest, used), ...taking)
}

async function readReplica(client: Client, first: Hex, replica: number): Promise<Replica> {
  const task = replicaTask(first, replica)
  const { state, attempt, node: key, feeWei } = await readTask(client, task)
  const node = sameHex(key, zeroAddress) ? undefined : key
  const events = await taskEvents(client, task)
  const posted = events.findLast((event) => event.kind === 'posted' && event.attempt === attempt)
  const posting = posted?.kind === 'posted' ? posted.posting : undefined
  return {
    ...{ task, replica, state, attempt, node, feeWei },
    tee: node === undefined ? undefined : await teeOf(client, node),
    receiptDigest: posting?.receiptDigest,
    outputCommitment: posting?.outputCommitment,
  }
}

async function teeOf(client: Client, node: Address): Promise<NodeTee | undefined> {
  const { record } = await readNode(client, node)
  return teesOf(1 << record.tee)[0]
}
