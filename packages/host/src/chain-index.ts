import type { Posting } from '@cloister/protocol'
import type { Address, Hex, Log } from 'viem'

import {
  ChainFacts,
  type KnownAsset,
  type KnownHandover,
  type KnownNode,
  type OpenTask,
} from './chain-facts.ts'
import type { KnownDemand } from './known-demands.ts'

type Batch = { readonly upTo: bigint; readonly logs: readonly Log[] }

/** Batches that can be taken back: as many as the follower of logs remembers. */
const batchesMax = 256

/**
 * What a host knows from the chain's logs. It is made anew from the deployment's block at every start, and taken back to
 * where the chain still agrees when that reorganises. Tasks that are over are forgotten, so its size is that of what is open.
 */
export class ChainIndex {
  /** What can't be taken back any more, but all at once. */
  #base = new ChainFacts()
  #baseBlock = -1n
  #batches: readonly Batch[] = []
  #current = new ChainFacts()

  get tasks(): ReadonlyMap<Hex, OpenTask> {
    return this.#current.tasks
  }

  get postings(): ReadonlyMap<string, Posting> {
    return this.#current.postings
  }

  get draws(): ReadonlyMap<string, bigint> {
    return this.#current.draws
  }

  get assets(): ReadonlyMap<Hex, KnownAsset> {
    return this.#current.assets
  }

  get nodes(): ReadonlyMap<string, KnownNode> {
    return this.#current.nodes
  }

  get demands(): ReadonlyMap<Hex, KnownDemand> {
    return this.#current.demands.all
  }

  get handovers(): readonly KnownHandover[] {
    return this.#current.handovers
  }

  /** Takes the next logs: all up to and with block `upTo`. */
  apply(logs: readonly Log[], upTo: bigint): void {
    this.#current.apply(logs)
    this.#batches = [...this.#batches, { upTo, logs }]
    const [oldest] = this.#batches
    if (this.#batches.length <= batchesMax || oldest === undefined) return
    this.#base.apply(oldest.logs)
    this.#baseBlock = oldest.upTo
    this.#batches = this.#batches.slice(1)
  }

  /** Forgets what came after block `last`, which is the end of some batch, or lies before all that can be taken back. */
  rewind(last: bigint): void {
    if (last < this.#baseBlock) {
      this.#base = new ChainFacts()
      this.#baseBlock = -1n
      this.#batches = []
    }
    this.#batches = this.#batches.filter(({ upTo }) => upTo <= last)
    this.#current = this.#base.copy()
    for (const { logs } of this.#batches) this.#current.apply(logs)
  }

  /** Nodes that an operator had admitted, the newest first. */
  nodesOf(operator: Address): readonly KnownNode[] {
    return [...this.nodes.values()]
      .filter((node) => node.operator.toLowerCase() === operator.toLowerCase())
      .toReversed()
  }
}
