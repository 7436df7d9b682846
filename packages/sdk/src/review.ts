import { concatBytes, encodeUtf8, OperationError, parseHex, type Bytes } from '@cloister/codec'
import {
  grantBookAbi,
  marketAbi,
  messageDigest,
  publicKeyBytes,
  sameHex,
  taskId,
  tasksOf,
  zeroHash,
  type Grant,
  type Order,
} from '@cloister/protocol'
import {
  keyBytes,
  openEnvelope,
  parseEnvelopePrivateKey,
  type EnvelopeKeyPair,
  type EnvelopePrivateKey,
} from '@cloister/seal'
import type { Hex } from 'viem'

import { readApprovals, sealApproval } from './approvals.ts'
import { askChain, sendCall } from './chain.ts'
import { accountOf, type Client } from './client.ts'
import { knownStores } from './nodes.ts'
import { fetchOutput, openBody, readSealedOutput, type OpenedOutput } from './output.ts'
import { getObject } from './peer.ts'
import { sdkError } from './sdk-error.ts'
import { readTask, type TaskState } from './task.ts'

/** An output that the account's owner looks at before its recipient can. */
export type Review = {
  readonly task: Hex
  /** The asset's place in the order: the first at which the grant stands. */
  readonly position: number
  readonly grant: Hex
  readonly purpose: string
  readonly reviewKeyHash: Hex
  readonly state: TaskState
  /** `waiting` for an output, `open` to be looked at, `approved`, or `void` where the task came to nothing. */
  readonly status: 'waiting' | 'open' | 'approved' | 'void'
}

/** An output as a reviewing owner sees it. */
export type ReviewedOutput = OpenedOutput & { readonly position: number }

const reviewPurpose = encodeUtf8('cloister/review/1')

/** The outputs that the account's grants keep for it to look at, oldest first. @throws {OperationError} `no-account`, `chain-down`. */
export async function listReviews(client: Client): Promise<readonly Review[]> {
  const { address } = accountOf(client, 'list what is to be reviewed')
  const reviews: Review[] = []
  for (const placed of await placedOrders(client)) {
    const own = positionsOf(client, placed, address)
    if (own.length === 0) continue
    const { state, attempt } = await readTask(client, placed.task)
    const approvals = await readApprovals(client, placed.task)
    for (const { position, grant, digest } of own) {
      const isApproved = approvals.some(
        (each) =>
          each.position === position && each.attempt === attempt && sameHex(each.owner, address),
      )
      reviews.push({
        task: placed.task,
        position,
        grant: digest,
        purpose: grant.purpose,
        reviewKeyHash: grant.reviewKeyHash,
        state,
        status: statusOf(state, isApproved),
      })
    }
  }
  return reviews
}

/**
 * Opens an output with the owner's review key, before anybody else can.
 *
 * @throws {OperationError} `review-refused` where there is nothing for this key to look at; as `fetchOutput`.
 */
export async function openForReview(
  client: Client,
  key: EnvelopeKeyPair | EnvelopePrivateKey | Bytes,
  task: Hex,
): Promise<readonly ReviewedOutput[]> {
  const { outputs } = await openReviews(client, key, task)
  return outputs.map(({ part, ...output }) => {
    part.fill(0)
    return output
  })
}

/**
 * Lets the recipient read an output: sends the owner's part of its key, sealed to the recipient. It opens the output first, so that what
 * is sent fits. Nothing can take it back.
 *
 * @throws {OperationError} `review-refused`, `no-account`, `reverted`, `chain-down`; as `fetchOutput`.
 */
export async function approveOutput(
  client: Client,
  key: EnvelopeKeyPair | EnvelopePrivateKey | Bytes,
  task: Hex,
): Promise<readonly { readonly position: number; readonly transaction: Hex }[]> {
  const { outputs, placed } = await openReviews(client, key, task)
  const recipient = await getObject(
    client.fetch,
    knownStores(client),
    placed.order.recipientKeyHash,
    publicKeyBytes,
  )
  const sent: { position: number; transaction: Hex }[] = []
  for (const { attempt, position, part } of outputs) {
    const envelope = await sealApproval(recipient, { task, attempt, position }, part)
    const receipt = await sendCall(client.chain, `approve the output of task ${task}`, {
      address: client.deployment.home.contracts.grantBook,
      abi: grantBookAbi,
      functionName: 'approveOutput',
      args: [task, BigInt(position), envelope],
    })
    part.fill(0)
    sent.push({ position, transaction: receipt.transactionHash })
  }
  return sent
}

type Placed = {
  readonly task: Hex
  readonly order: Order
  readonly grants: readonly Grant[]
}

async function openReviews(
  client: Client,
  key: EnvelopeKeyPair | EnvelopePrivateKey | Bytes,
  task: Hex,
) {
  const { address } = accountOf(client, 'review an output')
  const placed = (await placedOrders(client, task))[0]
  const own = placed === undefined ? [] : positionsOf(client, placed, address)
  if (placed === undefined || own.length === 0)
    throw sdkError(
      'review-refused',
      `Cannot review task ${task}: no grant of ${address} in it asks for a review; cloister review list names those that do`,
    )
  const privateKey = key instanceof Uint8Array ? await parseEnvelopePrivateKey(key) : key
  const { sealed } = await fetchOutput(client, task)
  const { header, body, place } = readSealedOutput(sealed, task)
  const outputs: (ReviewedOutput & { readonly part: Bytes })[] = []
  for (const { position } of own) {
    const review = header.reviews.find((each) => each.position === position)
    if (review === undefined)
      throw sdkError(
        'review-refused',
        `Cannot review task ${task}: its output has nothing for the owner of the asset at place ${position}; the enclave that sealed it is at fault, ask for the receipt`,
      )
    const aad = concatBytes(place, Uint8Array.of(position))
    const both = await openOwn(privateKey, aad, parseHex(review.envelope, 'envelope'), task)
    const [dataKey, part] = [both.slice(0, keyBytes), both.slice(keyBytes)]
    both.fill(0)
    outputs.push({
      attempt: header.attempt,
      position,
      part,
      ...(await openBody(dataKey, place, body)),
    })
    dataKey.fill(0)
  }
  return { outputs, placed }
}

async function openOwn(
  key: EnvelopeKeyPair | EnvelopePrivateKey,
  aad: Bytes,
  envelope: Bytes,
  task: Hex,
): Promise<Bytes> {
  try {
    return await openEnvelope(key, reviewPurpose, aad, envelope)
  } catch (cause) {
    if (!(cause instanceof OperationError) || cause.code !== 'envelope-refused') throw cause
    throw sdkError(
      'wrong-key',
      `Cannot review the output of task ${task}: this is not the review key that the grant names; use the one whose hash cloister review list shows`,
      { cause },
    )
  }
}

async function placedOrders(client: Client, task?: Hex): Promise<readonly Placed[]> {
  // What an order says stands on chain under the task of its first replica.
  const first = task === undefined ? undefined : taskId((await readTask(client, task)).orderDigest)
  const logs = await askChain(client.chain, 'read the orders', (reader) =>
    reader.getContractEvents({
      address: client.deployment.home.contracts.market,
      abi: marketAbi,
      eventName: 'Placed',
      ...(first === undefined ? {} : { args: { task: first } }),
      fromBlock: 0n,
      strict: true,
    }),
  )
  return logs.flatMap(({ args: { order, grants } }) =>
    tasksOf(client.domain, order)
      .filter((each) => task === undefined || sameHex(each, task))
      .map((each) => ({ task: each, order, grants })),
  )
}

// The places at which grants of an owner that ask for a review stand first.
function positionsOf(client: Client, { grants }: Placed, owner: Hex) {
  const digests = grants.map((grant) => messageDigest(client.domain, 'Grant', grant))
  return grants.flatMap((grant, position) => {
    const digest = digests[position] ?? zeroHash
    const isFirst = digests.findIndex((other) => sameHex(other, digest)) === position
    const isOwn = sameHex(grant.owner, owner) && !sameHex(grant.reviewKeyHash, zeroHash)
    return isFirst && isOwn ? [{ position, grant, digest }] : []
  })
}

function statusOf(state: TaskState, isApproved: boolean): Review['status'] {
  if (isApproved) return 'approved'
  if (state === 'refunded') return 'void'
  return state === 'accepted' || state === 'settled' ? 'open' : 'waiting'
}
