import { slotsByContract, type ChainProofs, type SlotPlace } from '@cloister/protocol'
import type { Hex } from 'viem'

import type { TestChain } from './anvil.ts'

/** What a chain proves of these places, with the headers from `height` so many blocks down, each at its own depth. */
export async function proofsAt(
  chain: TestChain,
  height: bigint,
  below: number,
  places: readonly SlotPlace[],
): Promise<ChainProofs> {
  const headers: Hex[] = []
  for (let back = 0; back <= below; back++) headers.push(await chain.header(height - BigInt(back)))
  const accounts = []
  for (const [depth, at] of Map.groupBy(places, (place) => place.depth))
    for (const { address: account, slots } of slotsByContract(at))
      accounts.push({ depth, ...(await chain.proof(account, slots, height - BigInt(depth))) })
  return { headers, accounts }
}
