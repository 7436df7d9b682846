import { setTimeout as sleep } from 'node:timers/promises'

import { OperationError } from '@cloister/codec'
import { describeError } from '@cloister/io'
import { messageDigest, sameHex, type Bundle, type CommitteeSet } from '@cloister/protocol'

import { findChallenges, type Challenger } from './challenge.ts'
import { signDigest } from './checkpoints.ts'
import type { VerifierContext } from './context.ts'
import { Duties, turnOf, type KnownKeepers } from './duties.ts'
import { readPostingFacts, readRecords } from './facts.ts'
import { Gossip } from './gossip.ts'
import { taskStates } from './home-chain.ts'
import { judge, keepersOf, refuseReasons, type Judgement, type PostingMaterial } from './judge.ts'
import { MaterialFetcher, type Gathered } from './material.ts'
import type { Posted } from './posted.ts'
import type { KeptReceipts } from './receipts-kept.ts'
import type { Standing } from './standing.ts'
import type { SignedVote, VoteJournal } from './vote-journal.ts'
import type { VotePool } from './vote-pool.ts'

/** What all cases of one verifier share. */
export type CaseParts = {
  readonly context: VerifierContext
  readonly votes: VoteJournal
  readonly pool: VotePool
  readonly standing: Standing
  readonly receipts: KeptReceipts
  readonly challenger: Challenger
  readonly keepers: KnownKeepers
}

/** After this part of the judging time a forgery is proven even if nobody judged. */
const challengePercent = 80n

/** One posting, from its appearance on chain until there is nothing more to do about it. */
export class PostingCase {
  readonly posted: Posted
  readonly #parts: CaseParts
  readonly #set: CommitteeSet
  readonly #fetcher: MaterialFetcher
  readonly #gossip: Gossip
  readonly #duties: Duties
  readonly #told = new Set<string>()
  #rounds = 0

  constructor(parts: CaseParts, posted: Posted, set: CommitteeSet) {
    const { context, pool, keepers } = parts
    this.posted = posted
    this.#parts = parts
    this.#set = set
    this.#fetcher = new MaterialFetcher(context.store, context.domain, context.log)
    this.#gossip = new Gossip(context, pool)
    this.#duties = new Duties(context, pool, keepers)
  }

  /** Works on it until it is over or `signal` ends it. Failures are told and tried again. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#work(signal)
    } finally {
      this.#duties.forget(this.posted)
    }
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { context } = this.#parts
    const { log, config } = context
    let failures = 0
    while (!signal.aborted) {
      try {
        const againMs = await this.#step(signal)
        if (againMs === undefined) return
        failures = 0
        await sleep(againMs, undefined, { signal }).catch(() => undefined)
        continue
      } catch (error) {
        if (signal.aborted) return
        failures++
        log.warn('A posting cannot be worked on now', {
          task: this.posted.task,
          attempt: this.posted.attempt,
          detail: describeError(error),
        })
      }
      const ms = Math.min(30_000, config.chain.pollMs * 2 ** Math.min(failures, 6))
      await sleep(ms, undefined, { signal }).catch(() => undefined)
    }
  }

  /** One round. When the next is due, in milliseconds; undefined where the case is over. */
  async #step(signal: AbortSignal): Promise<number | undefined> {
    const { context } = this.#parts
    const task = await context.home.task(this.posted.task)
    const isCurrent = task.attempt === this.posted.attempt
    const isFirst = this.#rounds++ === 0
    if (isCurrent && task.state === taskStates.posted) {
      await this.#vote(task.postedAt, signal)
      await this.#gossip.spread(this.#ownVotes(), this.#told, signal)
      await this.#gossip.collect(this.posted, signal)
      await this.#duties.judge(this.posted, this.#set, signal)
      await this.challenge(task.postedAt)
      return context.config.chain.pollMs
    }
    const isAccepted = isCurrent && task.state === taskStates.accepted
    // Over since before this process: what peers know of it they told when it was news.
    if (isAccepted || !isFirst) {
      await this.#gossip.spread(this.#ownVotes(), this.#told, signal)
      await this.#gossip.collect(this.posted, signal)
    }
    await this.challenge(undefined)
    return isAccepted ? this.#settle(task.judgedAt, signal) : undefined
  }

  async #settle(judgedAt: bigint, signal: AbortSignal): Promise<number | undefined> {
    const { home, config } = this.#parts.context
    await this.#duties.join(this.posted, this.#set)
    const { challengeSeconds } = await home.settlementConfig()
    const left = Number(judgedAt + challengeSeconds - (await home.chain.block()).timestamp)
    // Looked at more and more often: what is proven before the end of the window is not paid.
    if (left >= 0) return Math.min(30_000, Math.max(config.chain.pollMs, left * 300))
    const bundle = await this.#heldBundle(signal)
    if (bundle === undefined) return config.chain.pollMs
    const { operatorOf } = await readRecords(home, bundle, this.posted.block.number)
    const keepers = keepersOf({ operatorOf }, bundle)
    const isOver = await this.#duties.settle(this.posted, this.#set, keepers, signal)
    return isOver ? undefined : config.chain.pollMs
  }

  #ownVotes(): readonly SignedVote[] {
    const { pool, context } = this.#parts
    return pool
      .votesOf(this.posted)
      .filter(({ signer }) => sameHex(signer, context.account.address))
  }

  async #vote(postedAt: bigint, signal: AbortSignal): Promise<void> {
    const { context, standing, votes, pool } = this.#parts
    if (this.#ownVotes().length > 0 || !standing.mayVoteOn(postedAt)) return
    const isMember = this.#set.members.some((each) => sameHex(each, context.account.address))
    if (!isMember) return
    const standingVote = votes.find(this.posted.task, this.posted.attempt)
    const vote = standingVote ?? (await this.#judgement(postedAt, signal))?.vote
    if (vote === undefined || !standing.mayVoteOn(postedAt)) return
    const { alterVote, alsoVote } = context.faults
    const cast = await votes.cast(alterVote === undefined ? vote : alterVote(vote))
    if (cast === undefined) {
      context.log.warn('Abstains: another posting of this attempt was voted on', {
        task: this.posted.task,
        attempt: this.posted.attempt,
      })
      return
    }
    await pool.add(cast)
    if (alsoVote !== undefined) await pool.add(await this.#signUnjournalled(alsoVote(cast.vote)))
  }

  /** Only a fault reaches this: it is the lie that the journal exists to prevent. */
  async #signUnjournalled(vote: SignedVote['vote']): Promise<SignedVote> {
    const { context } = this.#parts
    const digest = messageDigest(context.domain, 'Vote', vote)
    return { vote, signature: await signDigest(context, digest) }
  }

  /** Gathers until all is there or the time is up, then judges. Undefined where the case ended meanwhile. */
  async #judgement(postedAt: bigint, signal: AbortSignal): Promise<Judgement | undefined> {
    const { context, receipts } = this.#parts
    const { home, config, log } = context
    const { judgeSeconds } = await home.settlementConfig()
    const until = postedAt + (judgeSeconds * BigInt(config.fetchPercent)) / 100n
    let gathered: Gathered = {
      signed: receipts.find(this.posted),
      bundle: undefined,
      outputHeld: false,
    }
    for (;;) {
      const sources = await this.#sources()
      const leftSeconds = Number(until - (await home.chain.block()).timestamp)
      const sourceMs = Math.max(1_000, (leftSeconds * 1_000) / (sources.length + 1))
      gathered = await this.#fetcher.gather(this.posted, sources, gathered, { sourceMs, signal })
      if (signal.aborted) return undefined
      if (gathered.signed !== undefined) receipts.keep(this.posted, gathered.signed)
      const judgement = await this.#judge(gathered)
      const isOver = (await home.chain.block()).timestamp >= until
      const isFinal =
        judgement.vote.reason !== refuseReasons.outputWithheld &&
        judgement.vote.reason !== refuseReasons.bundleWithheld
      if (isFinal || isOver || gathered.bundle === 'unreadable') {
        log.info('Judged a posting', {
          task: this.posted.task,
          attempt: this.posted.attempt,
          verdict: judgement.vote.verdict,
          reason: judgement.vote.reason,
          problems: judgement.problems.map(({ field, detail }) => `${field}: ${detail}`),
        })
        return judgement
      }
      await sleep(config.chain.pollMs, undefined, { signal }).catch(() => undefined)
    }
  }

  async #judge({ signed, bundle, outputHeld }: Gathered): Promise<Judgement> {
    const { context } = this.#parts
    const readable = bundle === 'unreadable' ? undefined : bundle
    const facts = await readPostingFacts(context, this.posted, readable)
    const material: PostingMaterial = { signed, bundle: readable, outputHeld }
    return judge(facts, material, context.appraise)
  }

  /** Where material may be had: the node's host, then the other verifiers. */
  async #sources(): Promise<readonly string[]> {
    const { home, peers } = this.#parts.context
    const host = (await home.nodeUrl(this.posted.node)).replace(/\/+$/, '')
    const others = (await peers.others()).map(({ url }) => url)
    return host === '' ? others : [host, ...others]
  }

  async #heldBundle(signal: AbortSignal): Promise<Bundle | undefined> {
    const { bundleDigest } = this.posted.message
    const limit = { sourceMs: 20_000, signal }
    const bundle = await this.#fetcher.bundle(bundleDigest, await this.#sources(), limit)
    if (bundle === 'unreadable')
      throw new OperationError(
        'peer-malformed',
        `Cannot settle: bundle ${bundleDigest} is unreadable`,
      )
    return bundle
  }

  /** Brings what can be proven. `openSince` is when a task that is still posted was posted. */
  async challenge(openSince: bigint | undefined): Promise<void> {
    const { context, receipts, pool, challenger } = this.#parts
    const signed = receipts.find(this.posted)
    const votes = pool.votesOf(this.posted)
    const found = await findChallenges(context.domain, this.posted, signed, votes)
    if (found.length === 0) return
    // A proof of forgery ends the attempt; before the judgement it would take the votes' meaning away.
    const isEarly = openSince !== undefined && !(await this.#isLate(openSince))
    const due = found.filter(({ kind }) => kind !== 'forged-receipt' || !isEarly)
    const turn = turnOf(context.account.address, this.posted, this.#set)
    await challenger.bring(this.posted, signed, due, turn)
  }

  async #isLate(postedAt: bigint): Promise<boolean> {
    const { home } = this.#parts.context
    const { judgeSeconds } = await home.settlementConfig()
    const { timestamp } = await home.chain.block()
    return timestamp > postedAt + (judgeSeconds * challengePercent) / 100n
  }
}
