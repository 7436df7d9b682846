const partsTotal = 1_000_000n

/** How a settled fee is divided, in parts per million; the treasury also takes the dust. Spec: docs/protocol.md section 7. */
export const feeParts = {
  owners: 700_000n,
  node: 200_000n,
  keepers: 40_000n,
  verifiers: 40_000n,
  treasury: 20_000n,
} as const

/** Who is paid from one fee. */
export type SplitInput = {
  readonly feeWei: bigint
  /** The price in each asset's grant, in the order's order. */
  readonly pricesWei: readonly bigint[]
  /** Keepers that released, and verifiers whose vote stands. */
  readonly keepers: number
  readonly verifiers: number
}

/** What everybody gets. The parts add up to the fee, to the wei. */
export type Split = {
  /** For each asset, in the order's order: its owner's part. */
  readonly ownersWei: readonly bigint[]
  readonly nodeWei: bigint
  /** For each keeper and each verifier. */
  readonly keeperWei: bigint
  readonly verifierWei: bigint
  /** Its own part, all dust, and the parts of roles that nobody had. */
  readonly treasuryWei: bigint
}

/** The owners' part of a fee, rounded down: the sum of the grants' prices may not exceed it. */
export function ownersPartDown(feeWei: bigint): bigint {
  return partDown(feeWei, feeParts.owners)
}

/**
 * Divides a fee. Every share is rounded down; what is left over goes to the treasury.
 *
 * Owners share by their grants' prices, or equally when all are zero. Spec: docs/protocol.md section 7.
 */
export function splitFee({ feeWei, pricesWei, keepers, verifiers }: SplitInput): Split {
  const owners = ownersPartDown(feeWei)
  const priceSum = pricesWei.reduce((sum, price) => sum + price, 0n)
  const ownersWei = pricesWei.map((price) =>
    priceSum === 0n ? owners / BigInt(pricesWei.length) : (owners * price) / priceSum,
  )
  const nodeWei = partDown(feeWei, feeParts.node)
  const keeperWei = eachDown(partDown(feeWei, feeParts.keepers), keepers)
  const verifierWei = eachDown(partDown(feeWei, feeParts.verifiers), verifiers)
  const paidWei =
    ownersWei.reduce((sum, part) => sum + part, 0n) +
    nodeWei +
    keeperWei * BigInt(keepers) +
    verifierWei * BigInt(verifiers)
  return { ownersWei, nodeWei, keeperWei, verifierWei, treasuryWei: feeWei - paidWei }
}

function partDown(feeWei: bigint, parts: bigint): bigint {
  return (feeWei * parts) / partsTotal
}

function eachDown(wei: bigint, count: number): bigint {
  return count === 0 ? 0n : wei / BigInt(count)
}
