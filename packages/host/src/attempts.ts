import { setTimeout as sleep } from 'node:timers/promises'

import { OperationError, parseJson, type Json } from '@cloister/codec'
import type { Journal, Log, ObjectStore } from '@cloister/io'
import {
  AnswerError,
  bytes32Field,
  digestOf,
  hexField,
  listField,
  marketAbi,
  messageDigest,
  messageField,
  objectField,
  sameHex,
  signatureField,
  type FieldValue,
  type Receipt,
} from '@cloister/protocol'
import { keccak256, type Hex } from 'viem'

import type { ChainIndex } from './chain-index.ts'
import type { ShareDemands } from './demand-shares.ts'
import type { EnclaveLink } from './enclave-link.ts'
import type { Faults } from './faults.ts'
import type { NodeChain } from './node-chain.ts'

const posted = objectField({
  posting: messageField('Posting'),
  operatorSignature: signatureField,
  receipt: messageField('Receipt'),
  receiptSignature: signatureField,
  bundleDigest: bytes32Field,
})
const ran = objectField({
  receipt: messageField('Receipt'),
  receiptSignature: signatureField,
  bundleDigest: hexField(32),
})
const signedRefusals = listField(
  objectField({ refusal: messageField('Refusal'), signature: signatureField }),
  64,
)

type SignedRefusal = FieldValue<typeof signedRefusals>[number]

/** What a node serves of an attempt that it posted. Spec: docs/protocol.md section 8. */
export type PostedAttempt = FieldValue<typeof posted>

/** What running an attempt needs. */
export type AttemptContext = {
  readonly chain: NodeChain
  readonly index: ChainIndex
  readonly enclave: EnclaveLink
  readonly journal: Journal
  readonly store: ObjectStore
  readonly faults: Faults
  readonly demands: ShareDemands
  readonly log: Log
}

const keepers = 3
const runsMax = 4
const againMs = 2_000
/** Giving up has to reach the chain before the deadline, and so has the next look after a failure. */
const giveUpMs = 6_000
/** A longer timer would end at once. */
const timerMsMax = 2 ** 31 - 1

/** Runs attempts that were drawn for this node, posts their receipts, and shows them. */
export class Attempts {
  readonly #context: AttemptContext

  constructor(context: AttemptContext) {
    this.#context = context
  }

  /** What was posted for an attempt, if this node did. */
  posted(task: Hex, attempt: number): PostedAttempt | undefined {
    const entry = this.#context.journal.find('posting', `${task}/${attempt}`)
    return entry === undefined ? undefined : readPosted(entry.body)
  }

  /** What was posted, as JSON. */
  postedJson(task: Hex, attempt: number): Json | undefined {
    const found = this.posted(task, attempt)
    return found === undefined ? undefined : posted.encode(found)
  }

  /**
   * Runs an attempt in the enclave until it is posted or ended by refusals. Where neither can be
   * reached it is given up: silence would cost stake, whoever's fault it is.
   *
   * @throws {OperationError} where it was neither posted nor refused, also when it is given up.
   */
  async run(task: Hex, attempt: number, deadlineMs: number): Promise<void> {
    const { faults, log } = this.#context
    if (faults.goSilent?.(task, attempt) === true) {
      log.warn('Fault injected: the attempt is left alone', { task, attempt })
      return
    }
    faults.onAttempt?.(attempt, true)
    try {
      await this.#runRounds(task, attempt, deadlineMs)
    } finally {
      faults.onAttempt?.(attempt, false)
    }
  }

  async #runRounds(task: Hex, attempt: number, deadlineMs: number): Promise<void> {
    const { log } = this.#context
    for (let round = 1; ; round++) {
      try {
        // What was signed once is sent again; it is never run or signed a second time.
        const made = this.posted(task, attempt) ?? (await this.#runOnce(task, attempt, deadlineMs))
        return await this.#post(made)
      } catch (error) {
        if (await this.#refuse(task, attempt, error)) return
        const mayRetry = error instanceof OperationError && error.retryable
        const isLate = Date.now() + giveUpMs > deadlineMs
        if (!mayRetry || isLate) await this.#giveUp(task, attempt)
        if (round === runsMax || !mayRetry || isLate) throw error
        log.warn('The attempt failed and is tried again', { task, attempt, error })
        await this.#context.demands.demandSilent(task, attempt, deadlineMs - giveUpMs)
      }
      await sleep(againMs)
    }
  }

  async #runOnce(task: Hex, attempt: number, deadlineMs: number): Promise<PostedAttempt> {
    const { enclave, chain, journal } = this.#context
    const leftMs = deadlineMs - giveUpMs / 2 - Date.now()
    const waitMs = Math.min(timerMsMax, Math.max(1_000, leftMs))
    const answer = ran.parse(
      await enclave.ask('attempt.run', { task, attempt }, waitMs),
      'attempt.run',
    )
    const receipt = await this.#altered(answer.receipt)
    const posting = {
      task,
      attempt,
      receiptDigest: messageDigest(chain.domain, 'Receipt', receipt),
      receiptSignatureHash: keccak256(answer.receiptSignature),
      bundleDigest: answer.bundleDigest,
      spentWei: receipt.spentWei,
      outputCommitment: receipt.outputCommitment,
    }
    const hash = messageDigest(chain.domain, 'Posting', posting)
    const operatorSignature = await chain.account.sign({ hash })
    // What stands in the journal is posted, also after a crash: the operator answers for one posting per attempt.
    const made = { posting, operatorSignature, ...answer, receipt }
    const { entry } = journal.recordOnce(
      'posting',
      `${task}/${attempt}`,
      JSON.stringify(posted.encode(made)),
    )
    return readPosted(entry.body)
  }

  async #post({ posting, operatorSignature }: PostedAttempt): Promise<void> {
    const { chain, log } = this.#context
    await chain.chain.sender(chain.account).sendAndWait({
      address: chain.contracts.market,
      abi: marketAbi,
      functionName: 'post',
      args: [posting, operatorSignature],
    })
    log.info('The receipt is posted', { task: posting.task, attempt: posting.attempt })
  }

  /** Ends the attempt by the keepers' refusals, where the failure carries enough of them. */
  async #refuse(task: Hex, attempt: number, error: unknown): Promise<boolean> {
    const { chain, index, log } = this.#context
    const order = index.tasks.get(task)?.order
    const refusals = refusalsOf(error)
    if (order === undefined || refusals.length === 0) return false
    for (const [position, asset] of order.assets.entries()) {
      const known = index.assets.get(asset)
      const enough = refusals
        .filter(({ refusal }) => sameHex(refusal.asset, asset) && refusal.attempt === attempt)
        .toSorted((a, b) => a.refusal.shareIndex - b.refusal.shareIndex)
      if (known === undefined || enough.length < keepers - known.threshold + 1) continue
      const { commitments, operators, threshold } = known
      await chain.chain.sender(chain.account).sendAndWait({
        address: chain.contracts.market,
        abi: marketAbi,
        functionName: 'refuse',
        args: [
          order,
          BigInt(position),
          { commitments, operators, threshold },
          enough.map(({ refusal }) => refusal),
          enough.map(({ signature }) => signature),
        ],
      })
      const reasons = enough.map(({ refusal }) => String(refusal.reason))
      log.warn('Keepers refuse the attempt', { task, attempt, asset, reasons })
      return true
    }
    return false
  }

  /** Ends the attempt without a reason. What was signed is never given up, and a liar does not own up. */
  async #giveUp(task: Hex, attempt: number): Promise<void> {
    const { chain, faults, log } = this.#context
    const isLying = faults.staleCheckpoint !== undefined || faults.forgeProof !== undefined
    if (isLying || this.posted(task, attempt) !== undefined) return
    try {
      await chain.chain.sender(chain.account).sendAndWait({
        address: chain.contracts.market,
        abi: marketAbi,
        functionName: 'giveUp',
        args: [task],
      })
      log.warn('The attempt is given up', { task, attempt })
    } catch (error) {
      const cause = error instanceof Error ? error : new Error('unknown failure')
      log.warn('The attempt could not be given up', { task, attempt, error: cause })
    }
  }

  // The receipt as the enclave signed it, unless a fault is injected.
  async #altered(receipt: Receipt): Promise<Receipt> {
    const { faults, store, log } = this.#context
    let altered = receipt
    if (faults.alterOutput !== undefined) {
      const output = faults.alterOutput(await store.get(receipt.outputDigest.slice(2)))
      await store.add(output)
      altered = { ...altered, outputDigest: digestOf(output), outputBytes: BigInt(output.length) }
    }
    if (faults.alterReceipt !== undefined) altered = faults.alterReceipt(altered)
    if (altered !== receipt)
      log.warn('Fault injected: the receipt is altered', { task: receipt.task })
    return altered
  }
}

function readPosted(body: string): PostedAttempt {
  return posted.parse(parseJson(body, 'posting', { charactersMax: 65_536, depthMax: 8 }), 'posting')
}

function refusalsOf(error: unknown): readonly SignedRefusal[] {
  if (!(error instanceof AnswerError) || error.data === undefined) return []
  const { data } = error
  const list =
    typeof data === 'object' && data !== null && 'refusals' in data ? data['refusals'] : undefined
  return list === undefined ? [] : signedRefusals.parse(list, 'refusals')
}
