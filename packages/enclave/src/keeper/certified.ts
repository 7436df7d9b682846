import type { Address } from 'viem'

import type { ChainView } from '../chain/chain-view.ts'
import type { NodeFacts } from '../chain/facts.ts'
import type { EnclaveContext } from '../enclave-context.ts'

/** The node under a receipt key, if its record stands now and governance still approves of what runs there. */
export async function readCertified(
  { facts }: Pick<EnclaveContext, 'facts'>,
  view: ChainView,
  receiptKey: Address,
): Promise<NodeFacts | undefined> {
  const node = await facts.node(view, receiptKey)
  if (node === undefined || node.retired || node.expiry <= view.now) return undefined
  return (await facts.measurementApproved(view, node.measurement)) ? node : undefined
}
