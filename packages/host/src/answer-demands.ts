import { OperationError, parseJson, parseUtf8, type Json } from '@cloister/codec'
import type { BlockHead, Log, ObjectStore } from '@cloister/io'
import {
  addressField,
  AnswerError,
  hexBetween,
  keeperDutyAbi,
  limits,
  messageField,
  objectField,
  sameHex,
  signatureField,
} from '@cloister/protocol'

import type { ChainIndex } from './chain-index.ts'
import type { EnclaveLink } from './enclave-link.ts'
import type { Faults } from './faults.ts'
import type { KnownDemand } from './known-demands.ts'
import type { NodeChain } from './node-chain.ts'
import type { Peers } from './peers.ts'

/** What answering demands on chain needs. */
export type AnswerDemandsContext = {
  readonly chain: NodeChain
  readonly index: ChainIndex
  readonly enclave: EnclaveLink
  readonly peers: Peers
  readonly store: ObjectStore
  readonly faults: Faults
  readonly log: Log
}

const releaseAnswer = objectField({
  release: messageField('Release'),
  signature: signatureField,
  countersignature: signatureField,
  countersigner: addressField,
  envelope: hexBetween(1, 2048),
  deliverySignature: signatureField,
})
const refusalAnswer = objectField({ refusal: messageField('Refusal'), signature: signatureField })
const answerMs = 60_000
const atOnceMax = 4
/** When so little of the window is left, what may pass is not waited for any more. */
const patienceSeconds = 6

/**
 * Answers demands on chain for shares that this operator keeps, through its enclave: with the release or with a signed
 * refusal. Silence would cost the operator part of its stake.
 */
export class DemandAnswers {
  readonly #context: AnswerDemandsContext
  readonly #busy = new Set<string>()

  constructor(context: AnswerDemandsContext) {
    this.#context = context
  }

  /** Starts to answer what is due as of `head`. Returns before it is done. */
  look(head: BlockHead): void {
    const { chain, faults, index, log } = this.#context
    if (faults.ignoreDemands === true) return
    const own = chain.account.address
    for (const demand of index.demands.values()) {
      if (demand.answer !== undefined || !sameHex(demand.operator, own)) continue
      if (demand.until < head.timestamp || this.#busy.has(demand.id)) continue
      if (this.#busy.size >= atOnceMax) return
      this.#busy.add(demand.id)
      this.#answer(demand, head)
        .catch((error: unknown) => log.warn('A demand is not answered yet', about(demand, error)))
        .finally(() => this.#busy.delete(demand.id))
    }
  }

  async #answer(demand: KnownDemand, head: BlockHead): Promise<void> {
    const { enclave, log } = this.#context
    const secondsLeft = Number(demand.until - head.timestamp)
    let answer: Json
    try {
      answer = await enclave.ask('release.demanded', await this.#request(demand), answerMs)
    } catch (error) {
      // What may pass is waited for, as long as there is time to say so.
      const mayPass = error instanceof OperationError && error.retryable
      if (mayPass && secondsLeft > patienceSeconds) throw error
      log.warn('The request of a demand is of no use; it is refused', about(demand, error))
      const { task, attempt, asset, shareIndex } = demand
      answer = await enclave.ask('release.unshown', { task, attempt, asset, shareIndex }, answerMs)
    }
    await this.#send(demand, answer)
    log.info('A demand is answered', { demand: demand.id, task: demand.task })
  }

  async #request({ requestDigest }: KnownDemand): Promise<Json> {
    const { peers, store } = this.#context
    const digest = requestDigest.slice(2)
    if (!(await peers.obtain(digest)))
      throw new OperationError('object-absent', `Cannot find request ${digest} anywhere`, {
        retryable: true,
      })
    const charactersMax = limits.bundleBytesMax + 2 ** 16
    if (((await store.size(digest)) ?? 0) > charactersMax)
      throw new AnswerError('too-large', `Cannot use request ${digest}: it is too large`)
    const text = parseUtf8(await store.get(digest), 'request')
    return parseJson(text, 'request', { charactersMax, depthMax: limits.jsonDepthMax })
  }

  async #send({ id, asset }: KnownDemand, answer: Json): Promise<void> {
    const { chain, index } = this.#context
    const sender = chain.chain.sender(chain.account)
    const duty = { address: chain.contracts.keeperDuty, abi: keeperDutyAbi } as const
    if (isRefusal(answer)) {
      const { refusal, signature } = refusalAnswer.parse(answer, 'refusal')
      await sender.sendAndWait({ ...duty, functionName: 'refuse', args: [id, refusal, signature] })
      return
    }
    const shares = index.assets.get(asset)
    if (shares === undefined)
      throw new OperationError('asset-unknown', `Cannot find asset ${asset}`, { retryable: true })
    const given = releaseAnswer.parse(answer, 'release')
    await sender.sendAndWait({ ...duty, functionName: 'answer', args: [id, shares, given] })
  }
}

function isRefusal(answer: Json): boolean {
  return typeof answer === 'object' && answer !== null && 'refusal' in answer
}

function about({ id, task }: KnownDemand, error: unknown) {
  return {
    ...{ demand: id, task },
    error: error instanceof Error ? error : new Error('unknown failure'),
  }
}
