import { setTimeout as sleep } from 'node:timers/promises'

import { OperationError } from '@cloister/codec'
import { revertOf, type BlockHead, type Log, type ObjectStore } from '@cloister/io'
import {
  keepersHash,
  marketAbi,
  parseBundle,
  replicaTask,
  sameHex,
  settlementAbi,
  sortKeepers,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import type { Attempts } from './attempts.ts'
import type { ChainIndex } from './chain-index.ts'
import { awaitsReplicas, decideDuty, type Duty, type DutyGiven } from './duties.ts'
import type { NodeChain } from './node-chain.ts'
import type { Peers } from './peers.ts'

/** What watching tasks needs. */
export type WatcherContext = {
  readonly chain: NodeChain
  readonly index: ChainIndex
  readonly attempts: Attempts
  readonly peers: Peers
  readonly store: ObjectStore
  readonly receiptKey: Address
  readonly jitterMs: number
  readonly depth: number
  readonly log: Log
}

type Task = Awaited<ReturnType<NodeChain['task']>>

const readAtOnce = 8
/** After a failure of one duty it is left alone for so long. */
const coolMs = 3_000

/** Looks at every open task once per block, and does what there is to do. Its state is the chain's, so a restart loses nothing. */
export class TaskWatcher {
  readonly #context: WatcherContext
  readonly #busy = new Map<string, Promise<void>>()
  readonly #givenUp = new Set<string>()
  #config: { readonly judgeSeconds: bigint; readonly challengeSeconds: bigint } | undefined

  constructor(context: WatcherContext) {
    this.#context = context
  }

  /** How many attempts this node is running. */
  get running(): number {
    return [...this.#busy.keys()].filter((key) => key.endsWith(' run')).length
  }

  /** Starts what is due as of `head`. Returns before it is done. */
  async look(head: BlockHead): Promise<void> {
    this.#config ??= await this.#context.chain.settlementConfig()
    const ids = [...this.#context.index.tasks.keys()]
    for (let at = 0; at < ids.length; at += readAtOnce)
      await Promise.all(ids.slice(at, at + readAtOnce).map((id) => this.#lookAt(id, head)))
  }

  /** Waits until nothing is being done. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#busy.values())
  }

  async #lookAt(id: Hex, head: BlockHead): Promise<void> {
    const task = await this.#context.chain.task(id)
    const duty = decideDuty(task, this.#given(head), await this.#replicas(id, task))
    const key = `${id} ${task.attempt} ${duty}`
    if (duty === 'none' || this.#busy.has(key)) return
    if (duty === 'run' && (this.#givenUp.has(key) || !this.#isDeep(id, task.attempt, head))) return
    const doing = this.#do(id, duty, task, head)
      .catch((error: unknown) => {
        // An attempt that can't succeed is left alone; its deadline ends it.
        const mayRetry = error instanceof OperationError && error.retryable
        if (duty === 'run' && !mayRetry) this.#givenUp.add(key)
        return this.#tell(id, duty, error)
      })
      .finally(() => this.#busy.delete(key))
    this.#busy.set(key, doing)
  }

  // The enclave reads the task some blocks under the head, where the draw must stand too.
  #isDeep(id: Hex, attempt: number, head: BlockHead): boolean {
    const drawn = this.#context.index.draws.get(`${id}/${attempt}`)
    return drawn !== undefined && head.number >= drawn + BigInt(this.#context.depth)
  }

  #given(head: BlockHead): DutyGiven {
    const { judgeSeconds = 0n, challengeSeconds = 0n } = this.#config ?? {}
    return { receiptKey: this.#context.receiptKey, head, judgeSeconds, challengeSeconds }
  }

  async #do(id: Hex, duty: Exclude<Duty, 'none'>, task: Task, head: BlockHead): Promise<void> {
    const { attempts, chain, jitterMs, log } = this.#context
    if (duty === 'run') {
      const leftMs = Number(task.attemptDeadline - head.timestamp) * 1000
      log.info('This node was drawn', { task: id, attempt: task.attempt, leftMs })
      return attempts.run(id, task.attempt, Date.now() + leftMs)
    }
    // All hosts see it at once: whoever waits least pays the gas, the others look again and find it done.
    await sleep(Math.random() * jitterMs)
    const [now, newest] = [await chain.task(id), await chain.head()]
    const replicas = await this.#replicas(id, now)
    if (now.attempt !== task.attempt || decideDuty(now, this.#given(newest), replicas) !== duty)
      return
    await this.#send(id, duty, now)
    log.info('A duty is done', { task: id, duty })
  }

  /** All tasks of an order, where its first one's duty depends on them. */
  async #replicas(first: Hex, task: Task): Promise<readonly Task[]> {
    if (!awaitsReplicas(task)) return []
    const others = Array.from({ length: task.replicas - 1 }, (_, index) =>
      this.#context.chain.task(replicaTask(first, index + 1)),
    )
    return [task, ...(await Promise.all(others))]
  }

  async #send(id: Hex, duty: Exclude<Duty, 'none' | 'run'>, task: Task): Promise<void> {
    const { chain } = this.#context
    const { market, settlement } = chain.contracts
    const sender = chain.chain.sender(chain.account)
    switch (duty) {
      case 'draw':
      case 'timeout':
      case 'refundExpired':
        await sender.sendAndWait({
          address: market,
          abi: marketAbi,
          functionName: duty,
          args: [id],
        })
        return
      case 'expireJudgement':
        await sender.sendAndWait({
          address: settlement,
          abi: settlementAbi,
          functionName: duty,
          args: [id],
        })
        return
      case 'settle': {
        const operators = await this.#keepers(id, task)
        await sender.sendAndWait({
          address: settlement,
          abi: settlementAbi,
          functionName: duty,
          args: [id, operators],
        })
        return
      }
      case 'settleReplicas': {
        const operators = await Promise.all(
          (await this.#replicas(id, task)).map((replica, index) =>
            this.#keepers(replicaTask(id, index), replica),
          ),
        )
        await sender.sendAndWait({
          address: settlement,
          abi: settlementAbi,
          functionName: duty,
          args: [id, operators],
        })
      }
    }
  }

  /** The operators of the keepers that released for the accepted attempt, as its evidence bundle names them. */
  async #keepers(id: Hex, task: Task): Promise<readonly Address[]> {
    const { chain, index, peers, store } = this.#context
    const posting = index.postings.get(`${id}/${task.attempt}`)
    const digest = posting?.bundleDigest.slice(2)
    if (digest === undefined || !(await peers.obtain(digest)))
      throw new OperationError(
        'object-absent',
        `Cannot settle task ${id}: nobody has its evidence bundle`,
        {
          retryable: true,
        },
      )
    const { releases } = parseBundle(await store.get(digest))
    const records = await Promise.all(releases.map(({ release }) => chain.node(release.keeper)))
    const operators = sortKeepers(records.map(({ operator }) => operator))
    if (sameHex(keepersHash(operators), task.keepersHash)) return operators
    throw new OperationError(
      'keepers-differ',
      `Cannot settle task ${id}: its bundle names other keepers than were judged`,
    )
  }

  async #tell(id: Hex, duty: Duty, error: unknown): Promise<void> {
    const { log } = this.#context
    const cause = error instanceof Error ? error : new Error('unknown failure')
    // Somebody else was faster, most likely: the next look finds out.
    const isRace = duty !== 'run' && revertOf(error) !== undefined
    if (isRace) log.debug('A duty was not done', { task: id, duty, error: cause })
    else log.warn('A duty failed', { task: id, duty, error: cause })
    await sleep(coolMs)
  }
}
