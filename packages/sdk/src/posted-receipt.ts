import {
  bytes32Field,
  checkPosting,
  hexBetween,
  messageDigest,
  messageField,
  objectField,
  sameHex,
  signatureField,
  signerOf,
  type Posting,
  type Receipt,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import type { Client } from './client.ts'
import { readNode } from './nodes.ts'
import { askPeer, peerUrl } from './peer.ts'
import { sayError, sdkError } from './sdk-error.ts'
import { taskEvents, type TaskEvent } from './task.ts'

/** The receipt that a task's last posting names, checked against the chain. */
export type FoundReceipt = {
  readonly attempt: number
  readonly node: Address
  /** Where the node, and everybody else who may have its objects, answers. */
  readonly urls: readonly string[]
  readonly posting: Posting
  readonly operatorSignature: Hex
  readonly receipt: Receipt
  readonly receiptSignature: Hex
}

const answerField = objectField({
  posting: messageField('Posting'),
  operatorSignature: hexBetween(65, 4096),
  receipt: messageField('Receipt'),
  receiptSignature: signatureField,
  bundleDigest: bytes32Field,
})

/**
 * The receipt of a task's last posting, from its node or any verifier: only one that the posting on chain names, signed by the node's key, is
 * taken.
 *
 * @throws {OperationError} `task-unfinished` where nothing was posted, `output-withheld` where nobody hands it out, `chain-down`.
 */
export async function findReceipt(client: Client, task: Hex): Promise<FoundReceipt> {
  const events = await taskEvents(client, task)
  const posted = events.findLast((event) => event.kind === 'posted')
  if (posted?.kind !== 'posted')
    throw sdkError(
      'task-unfinished',
      `Cannot find the receipt of task ${task}: none was posted yet; wait with watchTask`,
      { retryable: true },
    )
  const { url, record } = await readNode(client, posted.node)
  const listed = client.deployment.nodes.filter(({ operator }) =>
    sameHex(operator, record.operator),
  )
  const verifiers = client.deployment.verifiers.map((verifier) => verifier.url)
  const urls = [
    ...new Set(
      [url, ...listed.map((node) => node.url), ...verifiers].filter((each) => URL.canParse(each)),
    ),
  ]
  const failures: string[] = []
  for (const source of urls) {
    try {
      const path = `/v1/tasks/${task}/${posted.attempt}`
      const answer = await askPeer(client.fetch, peerUrl(source, path), answerField)
      const wrong = await problemOf(client, posted, answer)
      if (wrong === undefined)
        return {
          ...answer,
          attempt: posted.attempt,
          node: posted.node,
          urls,
          posting: posted.posting,
          operatorSignature: posted.operatorSignature,
        }
      failures.push(`${source} gave another receipt (${wrong})`)
    } catch (error) {
      failures.push(sayError(error))
    }
  }
  throw sdkError(
    'output-withheld',
    `Cannot find the receipt of task ${task}: ${failures.join('; ')}; try again later, it is named on chain by ${posted.posting.receiptDigest}`,
    { retryable: true },
  )
}

async function problemOf(
  client: Client,
  posted: Extract<TaskEvent, { readonly kind: 'posted' }>,
  { receipt, receiptSignature }: { readonly receipt: Receipt; readonly receiptSignature: Hex },
): Promise<string | undefined> {
  const { posting, node } = posted
  const [first] = checkPosting(client.domain, { posting, receipt, receiptSignature })
  if (first !== undefined) return `${first.field}: ${first.detail}`
  const signer = await signerOf(messageDigest(client.domain, 'Receipt', receipt), receiptSignature)
  return sameHex(node, signer) ? undefined : `signed by ${signer ?? 'nobody'}, expected ${node}`
}
