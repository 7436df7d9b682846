import {
  drawSeed,
  explainDraw,
  grantBookAbi,
  replicaTask,
  sameHex,
  sameVendor,
  taskId,
  type DrawExplanation,
} from '@cloister/protocol'
import { zeroAddress, type Address, type Hex } from 'viem'

import { askChain } from './chain.ts'
import type { Client } from './client.ts'
import { approvedUntil } from './grant-standing.ts'
import { readNode } from './nodes.ts'
import { poolAt } from './pool.ts'
import { readTask, taskEvents, type TaskEvent, type TaskState } from './task.ts'

/** One draw of a task, repeated from what the chain recorded. */
export type ExplainedDraw = DrawExplanation & {
  readonly attempt: number
  readonly seedBlock: bigint
  /** Whom the chain drew; undefined where nobody was eligible and the seed block moved. */
  readonly drawn: Address | undefined
  /** Whether the repetition comes to the same node. */
  readonly agrees: boolean
}

/** Why a task is where it is. */
export type TaskExplanation = {
  readonly state: TaskState
  readonly attempts: number
  readonly events: readonly TaskEvent[]
  readonly draws: readonly ExplainedDraw[]
  /** In words, one line for each thing that happened. */
  readonly lines: readonly string[]
}

/**
 * Says why a task is where it is: repeats each draw from events and the seed block's hash, says why each candidate before
 * the drawn node was skipped, and what keepers and verifiers answered.
 *
 * The chain's endpoint must still have the state of those blocks.
 *
 * @throws {OperationError} `task-unknown`, `chain-down`.
 */
export async function explainTask(client: Client, task: Hex): Promise<TaskExplanation> {
  const { state, attempt } = await readTask(client, task)
  const events = await taskEvents(client, task)
  const draws: ExplainedDraw[] = []
  const lines: string[] = []
  for (const event of events) {
    const isDraw = event.kind === 'drawn' || (event.kind === 'seed-moved' && !event.lost)
    const draw = isDraw ? await repeatDraw(client, task, event, triedIn(draws)) : undefined
    if (draw !== undefined) draws.push(draw)
    lines.push(`Block ${event.block}: ${sentenceOf(event)}`, ...skippedLines(draw))
  }
  return { state, attempts: attempt, events, draws, lines }
}

// The pool is read as of so many blocks before the seed block. Spec: docs/protocol.md section 7.
const seedBlocks = 2n

async function repeatDraw(
  client: Client,
  task: Hex,
  event: TaskEvent,
  tried: readonly Address[],
): Promise<ExplainedDraw> {
  // State before the transaction that drew: what other transactions of its block changed is not seen.
  const before = event.block - 1n
  const found = await readTask(client, task, before)
  const { grantBook } = client.deployment.home.contracts
  const [terms, seedBlock, drawBlock] = await askChain(client.chain, 'read a draw', (reader) =>
    Promise.all([
      reader.readContract({
        address: grantBook,
        abi: grantBookAbi,
        functionName: 'termsOf',
        args: [taskId(found.orderDigest)],
        blockNumber: before,
      }),
      reader.getBlock({ blockNumber: found.seedBlock }),
      reader.getBlock({ blockNumber: event.block }),
    ]),
  )
  const siblings = await readSiblings(client, found, before)
  const { pool, approved } = await poolAt(client, found.seedBlock - seedBlocks, before)
  const lists = [
    ...(terms.anyMeasurement ? [] : [terms.measurements]),
    ...(await approvedLists(
      client,
      terms.releaseKeys,
      pool,
      event.block - 1n,
      drawBlock.timestamp,
    )),
  ]
  const attempt = found.attempt + 1
  const demand = {
    tierMin: found.tierMin,
    tcbFloor: found.tcbFloor,
    tags: found.tags,
    tees: siblings.reduce((set, { tee }) => set & ~sameVendor(tee), found.tees),
    taken: siblings.map(({ operator }) => operator),
    operatorLists: terms.anyNode ? [] : [terms.operators],
    measurementLists: [...lists, approved],
    tried,
    now: drawBlock.timestamp,
  }
  const explanation = explainDraw(pool, demand, drawSeed(seedBlock.hash, task, attempt))
  const drawn = event.kind === 'drawn' ? event.node : undefined
  const agrees = sameHex(drawn ?? zeroAddress, explanation.chosen?.node ?? zeroAddress)
  return { ...explanation, attempt, seedBlock: found.seedBlock, drawn, agrees }
}

// The records of the nodes that have the other replicas of a task's order.
async function readSiblings(
  client: Client,
  { orderDigest, replicas, replica }: Awaited<ReturnType<typeof readTask>>,
  block: bigint,
) {
  const records = []
  for (let index = 0; index < replicas; index++) {
    if (index === replica) continue
    const { node } = await readTask(client, replicaTask(taskId(orderDigest), index), block)
    if (!sameHex(node, zeroAddress)) records.push((await readNode(client, node)).record)
  }
  return records
}

// For each release key: which of the pool's runtimes it approved then.
async function approvedLists(
  client: Client,
  releaseKeys: readonly Address[],
  pool: readonly { readonly measurement: Hex }[],
  block: bigint,
  now: bigint,
): Promise<readonly (readonly Hex[])[]> {
  const measurements = [...new Set(pool.map(({ measurement }) => measurement))]
  return Promise.all(
    releaseKeys.map(async (key) => {
      const until = await Promise.all(
        measurements.map((measurement) => approvedUntil(client, key, measurement, block)),
      )
      return measurements.filter((_, index) => (until[index] ?? 0n) > now)
    }),
  )
}

function triedIn(draws: readonly ExplainedDraw[]): readonly Address[] {
  return draws.flatMap(({ drawn }) => (drawn === undefined ? [] : [drawn]))
}

function skippedLines(draw: ExplainedDraw | undefined): readonly string[] {
  if (draw === undefined) return []
  const skipped = draw.tries.flatMap(({ candidate, skipped: reason }) =>
    reason === undefined ? [] : [`  skipped ${candidate.node}: ${reason}`],
  )
  const verdict = draw.agrees
    ? '  the draw, repeated here, comes to the same'
    : `  the draw, repeated here, comes to ${draw.chosen?.node ?? 'nobody'}`
  return [...new Set(skipped), verdict]
}

// Spec: docs/protocol.md section 5.
const refusals: Readonly<Record<number, string>> = {
  1: 'the grant is revoked',
  2: 'the grant is expired or not yet valid',
  3: 'the grant does not cover the request',
  4: 'the evidence is refused',
  5: 'the attempt is not the current one',
  6: 'another evidence was pinned for this attempt',
  7: 'no share is held',
  8: 'there is no fresh checkpoint',
}

function sentenceOf(event: TaskEvent): string {
  let sentence: string
  switch (event.kind) {
    case 'placed':
      sentence = `placed by ${event.requester}; block ${event.seedBlock} is the draw's seed`
      break
    case 'seed-moved':
      sentence = event.lost
        ? `the seed was too old; block ${event.seedBlock} is the new one`
        : `no candidate was eligible; block ${event.seedBlock} is the next seed`
      break
    case 'drawn':
      sentence = `attempt ${event.attempt} goes to node ${event.node} of ${event.operator}`
      break
    case 'release-refused':
      sentence = `a keeper of ${event.asset} refused: ${refusals[event.reason] ?? `reason ${event.reason}`}`
      break
    case 'posted':
      sentence = `attempt ${event.attempt} posted receipt ${event.posting.receiptDigest}`
      break
    case 'attempt-ended':
      sentence = `attempt ${event.attempt} came to nothing: ${event.ending}`
      break
    case 'judged':
      sentence = `the committee ${event.accepted ? 'accepted' : `refused (reason ${event.vote.reason})`} attempt ${event.attempt}`
      break
    case 'accepted':
      sentence = `attempt ${event.attempt} is accepted; the challenge window runs`
      break
    case 'paid':
      sentence = `${event.amountWei} wei to the ${event.role} ${event.account} on chain ${event.chainId}`
      break
    case 'settled':
      sentence = 'settled'
      break
    case 'refunded':
      sentence = `refunded ${event.amountWei} wei to the requester`
      break
  }
  return sentence
}
