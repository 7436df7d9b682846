import { OperationError } from '@cloister/codec'
import { sameHex } from '@cloister/protocol'

import type { EnclaveContext } from '../enclave-context.ts'
import type { ChainView } from './chain-view.ts'

/**
 * Requires that the committee which this enclave followed is the newest one in the storage of the chain that it is shown:
 * an enclave that has seen a handover is not led back before it.
 *
 * It does not show which chain is the real one. Whoever holds a quorum of the keys of an epoch can make up a history in which
 * that epoch was never handed over: an enclave that starts (so from the measured genesis) can be shown one by genesis keys that
 * are long out of office. Spec: docs/limitations.md.
 *
 * @throws {OperationError} `checkpoint-refused`.
 */
export async function requireCommittee(
  { chain, facts }: Pick<EnclaveContext, 'chain' | 'facts'>,
  view: ChainView,
): Promise<void> {
  const { epoch, membersHash } = chain.committee
  const onChain = await facts.committee(view, epoch)
  if (onChain.newest === epoch && sameHex(onChain.membersHash, membersHash)) return
  throw new OperationError(
    'checkpoint-refused',
    `Cannot use the host's checkpoint: the chain's committee is of epoch ${onChain.newest}, the one that signed of ${epoch}`,
    { retryable: true },
  )
}
