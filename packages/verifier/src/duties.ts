import { setTimeout as sleep } from 'node:timers/promises'

import { revertOf } from '@cloister/io'
import {
  compareHex,
  messageDigest,
  quorum,
  replicaTask,
  sameHex,
  settlementAbi,
  sortKeepers,
  type CommitteeSet,
} from '@cloister/protocol'
import { isAddress, type Address, type Hex } from 'viem'

import type { VerifierContext } from './context.ts'
import { taskStates } from './home-chain.ts'
import type { Posted } from './posted.ts'
import type { VotePool } from './vote-pool.ts'

/**
 * Who released for accepted attempts, operators by task and attempt: the case of an order's first replica settles for all, with what the others'
 * cases found out.
 */
export type KnownKeepers = Map<string, readonly Address[]>

/** What a verifier sends to Settlement: judgements, late votes, settlements. Anybody may, so losing a race is fine. */
export class Duties {
  readonly #context: VerifierContext
  readonly #pool: VotePool
  readonly #keepers: KnownKeepers

  constructor(context: VerifierContext, pool: VotePool, keepers: KnownKeepers) {
    this.#context = context
    this.#pool = pool
    this.#keepers = keepers
  }

  /** Sends a judgement once a quorum of equal votes is there. Whether the task is not posted any more. */
  async judge(posted: Posted, set: CommitteeSet, signal: AbortSignal): Promise<boolean> {
    const { home, config } = this.#context
    if ((await this.#pool.quorumOf(posted)) === undefined) return false
    // Members send one after another, another first for each task; the first wait is for the votes still missing.
    const voted = new Set(this.#pool.votesOf(posted).map(({ signer }) => signer))
    const missing = voted.size < set.members.length ? 1 : 0
    if (
      await wait(
        config.gatherMs * (turnOf(this.#context.account.address, posted, set) + missing),
        signal,
      )
    )
      return false
    const without: Address[] = []
    while (without.length < set.members.length - quorum(set.members.length) + 1) {
      if (!(await this.#isPosted(posted))) return true
      const votes = await this.#pool.quorumOf(posted, without)
      if (votes === undefined) return false
      const { address, abi } = { address: home.contracts.settlement, abi: settlementAbi }
      try {
        await home.chain.sender(this.#context.account).sendAndWait({
          address,
          abi,
          functionName: 'judge',
          args: [votes.vote, votes.signatures],
        })
        this.#context.log.info('Sent a judgement', {
          task: posted.task,
          attempt: posted.attempt,
          verdict: votes.vote.verdict,
          reason: votes.vote.reason,
          votes: votes.signatures.length,
        })
        return true
      } catch (error) {
        const revert = revertOf(error)
        if (revert?.errorName === 'NotPosted') return true
        const [account] = revert?.args ?? []
        const isUnbacked = revert?.errorName === 'NotBacked' && typeof account === 'string'
        if (!isUnbacked || !isAddress(account)) throw error
        without.push(account) // Slashed since it voted: its signature would spoil the others'.
      }
    }
    return false
  }

  /** Adds this verifier's accepting vote to a judgement that left it out. */
  async join(posted: Posted, set: CommitteeSet): Promise<void> {
    const { home, account, domain } = this.#context
    const task = await home.task(posted.task)
    const seat = set.members.findIndex((member) => sameHex(member, account.address))
    if (task.state !== taskStates.accepted || task.attempt !== posted.attempt || seat < 0) return
    if (((task.voters >>> seat) & 1) === 1) return
    const own = this.#pool.votesOf(posted).find(({ signer }) => sameHex(signer, account.address))
    const judged = await home.judgementOf(posted.task)
    if (own === undefined || !sameHex(messageDigest(domain, 'Vote', own.vote), judged)) return
    const votes = await this.#pool.quorumOf(posted)
    if (votes === undefined || !votes.signers.some((each) => sameHex(each, account.address))) return
    await home.chain.sender(account).sendAndWait({
      address: home.contracts.settlement,
      abi: settlementAbi,
      functionName: 'join',
      args: [votes.vote, votes.signatures],
    })
  }

  /**
   * Pays out an accepted task once its window is over. Whether there is nothing more to do.
   *
   * @param keepers operators of the keepers that released.
   */
  async settle(
    posted: Posted,
    set: CommitteeSet,
    keepers: readonly Address[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { home, account, config, log } = this.#context
    this.#keepers.set(`${posted.task}/${posted.attempt}`, sortKeepers(keepers))
    const now = await this.#due(posted)
    if (now !== 'due') return now === 'over'
    if (
      await wait(config.gatherMs * (turnOf(this.#context.account.address, posted, set) + 1), signal)
    )
      return false
    if ((await this.#due(posted)) === 'over') return true
    const all = await this.#keepersOfAll(posted)
    if (all === undefined) return false
    try {
      const [own] = all
      const { address, abi } = { address: home.contracts.settlement, abi: settlementAbi }
      const sender = home.chain.sender(account)
      if (all.length === 1 && own !== undefined)
        await sender.sendAndWait({
          address,
          abi,
          functionName: 'settle',
          args: [posted.task, own],
        })
      else
        await sender.sendAndWait({
          address,
          abi,
          functionName: 'settleReplicas',
          args: [posted.task, all],
        })
      log.info('Settled a task', { task: posted.task, replicas: all.length })
    } catch (error) {
      if (revertOf(error)?.errorName !== 'NotAccepted') throw error
    }
    return true
  }

  /** Whether a task, with all replicas of its order, can be settled. Another than the first waits for what that brings. */
  async #due(posted: Posted): Promise<'due' | 'early' | 'over'> {
    const { home } = this.#context
    const { challengeSeconds } = await home.settlementConfig()
    const task = await home.task(posted.task)
    if (task.state !== taskStates.accepted || task.attempt !== posted.attempt) return 'over'
    if (task.replica > 0) return 'early'
    const { timestamp } = await home.chain.block()
    for (let replica = 0; replica < task.replicas; replica++) {
      const each = replica === 0 ? task : await home.task(replicaTask(posted.task, replica))
      if (each.state !== taskStates.accepted || timestamp <= each.judgedAt + challengeSeconds)
        return 'early'
    }
    return 'due'
  }

  /** The keepers of all replicas; undefined while the case of one has not found them. */
  async #keepersOfAll({
    task: first,
  }: Posted): Promise<readonly (readonly Address[])[] | undefined> {
    const { home } = this.#context
    const { replicas } = await home.task(first)
    const all: (readonly Address[])[] = []
    for (let replica = 0; replica < replicas; replica++) {
      const id = replicaTask(first, replica)
      const known = this.#keepers.get(`${id}/${(await home.task(id)).attempt}`)
      if (known === undefined) return undefined
      all.push(known)
    }
    return all
  }

  /** Nothing more is to be done about an attempt: what was kept of it goes. */
  forget({ task, attempt }: Posted): void {
    this.#keepers.delete(`${task}/${attempt}`)
  }

  async #isPosted({ task, attempt }: { readonly task: Hex; readonly attempt: number }) {
    const now = await this.#context.home.task(task)
    return now.state === taskStates.posted && now.attempt === attempt
  }
}

/** Whose turn it is to send, from 0: another member is first for each task, strangers come last. */
export function turnOf(member: Address, { task }: Pick<Posted, 'task'>, set: CommitteeSet): number {
  const members = set.members.toSorted(compareHex)
  const seat = members.findIndex((each) => sameHex(each, member))
  const count = BigInt(members.length)
  return seat < 0 ? members.length : Number((BigInt(seat) + (BigInt(task) % count)) % count)
}

async function wait(ms: number, signal: AbortSignal): Promise<boolean> {
  if (ms > 0) await sleep(ms, undefined, { signal }).catch(() => undefined)
  return signal.aborted
}
