import { assert, OperationError } from '@cloister/codec'
import {
  cellValue,
  chainCells,
  type CollateralFloor,
  type ContractName,
  type StorageCell,
} from '@cloister/protocol'
import { getAddress, toHex, type Address, type Hex } from 'viem'

import type { EnclaveConfig } from '../config.ts'
import type { ChainView, Place } from './chain-view.ts'

/** A task as the Market has it. */
export type TaskFacts = {
  readonly orderDigest: Hex
  readonly state: number
  readonly attempt: number
  /** Receipt key of the node that runs the attempt. */
  readonly node: Address
  readonly deadline: bigint
}

/** An asset as the AssetRegistry has it. */
export type AssetFacts = {
  readonly owner: Address
  readonly root: Hex
  readonly sharesHash: Hex
  readonly policyDigest: Hex
}

/** A node as the NodeRegistry has it. */
export type NodeFacts = {
  readonly operator: Address
  readonly expiry: bigint
  readonly tier: number
  /** The number of the TEE that it was admitted with. */
  readonly tee: number
  readonly retired: boolean
  readonly shareKeyHash: Hex
  readonly machineId: Hex
  readonly measurement: Hex
}

/** The state of a task whose current attempt may be released to. Spec: docs/protocol.md section 7. */
export const taskRunning = 2

// IAppRegistry.AppStatus.Listed
const appListed = 1n

/** The facts that an enclave reads from the home chain, each under storage proofs of a view. */
export class ChainFacts {
  readonly #contracts: EnclaveConfig['contracts']

  constructor(config: EnclaveConfig) {
    this.#contracts = config.contracts
  }

  /** A task; all zero where there is none. */
  async task(view: ChainView, task: Hex, place: Place): Promise<TaskFacts> {
    const { orderDigest, state, attempt, node, attemptDeadline } = chainCells.task(task)
    const cells = [orderDigest, state, attempt, node, attemptDeadline]
    const read = await this.#read(view, place, cells)
    return {
      orderDigest: word(read(orderDigest)),
      state: Number(read(state)),
      attempt: Number(read(attempt)),
      node: address(read(node)),
      deadline: read(attemptDeadline),
    }
  }

  /** @throws {OperationError} `unknown-asset`. */
  async asset(view: ChainView, asset: Hex, place: Place = 'deep'): Promise<AssetFacts> {
    const { owner, root, sharesHash, policyDigest } = chainCells.asset(asset)
    const read = await this.#read(view, place, [owner, root, sharesHash, policyDigest])
    if (read(owner) === 0n)
      throw new OperationError('unknown-asset', `Cannot use asset ${asset}: it is not registered`)
    return {
      owner: address(read(owner)),
      root: word(read(root)),
      sharesHash: word(read(sharesHash)),
      policyDigest: word(read(policyDigest)),
    }
  }

  /** Whether a grant is revoked as of the checkpoint's own block: alone, or with all below a nonce. */
  async grantRevoked(view: ChainView, owner: Address, grant: Hex, nonce: bigint): Promise<boolean> {
    const revokedAt = chainCells.grantRevokedAt(owner, grant)
    const nonceMin = chainCells.grantNonceMin(owner)
    const read = await this.#read(view, 'head', [revokedAt, nonceMin])
    return read(revokedAt) !== 0n || nonce < read(nonceMin)
  }

  /**
   * Until when each release key approves a measurement, as of the checkpoint's own block: an approval that is withdrawn stops
   * releases at once.
   */
  async approvedUntil(
    view: ChainView,
    releaseKeys: readonly Address[],
    measurement: Hex,
  ): Promise<readonly { readonly releaseKey: Address; readonly until: bigint }[]> {
    if (releaseKeys.length === 0) return []
    const cells = releaseKeys.map((key) => chainCells.approvedUntil(key, measurement))
    const read = await this.#read(view, 'head', cells)
    return releaseKeys.map((releaseKey) => ({
      releaseKey,
      until: read(chainCells.approvedUntil(releaseKey, measurement)),
    }))
  }

  /** A node that was admitted under this receipt key; undefined where none was. */
  async node(view: ChainView, receiptKey: Address): Promise<NodeFacts | undefined> {
    const cells = chainCells.node(receiptKey)
    const { operator, expiry, tier, tee, retired, shareKeyHash, machineId, measurement } = cells
    const read = await this.#read(view, 'deep', [
      operator,
      tee,
      shareKeyHash,
      machineId,
      measurement,
    ])
    if (read(operator) === 0n) return undefined
    return {
      operator: address(read(operator)),
      expiry: read(expiry),
      tier: Number(read(tier)),
      tee: Number(read(tee)),
      retired: read(retired) !== 0n,
      shareKeyHash: word(read(shareKeyHash)),
      machineId: word(read(machineId)),
      measurement: word(read(measurement)),
    }
  }

  /** Whether an app may be ordered, and a measurement may run it. */
  async approved(view: ChainView, app: Hex, measurement: Hex) {
    const status = chainCells.appStatus(app)
    const approved = chainCells.measurementApproved(measurement)
    const read = await this.#read(view, 'deep', [status, approved])
    return { app: read(status) === appListed, measurement: read(approved) === 1n }
  }

  /** Whether governance lets a measurement run apps. */
  async measurementApproved(view: ChainView, measurement: Hex): Promise<boolean> {
    const approved = chainCells.measurementApproved(measurement)
    return (await this.#read(view, 'deep', [approved]))(approved) === 1n
  }

  /** The collateral numbers that evidence must reach. */
  async floor(view: ChainView): Promise<CollateralFloor> {
    const { tcbEvaluationDataNumber, rootCrlNumber, pckCrlNumber } = chainCells.floor()
    const cells = [tcbEvaluationDataNumber, rootCrlNumber, pckCrlNumber]
    const read = await this.#read(view, 'deep', cells)
    return {
      tcbEvaluationDataNumber: Number(read(tcbEvaluationDataNumber)),
      rootCrlNumber: read(rootCrlNumber),
      pckCrlNumber: read(pckCrlNumber),
    }
  }

  /** The hash of the committee of an epoch, and which epoch is the newest, as of the checkpoint's own block. */
  async committee(view: ChainView, epoch: bigint) {
    const newest = chainCells.committeeEpoch()
    const members = chainCells.membersHash(epoch)
    const read = await this.#read(view, 'head', [newest, members])
    return { newest: read(newest), membersHash: word(read(members)) }
  }

  // All cells are of one contract. Each of its words is read once, however many fields are packed into it.
  async #read(
    view: ChainView,
    place: Place,
    cells: readonly StorageCell[],
  ): Promise<(cell: StorageCell) => bigint> {
    const [first] = cells
    assert(first !== undefined, 'there is something to read')
    const slots = [...new Set(cells.map(({ slot }) => slot))]
    const words = await view.read(place, this.#addressOf(first.contract), slots)
    return (cell) => {
      const found = words[slots.indexOf(cell.slot)]
      assert(found !== undefined, `slot ${cell.slot} was read`)
      return cellValue(cell, found)
    }
  }

  #addressOf(contract: ContractName): Address {
    const found = Object.entries(this.#contracts).find(([name]) => name === contract)?.[1]
    assert(found !== undefined, `${contract} is configured`)
    return found
  }
}

function word(value: bigint): Hex {
  return toHex(value, { size: 32 })
}

function address(value: bigint): Address {
  return getAddress(toHex(value, { size: 20 }))
}
