import { appraise } from '@cloister/attest'
import { OperationError, unixSeconds } from '@cloister/codec'
import { getAddress, toHex, type Address, type Hex } from 'viem'

import { appFactsOf, type AppFacts } from './app-facts.ts'
import { provenApprovals } from './attempt-chain.ts'
import type { ReleaseApproval } from './attest-policy.ts'
import { reportData } from './bindings.ts'
import { cellValue, chainCells, type StorageCell } from './chain-cells.ts'
import { followHandovers, quorum, verifyQuorum, type CommitteeSet } from './committee.ts'
import { deploymentDomain, type Deployment } from './deployment.ts'
import { messageDigest, type Domain } from './digest.ts'
import { sameHex, taskId } from './ids.ts'
import type { Message, MessageName } from './messages.ts'
import { appraiseNode, type NodeAppraisal } from './node-appraisal.ts'
import { tasksOf } from './orders.ts'
import { compareSlots, proveChain, type ProvenChain } from './proven-chain.ts'
import type { ReceiptFile } from './receipt-file.ts'
import { placeOf, receiptFileNeeds } from './receipt-needs.ts'

/**
 * One receipt file on trial. What several facts rest on is worked out once; what rests on something
 * that is not proven throws, so that no fact is called proven on the strength of one that is not.
 */
export class ReceiptCase {
  readonly file: ReceiptFile
  readonly deployment: Deployment
  readonly domain: Domain
  /** Digest of the file's order, and the task it makes: of its replicas the one that the posting names. */
  readonly orderDigest: Hex
  readonly task: Hex
  #committees: Promise<readonly CommitteeSet[]> | undefined
  #chain: Promise<ProvenChain> | undefined
  #approvals: Promise<readonly ReleaseApproval[]> | undefined
  #appraisal: Promise<NodeAppraisal> | undefined

  constructor(file: ReceiptFile, deployment: Deployment) {
    this.file = file
    this.deployment = deployment
    this.domain = deploymentDomain(deployment)
    const { order } = file.bundle
    const tasks = tasksOf(this.domain, order)
    this.orderDigest = messageDigest(this.domain, 'Order', order)
    this.task = tasks.find((task) => sameHex(task, file.posting.task)) ?? taskId(this.orderDigest)
  }

  /** Every committee from genesis to the checkpoint's. @throws {OperationError} `not-proved`. */
  committees(): Promise<readonly CommitteeSet[]> {
    this.#committees ??= this.#followCommittees()
    return this.#committees
  }

  /** The committee of one epoch. @throws {OperationError} `not-proved`. */
  async committee(epoch: bigint): Promise<CommitteeSet> {
    const set = (await this.committees()).find((each) => each.epoch === epoch)
    if (set === undefined) throw notProved(`the file leads to no committee of epoch ${epoch}`)
    return set
  }

  /** What the file proves of the chain, under a checkpoint that its committee signed. @throws {OperationError} `not-proved`. */
  chain(): Promise<ProvenChain> {
    this.#chain ??= this.#proveChain()
    return this.#chain
  }

  /** A number that the chain keeps. @throws {OperationError} `not-proved`. */
  async number(cell: StorageCell): Promise<bigint> {
    const { contracts } = this.deployment.home
    const chain = await this.chain()
    return cellValue(cell, chain.word(placeOf(cell, contracts, this.deployment.depth)))
  }

  /** A 32-byte word that the chain keeps. @throws {OperationError} `not-proved`. */
  async word(cell: StorageCell): Promise<Hex> {
    return toHex(await this.number(cell), { size: 32 })
  }

  /** An address that the chain keeps. @throws {OperationError} `not-proved`. */
  async address(cell: StorageCell): Promise<Address> {
    return getAddress(toHex(await this.number(cell), { size: 20 }))
  }

  /** What the app's manifest says, if the deployment's has it. */
  manifest(): AppFacts {
    const { app } = this.file.bundle.order
    return appFactsOf(this.deployment.apps.find(({ id }) => sameHex(id, app))?.manifest)
  }

  /** Which of the grants' release keys approved the node's runtime when the attempt was made. @throws {OperationError} `not-proved`. */
  approvals(): Promise<readonly ReleaseApproval[]> {
    this.#approvals ??= this.#readApprovals()
    return this.#approvals
  }

  /** The attempt's evidence, appraised with every input pinned by the chain. @throws {OperationError} `not-proved`. */
  appraisal(): Promise<NodeAppraisal> {
    this.#appraisal ??= this.#appraise()
    return this.#appraisal
  }

  async #followCommittees(): Promise<readonly CommitteeSet[]> {
    const { handovers, checkpoint } = this.file
    const result = await followHandovers(this.domain, this.deployment.genesisCommittee, handovers)
    if (result.kind === 'broken')
      throw notProved(`handover to epoch ${result.epoch}: ${result.detail}`)
    for (const [index, { signatures }] of handovers.entries())
      requireExact(signatures, result.sets[index])
    if (result.set.epoch !== checkpoint.committee)
      throw notProved(
        `handovers lead to epoch ${result.set.epoch}, the checkpoint is of ${checkpoint.committee}`,
      )
    return result.sets
  }

  async #proveChain(): Promise<ProvenChain> {
    const { checkpoint, checkpointSignatures, proofs } = this.file
    const { home, depth } = this.deployment
    if (checkpoint.chainId !== BigInt(home.chainId))
      throw notProved(`the checkpoint is of chain ${checkpoint.chainId}, not ${home.chainId}`)
    await this.requireQuorum('Checkpoint', checkpoint, checkpointSignatures, checkpoint.committee)
    if (proofs.headers.length !== depth + 1)
      throw notProved(`${proofs.headers.length} headers, exactly ${depth + 1} are needed`)
    const chain = await proveChain(checkpoint, proofs)
    const wanted = receiptFileNeeds(this.file, home.contracts, depth)
    const { missing, surplus } = compareSlots(wanted, chain.slots)
    if (missing.length > 0 || surplus.length > 0)
      throw notProved(
        `${missing.length} storage proofs are missing, ${surplus.length} are not needed`,
      )
    return chain
  }

  /** Passes where exactly a quorum of the committee of `epoch` signed. @throws {OperationError} `not-proved`. */
  async requireQuorum<N extends MessageName>(
    name: N,
    message: Message<N>,
    signatures: readonly Hex[],
    epoch: bigint,
  ): Promise<CommitteeSet> {
    const set = await this.committee(epoch)
    requireExact(signatures, set)
    const result = await verifyQuorum(this.domain, name, message, signatures, set)
    if (!result.reached) throw notProved(result.detail)
    return set
  }

  async #readApprovals(): Promise<readonly ReleaseApproval[]> {
    const { bundle } = this.file
    const { measurement } = chainCells.node(bundle.binding.receiptKey)
    const { contracts } = this.deployment.home
    return provenApprovals(bundle, await this.word(measurement), contracts)
  }

  async #appraise(): Promise<NodeAppraisal> {
    const { bundle, posting } = this.file
    const { receiptKey } = bundle.binding
    const floor = chainCells.floor()
    const postedAt = await this.number(chainCells.task(posting.task).postedAt)
    return appraiseNode(appraise, bundle, {
      rules: bundle.grants,
      approvals: await this.approvals(),
      floor: {
        tcbEvaluationDataNumber: Number(await this.number(floor.tcbEvaluationDataNumber)),
        rootCrlNumber: await this.number(floor.rootCrlNumber),
        pckCrlNumber: await this.number(floor.pckCrlNumber),
      },
      reportData: reportData(this.domain, 'AttemptBinding', bundle.binding),
      receiptKey,
      machineId: await this.word(chainCells.node(receiptKey).machineId),
      accelerator: this.manifest().accelerator,
      anchors: this.deployment.anchors,
      now: unixSeconds(Number(postedAt)),
    })
  }
}

/** The error of a fact that does not stand, or rests on one that does not. */
export function notProved(detail: string): OperationError {
  return new OperationError('not-proved', detail)
}

// More than a quorum would be as true, but then one could be taken away unnoticed.
function requireExact(signatures: readonly Hex[], set: CommitteeSet | undefined): void {
  const needed = quorum(set?.members.length ?? 0)
  if (signatures.length !== needed)
    throw notProved(
      `${signatures.length} signatures of epoch ${set?.epoch}, exactly ${needed} are kept`,
    )
}
