import {
  assetRegistryAbi,
  committeeAbi,
  marketAbi,
  nodeRegistryAbi,
  type Grant,
  type Order,
  type Posting,
} from '@cloister/protocol'
import { parseEventLogs, type Address, type Hex, type Log } from 'viem'

import { KnownDemands } from './known-demands.ts'

/** A task that is not over, as its order placed it. */
export type OpenTask = {
  readonly block: bigint
  readonly order: Order
  readonly grants: readonly Grant[]
  readonly grantSignatures: readonly Hex[]
}

/** An asset and its keepers, as registered. */
export type KnownAsset = {
  readonly block: bigint
  readonly salt: Hex
  readonly commitments: readonly [Hex, Hex, Hex]
  readonly operators: readonly [Address, Address, Address]
  readonly threshold: number
  readonly policyDigest: Hex
}

/** A node that was admitted, under its receipt key. */
export type KnownNode = {
  readonly block: bigint
  readonly receiptKey: Address
  readonly operator: Address
  readonly url: string
}

/** A handover and the transaction that holds its signatures. */
export type KnownHandover = {
  readonly block: bigint
  readonly epoch: bigint
  readonly transaction: Hex
}

const eventsAbi = [...marketAbi, ...nodeRegistryAbi, ...assetRegistryAbi, ...committeeAbi]

/** What follows from the chain's logs up to some block. */
export class ChainFacts {
  readonly tasks = new Map<Hex, OpenTask>()
  readonly postings = new Map<string, Posting>()
  /** The block in which an attempt was drawn. */
  readonly draws = new Map<string, bigint>()
  readonly assets = new Map<Hex, KnownAsset>()
  readonly nodes = new Map<string, KnownNode>()
  demands = new KnownDemands()
  handovers: readonly KnownHandover[] = []

  /** Facts that change apart from these. */
  copy(): ChainFacts {
    const copied = new ChainFacts()
    for (const [key, task] of this.tasks) copied.tasks.set(key, task)
    for (const [key, posting] of this.postings) copied.postings.set(key, posting)
    for (const [key, block] of this.draws) copied.draws.set(key, block)
    for (const [key, asset] of this.assets) copied.assets.set(key, asset)
    for (const [key, node] of this.nodes) copied.nodes.set(key, node)
    copied.handovers = this.handovers
    copied.demands = this.demands.copy()
    return copied
  }

  /** Takes logs in their order. Those of no known event are passed over. */
  apply(logs: readonly Log[]): void {
    this.demands.apply(logs)
    for (const log of parseEventLogs({ abi: eventsAbi, logs: [...logs] })) this.#take(log)
  }

  #take(log: ReturnType<typeof parseEventLogs<typeof eventsAbi>>[number]): void {
    const block = log.blockNumber ?? 0n
    switch (log.eventName) {
      case 'Placed': {
        const { task, order, grants, grantSignatures } = log.args
        this.tasks.set(task, { block, order, grants, grantSignatures })
        break
      }
      case 'ReplicaPlaced': {
        const first = this.tasks.get(log.args.first)
        if (first !== undefined) this.tasks.set(log.args.task, { ...first, block })
        break
      }
      case 'Drawn':
        this.draws.set(`${log.args.task}/${log.args.attempt}`, block)
        break
      case 'Posted':
        this.postings.set(`${log.args.task}/${log.args.attempt}`, log.args.message)
        break
      case 'Settled':
      case 'Refunded':
        this.#end(log.args.task)
        break
      case 'NodeAdmitted': {
        const { receiptKey, operator } = log.args
        this.nodes.set(receiptKey, { block, receiptKey, operator, url: '' })
        break
      }
      case 'NodeUrlSet': {
        const node = this.nodes.get(log.args.receiptKey)
        if (node !== undefined) this.nodes.set(node.receiptKey, { ...node, url: log.args.url })
        break
      }
      case 'NodeRetired':
        this.nodes.delete(log.args.receiptKey)
        break
      case 'AssetRegistered': {
        const { asset, salt, commitments, operators, threshold, policyDigest } = log.args
        this.assets.set(asset, { block, salt, commitments, operators, threshold, policyDigest })
        break
      }
      case 'HandedOver': {
        const { epoch } = log.args
        const handover = { block, epoch, transaction: log.transactionHash ?? '0x' }
        this.handovers = [...this.handovers.filter((known) => known.epoch < epoch), handover]
        break
      }
      // What these say is read from the contracts when it is needed.
      case 'Accepted':
      case 'Announced':
      case 'AttemptEnded':
      case 'FloorRaised':
      case 'GrantRevoked':
      case 'GrantsRevokedBelow':
      case 'MachineWeighed':
      case 'NodeCapacitySet':
      case 'NodePaused':
      case 'ReleaseRefused':
      case 'SeedMoved':
        break
    }
  }

  #end(task: Hex): void {
    this.tasks.delete(task)
    this.demands.end(task)
    for (const map of [this.postings, this.draws])
      for (const key of map.keys()) if (key.startsWith(`${task}/`)) map.delete(key)
  }
}
