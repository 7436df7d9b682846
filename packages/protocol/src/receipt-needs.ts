import type { Address, Hex } from 'viem'

import { chainCells, type StorageCell } from './chain-cells.ts'
import type { Contracts } from './deployment.ts'
import { compareSlots, type SlotPlace } from './proven-chain.ts'
import type { ReceiptFile } from './receipt-file.ts'

/** The parts of a receipt file that say which chain facts it rests on. */
export type ReceiptFileNeeds = Pick<ReceiptFile, 'posting' | 'bundle'>

/**
 * The storage slots that a receipt file proves: these and no others, without repeats.
 *
 * Whoever makes a file asks `eth_getProof` for them at `checkpoint.height - depth`.
 */
export function receiptFileNeeds(
  { posting, bundle }: ReceiptFileNeeds,
  contracts: Contracts,
  depth: number,
): readonly SlotPlace[] {
  const cells = [
    ...taskCells(posting.task, posting.attempt),
    ...bundle.order.assets.flatMap(assetCells),
    ...nodeCells(bundle.binding.receiptKey),
    ...bundle.releases.flatMap(({ release, countersigner }) => [
      chainCells.node(release.keeper).operator,
      chainCells.node(countersigner).operator,
    ]),
    ...Object.values(chainCells.floor()),
    chainCells.appStatus(bundle.order.app),
  ]
  return cells.reduce<readonly SlotPlace[]>((places, cell) => {
    const place = placeOf(cell, contracts, depth)
    return [...places, ...compareSlots([place], places).missing]
  }, [])
}

/** The slot of a cell in one deployment. */
export function placeOf(cell: StorageCell, contracts: Contracts, depth: number): SlotPlace {
  return { depth, address: contracts[cell.contract], slot: cell.slot }
}

function taskCells(task: Hex, attempt: number): readonly StorageCell[] {
  const cells = chainCells.task(task)
  const { node, posting } = chainCells.attempt(task, attempt)
  return [
    cells.orderDigest,
    cells.state,
    cells.attempt,
    cells.node,
    cells.postedAt,
    cells.committee,
    cells.keepersHash,
    node,
    posting,
    chainCells.judgement(task),
  ]
}

function assetCells(asset: Hex): readonly StorageCell[] {
  const { owner, root, sharesHash, policyDigest } = chainCells.asset(asset)
  return [owner, root, sharesHash, policyDigest]
}

function nodeCells(receiptKey: Address): readonly StorageCell[] {
  const { operator, tier, tee, shareKeyHash, machineId, measurement } = chainCells.node(receiptKey)
  return [operator, tier, tee, shareKeyHash, machineId, measurement]
}
