import { keeperDutyAbi } from '@cloister/protocol'
import { parseEventLogs, type Address, type Hex, type Log } from 'viem'

type Given = ReturnType<typeof answeredOf>[number]['args']['given']

/** What a keeper answered to a demand, on chain. */
export type DemandAnswer =
  | { readonly kind: 'release'; readonly given: Given }
  | {
      readonly kind: 'refusal'
      readonly refusal: ReturnType<typeof refusedOf>[number]['args']['refusal']
      readonly signature: Hex
    }

/** A demand for a share, as its event has it. */
export type KnownDemand = {
  readonly id: Hex
  readonly task: Hex
  readonly attempt: number
  readonly asset: Hex
  readonly shareIndex: number
  readonly operator: Address
  /** Unix seconds of a block until which it may be answered. */
  readonly until: bigint
  readonly requestDigest: Hex
  /** Absent while it is open; `ended` where it lapsed or was closed. */
  readonly answer?: DemandAnswer | { readonly kind: 'ended' }
}

/** Demands of tasks that are not over, from the chain's logs. */
export class KnownDemands {
  readonly #demands = new Map<Hex, KnownDemand>()

  get all(): ReadonlyMap<Hex, KnownDemand> {
    return this.#demands
  }

  copy(): KnownDemands {
    const copied = new KnownDemands()
    for (const [id, demand] of this.#demands) copied.#demands.set(id, demand)
    return copied
  }

  /** Takes logs in their order. */
  apply(logs: readonly Log[]): void {
    for (const log of parseEventLogs({ abi: keeperDutyAbi, logs: [...logs] })) {
      switch (log.eventName) {
        case 'Demanded': {
          const { demand: id, made, requestDigest } = log.args
          const { task, attempt, asset, shareIndex, operator, until } = made
          const known = { task, attempt, asset, shareIndex, operator, until, requestDigest }
          this.#demands.set(id, { id, ...known })
          break
        }
        case 'Answered':
          this.#answer(log.args.demand, { kind: 'release', given: log.args.given })
          break
        case 'RefusalGiven': {
          const { demand, refusal, signature } = log.args
          this.#answer(demand, { kind: 'refusal', refusal, signature })
          break
        }
        case 'Lapsed':
        case 'DemandClosed':
          this.#answer(log.args.demand, { kind: 'ended' })
          break
        case 'DutyPaid':
          break
      }
    }
  }

  /** Forgets the demands of a task that is over. */
  end(task: Hex): void {
    for (const [id, demand] of this.#demands) if (demand.task === task) this.#demands.delete(id)
  }

  #answer(id: Hex, answer: NonNullable<KnownDemand['answer']>): void {
    const demand = this.#demands.get(id)
    if (demand !== undefined) this.#demands.set(id, { ...demand, answer })
  }
}

// For their types alone.
function answeredOf(logs: Log[]) {
  return parseEventLogs({ abi: keeperDutyAbi, eventName: 'Answered', logs })
}

function refusedOf(logs: Log[]) {
  return parseEventLogs({ abi: keeperDutyAbi, eventName: 'RefusalGiven', logs })
}
