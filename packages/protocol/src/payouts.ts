import { concatHex, encodeAbiParameters, keccak256, type Address, type Hex } from 'viem'

import { compareHex, sameHex, zeroHash } from './ids.ts'

/** What an account has earned on one spoke since the beginning. */
export type Payout = { readonly account: Address; readonly cumulativeWei: bigint }

/** Leaves of one payout tree at most. */
export const payoutLeavesMax = 65_536

/** The leaf of one account. Spec: docs/protocol.md section 6. */
export function payoutLeaf({ account, cumulativeWei }: Payout): Hex {
  return keccak256(
    keccak256(
      encodeAbiParameters([{ type: 'address' }, { type: 'uint256' }], [account, cumulativeWei]),
    ),
  )
}

/**
 * The root over all payouts. Leaves are sorted first, so equal sets have equal roots; an odd node at
 * the end of a level moves up as it is. No payouts: the zero hash. Spec: OpenZeppelin MerkleProof.
 */
export function payoutRoot(payouts: readonly Payout[]): Hex {
  return levels(payouts).at(-1)?.[0] ?? zeroHash
}

/** The path from an account's leaf to the root; undefined where the account has none. */
export function payoutProof(
  payouts: readonly Payout[],
  account: Address,
): readonly Hex[] | undefined {
  const payout = payouts.find((each) => sameHex(each.account, account))
  if (payout === undefined) return undefined
  const tree = levels(payouts)
  let index = tree[0]?.indexOf(payoutLeaf(payout)) ?? 0
  const proof: Hex[] = []
  for (const level of tree.slice(0, -1)) {
    const sibling = level[index ^ 1]
    if (sibling !== undefined) proof.push(sibling)
    index >>= 1
  }
  return proof
}

/** Whether `proof` leads from the payout's leaf to `root`. */
export function verifyPayoutProof(root: Hex, payout: Payout, proof: readonly Hex[]): boolean {
  return sameHex(proof.reduce(pairHash, payoutLeaf(payout)), root)
}

function levels(payouts: readonly Payout[]): readonly (readonly Hex[])[] {
  if (payouts.length > payoutLeavesMax)
    throw new RangeError(`Cannot hash ${payouts.length} payouts, at most ${payoutLeavesMax}`)
  let level: readonly Hex[] = payouts.map(payoutLeaf).toSorted(compareHex)
  const tree = [level]
  while (level.length > 1) {
    const below = level
    level = below.flatMap((node, index) => {
      if (index % 2 === 1) return []
      const sibling = below[index + 1]
      return [sibling === undefined ? node : pairHash(node, sibling)]
    })
    tree.push(level)
  }
  return tree
}

function pairHash(a: Hex, b: Hex): Hex {
  return keccak256(concatHex(compareHex(a, b) < 0 ? [a, b] : [b, a]))
}
