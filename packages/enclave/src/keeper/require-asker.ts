import { OperationError } from '@cloister/codec'
import { messageDigest, sameHex } from '@cloister/protocol'

import type { ChainView } from '../chain/chain-view.ts'
import { taskRunning, type TaskFacts } from '../chain/facts.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { requestSigner, type AttemptEvidence, type ReleaseRequest } from './attempt-request.ts'

/**
 * Requires that a request is signed by the key that its own binding names. It costs no look at the chain, so it comes first.
 *
 * @throws {OperationError} `request-refused`.
 */
export async function requireSigned(
  { config }: Pick<EnclaveContext, 'config'>,
  request: ReleaseRequest,
): Promise<void> {
  const signer = await requestSigner(config.domain, request)
  if (!sameHex(request.bundle.binding.receiptKey, signer))
    refuseRequest('it is not signed by the enclave that its binding names')
}

/**
 * Requires that the chain runs this attempt of this order on the node that the binding names: some blocks ago, and still.
 * Nobody else is answered by a signature.
 *
 * @throws {OperationError} `attempt-not-current`, retryable while the draw is not deep enough.
 */
export async function requireCurrent(
  { config, facts }: Pick<EnclaveContext, 'config' | 'facts'>,
  view: ChainView,
  { binding, order }: AttemptEvidence,
): Promise<TaskFacts> {
  const orderDigest = messageDigest(config.domain, 'Order', order)
  const task = await facts.task(view, binding.task, 'head')
  if (!isCurrent(task, binding, orderDigest, view.now))
    throw notCurrent('the chain runs another attempt, or none', false)
  const before = await facts.task(view, binding.task, 'deep')
  if (!isCurrent(before, binding, orderDigest, view.now))
    throw notCurrent('it was drawn only some blocks ago', true)
  return task
}

/** Whether the chain runs exactly this attempt of this order on this node. */
export function isCurrent(
  task: TaskFacts,
  attempt: Pick<AttemptEvidence['binding'], 'attempt' | 'receiptKey'>,
  orderDigest: string,
  now: bigint,
): boolean {
  return (
    task.state === taskRunning &&
    task.attempt === attempt.attempt &&
    sameHex(task.node, attempt.receiptKey) &&
    sameHex(task.orderDigest, orderDigest) &&
    task.deadline > now
  )
}

/** What the chain says against an attempt; no keeper signs it. */
export function notCurrent(detail: string, retryable: boolean): OperationError {
  return new OperationError('attempt-not-current', `Cannot release to this attempt: ${detail}`, {
    retryable,
  })
}

/** @throws {OperationError} `request-refused`, always: the asker alone is at fault, and no keeper signs it. */
export function refuseRequest(detail: string): never {
  throw new OperationError('request-refused', `Cannot take this request: ${detail}`)
}
