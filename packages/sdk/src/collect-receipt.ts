import { OperationError } from '@cloister/codec'
import {
  assetRegistryAbi,
  messageDigest,
  messageField,
  listField,
  limits,
  objectField,
  parseBundle,
  quorum,
  receiptFileNeeds,
  settlementAbi,
  signatureField,
  slotsByContract,
  sortSignatures,
  trimReceiptFile,
  type ReceiptFile,
  type Vote,
} from '@cloister/protocol'
import { decodeFunctionData, type Hex } from 'viem'

import { headerAt } from './block-header.ts'
import { askChain } from './chain.ts'
import type { Client } from './client.ts'
import { askCheckpoint, inputOf, readHandovers } from './committee-answers.ts'
import { knownStores } from './nodes.ts'
import { askPeer, getObject, peerUrl } from './peer.ts'
import { findReceipt } from './posted-receipt.ts'
import { sdkError } from './sdk-error.ts'
import { readTask, taskEvents } from './task.ts'

/** How long {@link collectReceipt} waits for the chain to grow over the judgement. */
export type CollectOptions = { readonly timeoutMs?: number; readonly pollMs?: number }

/**
 * Collects everything that shows an accepted task to be what its receipt says into one file, which anybody can check offline, for ever, with
 * `verifyReceiptFile` and the deployment's manifest. The checkpoint is made for this call, over our own nonce.
 *
 * Waits until the acceptance is as deep in the chain as the deployment asks for. What it returns is not verified here.
 *
 * @throws {OperationError} `task-unknown`, `task-unfinished`, `task-refunded`, `output-withheld`, `receipt-incomplete`, `chain-down`.
 */
export async function collectReceipt(
  client: Client,
  task: Hex,
  options: CollectOptions = {},
): Promise<ReceiptFile> {
  const found = await findReceipt(client, task)
  const { depth, home } = client.deployment
  const acceptedAt = await acceptedBlock(client, task)
  const { posting, receipt, receiptSignature, operatorSignature } = found
  client.onProgress({ step: 'bundle', detail: posting.bundleDigest })
  const stores = [...new Set([...found.urls, ...knownStores(client)])]
  const bytes = await getObject(client.fetch, stores, posting.bundleDigest, limits.bundleBytesMax)
  const bundle = parseBundle(bytes)
  client.onProgress({ step: 'judgement', detail: `of attempt ${posting.attempt}` })
  const judgement = await readJudgement(client, task, posting.attempt)
  const shares = await Promise.all(bundle.order.assets.map((asset) => readShares(client, asset)))
  const handovers = await readHandovers(client)
  const height = await headAbove(client, acceptedAt + BigInt(depth), options)
  client.onProgress({ step: 'checkpoint', detail: `block ${height}` })
  const { checkpoint, signatures } = await askCheckpoint(client, height)
  const needs = receiptFileNeeds({ posting, bundle }, home.contracts, depth)
  const file: ReceiptFile = {
    format: 'cloister-receipt/1',
    deployment: client.id,
    receipt,
    receiptSignature,
    posting,
    operatorSignature,
    bundle,
    shares,
    judgement,
    handovers,
    checkpoint,
    checkpointSignatures: signatures,
    proofs: await readProofs(client, height, depth, needs),
  }
  return trimReceiptFile(file, client.deployment)
}

async function acceptedBlock(client: Client, task: Hex): Promise<bigint> {
  const { state, attempt } = await readTask(client, task)
  if (state === 'refunded')
    throw sdkError(
      'task-refunded',
      `Cannot collect a receipt of task ${task}: its fee went back; explainTask says why`,
    )
  const events = await taskEvents(client, task)
  const accepted = events.findLast(
    (event) => event.kind === 'accepted' && event.attempt === attempt,
  )
  if (accepted !== undefined && (state === 'accepted' || state === 'settled')) return accepted.block
  throw sdkError(
    'task-unfinished',
    `Cannot collect a receipt of task ${task}: it is ${state} and not accepted yet; wait with watchTask`,
    { retryable: true },
  )
}

const votesField = objectField({
  votes: listField(
    objectField({ vote: messageField('Vote'), signature: signatureField }),
    limits.committeeMembersMax,
  ),
})

// The signatures stand in the transaction that judged; where that went through another contract, verifiers keep them too.
async function readJudgement(
  client: Client,
  task: Hex,
  attempt: number,
): Promise<ReceiptFile['judgement']> {
  const events = await taskEvents(client, task)
  const judged = events.findLast((event) => event.kind === 'judged' && event.attempt === attempt)
  const posted = events.findLast((event) => event.kind === 'posted' && event.attempt === attempt)
  if (judged?.kind !== 'judged' || posted?.kind !== 'posted')
    throw sdkError(
      'task-unfinished',
      `Cannot find the judgement of attempt ${attempt} of task ${task}: there is none yet; wait with watchTask`,
      { retryable: true },
    )
  const epoch = posted.committee
  const signatures =
    judgementIn(await inputOf(client, judged.transaction)) ??
    (await askVotes(client, task, attempt, judged.vote))
  const digest = messageDigest(client.domain, 'Vote', judged.vote)
  return { epoch, vote: judged.vote, signatures: await sortSignatures(digest, signatures) }
}

function judgementIn(input: Hex): readonly Hex[] | undefined {
  try {
    const call = decodeFunctionData({ abi: settlementAbi, data: input })
    return call.functionName === 'judge' ? call.args[1] : undefined
  } catch {
    return undefined // The input of another contract.
  }
}

async function askVotes(
  client: Client,
  task: Hex,
  attempt: number,
  vote: Vote,
): Promise<readonly Hex[]> {
  const wanted = messageDigest(client.domain, 'Vote', vote)
  for (const { url } of client.deployment.verifiers) {
    try {
      const route = peerUrl(url, `/v1/votes/${task}/${attempt}`)
      const { votes } = await askPeer(client.fetch, route, votesField)
      const same = votes.filter(
        (each) => messageDigest(client.domain, 'Vote', each.vote) === wanted,
      )
      if (same.length >= quorum(client.deployment.verifiers.length))
        return same.map(({ signature }) => signature)
    } catch (error) {
      if (!(error instanceof OperationError)) throw error // The next one may know.
    }
  }
  throw sdkError(
    'receipt-incomplete',
    `Cannot find the signatures of the judgement of task ${task}: neither its transaction nor a verifier shows them; try again later`,
    { retryable: true },
  )
}

async function readShares(client: Client, asset: Hex): Promise<ReceiptFile['shares'][number]> {
  const [registered] = await askChain(client.chain, `read who keeps asset ${asset}`, (reader) =>
    reader.getContractEvents({
      address: client.deployment.home.contracts.assetRegistry,
      abi: assetRegistryAbi,
      eventName: 'AssetRegistered',
      args: { asset },
      fromBlock: 0n,
      strict: true,
    }),
  )
  if (registered === undefined)
    throw sdkError(
      'receipt-incomplete',
      `Cannot find who keeps asset ${asset}: the chain shows no registration; use an endpoint that has all events`,
    )
  const { commitments, operators, threshold } = registered.args
  return { commitments, operators, threshold }
}

async function headAbove(client: Client, least: bigint, options: CollectOptions): Promise<bigint> {
  const deadline = performance.now() + (options.timeoutMs ?? 60_000)
  for (;;) {
    const head = await askChain(client.chain, 'read the newest block', (reader) =>
      reader.getBlockNumber(),
    )
    // One below the head: not every verifier has heard of the newest block.
    if (head > least) return head - 1n
    if (performance.now() > deadline)
      throw sdkError(
        'receipt-incomplete',
        `Cannot prove the acceptance yet: it is deep enough at block ${least}, the chain is at ${head}; try again later`,
        { retryable: true },
      )
    await new Promise((resolve) => setTimeout(resolve, options.pollMs ?? 500))
  }
}

async function readProofs(
  client: Client,
  height: bigint,
  depth: number,
  needs: ReturnType<typeof receiptFileNeeds>,
): Promise<ReceiptFile['proofs']> {
  const heights = Array.from({ length: depth + 1 }, (_, index) => height - BigInt(index))
  const headers = await Promise.all(heights.map((each) => headerAt(client.chain, each)))
  const accounts = await Promise.all(
    slotsByContract(needs).map(async ({ address, slots }) => {
      const proof = await askChain(client.chain, `prove storage of ${address}`, (reader) =>
        reader.getProof({
          address,
          storageKeys: [...slots],
          blockNumber: height - BigInt(depth),
        }),
      )
      const storageProofs = slots.map((slot, index) => ({
        slot,
        proof: proof.storageProof[index]?.proof ?? [],
      }))
      return { depth, address, accountProof: proof.accountProof, storageProofs }
    }),
  )
  return { headers, accounts }
}
