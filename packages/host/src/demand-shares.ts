import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

import { canonicalJson, encodeUtf8, type Json } from '@cloister/codec'
import { revertOf, type Log, type ObjectStore } from '@cloister/io'
import {
  bytes32Field,
  integerField,
  keeperDutyAbi,
  messageToJson,
  type Release,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import type { ChainIndex } from './chain-index.ts'
import type { KnownDemand } from './known-demands.ts'
import type { NodeChain } from './node-chain.ts'

/** What demanding shares on chain needs. */
export type DemandSharesContext = {
  readonly chain: NodeChain
  readonly index: ChainIndex
  readonly store: ObjectStore
  readonly log: Log
}

type Asked = {
  readonly task: Hex
  readonly attempt: number
  readonly asset: Hex
  readonly shareIndex: number
}
type Silent = Asked & { readonly operator: Address; readonly body: Json }

const silentMax = 256
const lookMs = 400

/**
 * A keeper that does not answer over HTTP is asked on chain, where it answers or loses part of its stake. Its answer is what its
 * enclave would have said, so this node's enclave gets it as if it had come by HTTP, and judges it as ever.
 */
export class ShareDemands {
  readonly #context: DemandSharesContext
  readonly #silent = new Map<string, Silent>()

  constructor(context: DemandSharesContext) {
    this.#context = context
  }

  /** What a keeper answered on chain to a release request of this node's. */
  answerTo(body: Json): Json | undefined {
    const asked = readAsked(body)
    const demand = asked && this.#find(asked)
    if (demand?.answer === undefined || demand.answer.kind === 'ended') return undefined
    if (demand.answer.kind === 'refusal') {
      const { refusal, signature } = demand.answer
      return { refusal: messageToJson('Refusal', refusal), signature }
    }
    const { release, signature, countersignature, countersigner, envelope } = demand.answer.given
    const known: Release = release
    return {
      release: messageToJson('Release', known),
      ...{ signature, countersignature, envelope },
      countersigner: countersigner.toLowerCase(),
    }
  }

  /** Notes that a keeper did not answer a release request: not with a refusal, and not with an error of its own. */
  noteSilence(operator: Address, body: Json): void {
    const asked = readAsked(body)
    if (asked === undefined) return
    const [oldest] = this.#silent.keys()
    if (this.#silent.size >= silentMax && oldest !== undefined) this.#silent.delete(oldest)
    this.#silent.set(keyOf(asked), { ...asked, operator, body })
  }

  /**
   * Demands on chain what keepers of an attempt were silent about, and waits until each answered or its time is over. A keeper
   * that let it pass is slashed. Returns whether any of them answered.
   */
  async demandSilent(task: Hex, attempt: number, deadlineMs: number): Promise<boolean> {
    const due = [...this.#silent.values()].filter(
      (silent) => silent.task === task && silent.attempt === attempt,
    )
    for (const silent of due) this.#silent.delete(keyOf(silent))
    const answered = await Promise.all(
      due.map((silent) =>
        this.#demand(silent, deadlineMs).catch((error: unknown) => {
          const cause = error instanceof Error ? error : new Error('unknown failure')
          const { asset, shareIndex, operator } = silent
          const about = { task, asset, shareIndex, operator, error: cause }
          this.#context.log.warn('A silent keeper could not be asked on chain', about)
          return false
        }),
      ),
    )
    return answered.includes(true)
  }

  async #demand(silent: Silent, deadlineMs: number): Promise<boolean> {
    const { chain, log } = this.#context
    const { task, asset, shareIndex, operator } = silent
    if (this.#find(silent) === undefined) await this.#send(silent)
    log.warn('A keeper is silent; its share is demanded on chain', {
      ...{ task, asset, shareIndex, operator },
    })
    for (;;) {
      await sleep(lookMs)
      const known = this.#find(silent)
      if (known?.answer !== undefined) return known.answer.kind !== 'ended'
      const { timestamp } = await chain.head()
      if (known !== undefined && timestamp > known.until) return this.#lapse(known)
      if (Date.now() > deadlineMs) return false
    }
  }

  async #send({ body, task, asset, shareIndex }: Silent): Promise<void> {
    const { chain, index, store } = this.#context
    const open = index.tasks.get(task)
    const shares = index.assets.get(asset)
    const position = open?.order.assets.indexOf(asset) ?? -1
    if (open === undefined || shares === undefined || position < 0) return
    const request = encodeUtf8(canonicalJson(body))
    await store.add(request) // Where the keeper's host looks for it, by its digest.
    const requestDigest: Hex = `0x${createHash('sha256').update(request).digest('hex')}`
    const { keeperDuty: address } = chain.contracts
    const duty = { address, abi: keeperDutyAbi } as const
    const { depositWei } = await chain.chain.read({ ...duty, functionName: 'config' })
    await chain.chain.sender(chain.account).sendAndWait({
      ...duty,
      functionName: 'demand',
      args: [task, open.order, BigInt(position), shares, shareIndex, requestDigest],
      value: depositWei,
    })
  }

  async #lapse({ id, operator, task }: KnownDemand): Promise<boolean> {
    const { chain, log } = this.#context
    const { keeperDuty: address } = chain.contracts
    try {
      await chain.chain
        .sender(chain.account)
        .sendAndWait({ address, abi: keeperDutyAbi, functionName: 'lapse', args: [id] })
      log.warn('A keeper let its time pass and was slashed', { operator, task })
    } catch (error) {
      if (revertOf(error) === undefined) throw error // Else it is over already, one way or the other.
    }
    return false
  }

  #find({ task, attempt, asset, shareIndex }: Asked): KnownDemand | undefined {
    return [...this.#context.index.demands.values()].find(
      (demand) =>
        demand.task === task &&
        demand.attempt === attempt &&
        demand.asset === asset &&
        demand.shareIndex === shareIndex,
    )
  }
}

// What this node's own enclave sent: anything else is simply not demanded.
function readAsked(body: Json): Asked | undefined {
  const binding = at(at(body, 'bundle'), 'binding')
  try {
    return {
      task: bytes32Field.parse(at(binding, 'task'), 'task'),
      attempt: integerField(1, 0xffff_ffff).parse(at(binding, 'attempt'), 'attempt'),
      asset: bytes32Field.parse(at(body, 'asset'), 'asset'),
      shareIndex: integerField(0, 2).parse(at(body, 'shareIndex'), 'shareIndex'),
    }
  } catch {
    return undefined
  }
}

function at(json: Json, name: string): Json {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return null
  return Object.entries(json).find(([key]) => key === name)?.[1] ?? null
}

function keyOf({ task, attempt, asset, shareIndex }: Asked): string {
  return [task, attempt, asset, shareIndex].join(' ')
}
