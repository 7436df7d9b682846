import type { Order } from '@cloister/protocol'

import type { TaskFacts } from '../chain/facts.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import type { Pin } from './keeper-state.ts'

/**
 * Why this enclave cannot know what was shown for an attempt before; undefined where it can.
 *
 * Whoever restores an older state of a keeper, or starts a second one beside it, makes it forget which evidence it has
 * released to. The chain does not forget when an attempt was drawn: what was drawn before this enclave's first checkpoint is
 * released only to evidence that another keeper handed on as the first, or that was sealed as such.
 */
export function whyUnknown(
  { chain, state }: Pick<EnclaveContext, 'chain' | 'state'>,
  task: TaskFacts,
  order: Pick<Order, 'attemptSeconds'>,
  { task: id, attempt }: Pick<Pin, 'task' | 'attempt'>,
): string | undefined {
  if (state.pinned(id, attempt) !== undefined) return undefined // Whether this is it, is asked next.
  const drawnAt = task.deadline - BigInt(order.attemptSeconds)
  const { firstTime } = chain
  if (firstTime !== undefined && drawnAt > firstTime) return undefined
  return `the attempt was drawn at ${drawnAt}, before this enclave first saw the chain at ${firstTime ?? 'no time yet'}, and no other keeper handed on what was shown for it`
}
