import { OperationError } from '@cloister/codec'
import { sameHex } from '@cloister/protocol'

import type { EnclaveContext } from '../enclave-context.ts'
import type { ChainView } from './chain-view.ts'

/**
 * Requires that the committee which this enclave followed from genesis is the chain's own newest one: keys of an earlier
 * one, leaked after they were handed over, vouch for nothing.
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
