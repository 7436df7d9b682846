import { setTimeout as sleep } from 'node:timers/promises'

import { revertOf } from '@cloister/io'
import {
  compareHex,
  messageDigest,
  quorum,
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

/** What a verifier sends to Settlement: judgements, late votes, settlements. Anybody may, so losing a race is fine. */
export class Duties {
  readonly #context: VerifierContext
  readonly #pool: VotePool

  constructor(context: VerifierContext, pool: VotePool) {
    this.#context = context
    this.#pool = pool
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
    const { challengeSeconds } = await home.settlementConfig()
    const isDue = async (): Promise<'due' | 'early' | 'over'> => {
      const task = await home.task(posted.task)
      if (task.state !== taskStates.accepted || task.attempt !== posted.attempt) return 'over'
      const head = await home.chain.block()
      return head.timestamp > task.judgedAt + challengeSeconds ? 'due' : 'early'
    }
    const now = await isDue()
    if (now !== 'due') return now === 'over'
    if (
      await wait(config.gatherMs * (turnOf(this.#context.account.address, posted, set) + 1), signal)
    )
      return false
    if ((await isDue()) === 'over') return true
    try {
      await home.chain.sender(account).sendAndWait({
        address: home.contracts.settlement,
        abi: settlementAbi,
        functionName: 'settle',
        args: [posted.task, sortKeepers(keepers)],
      })
      log.info('Settled a task', { task: posted.task })
    } catch (error) {
      if (revertOf(error)?.errorName !== 'NotAccepted') throw error
    }
    return true
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
