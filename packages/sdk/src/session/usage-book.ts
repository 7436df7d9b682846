import type { Bytes } from '@cloister/codec'
import {
  costOf,
  messageDigest,
  nextTranscript,
  sameHex,
  signerOf,
  unitsPlausible,
  type Domain,
  type SessionAnswerEnd,
  type Usage,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import { sdkError } from '../sdk-error.ts'

/** Whose usage it is, and at what price. */
export type UsageTerms = {
  readonly domain: Domain
  readonly task: Hex
  readonly attempt: number
  readonly receiptKey: Address
  readonly unitWei: bigint
  readonly feeWei: bigint
}

/** One exchange as the requester saw it. */
export type SeenExchange = {
  readonly salt: Bytes
  /** The request's content, head and body. */
  readonly request: Bytes
  readonly requestBytes: number
  readonly answerBytes: number
  readonly answer: Hex
}

const kept = 256

/**
 * Holds a session to what it signed: amounts only grow, each is signed by the attested key, costs what the order says, belongs to the exchange
 * that was seen, and follows on the one before.
 */
export class UsageBook {
  readonly #terms: UsageTerms
  /** The last usages by their sequence. */
  readonly #seen = new Map<bigint, Usage>()
  #asked = 0n
  #first: bigint | undefined

  constructor(terms: UsageTerms) {
    this.#terms = terms
  }

  /** The usage that counts most so far. */
  get latest(): Usage | undefined {
    return [...this.#seen.values()].reduce<Usage | undefined>(
      (most, usage) => (most === undefined || usage.sequence > most.sequence ? usage : most),
      undefined,
    )
  }

  /** Counts a request before it is sent: no more exchanges can be signed for than there were. */
  countRequest(): void {
    this.#asked += 1n
  }

  /**
   * Checks the end of an answer against what was seen of it.
   *
   * @throws {OperationError} `session-broken`, naming what does not hold.
   */
  async check(end: SessionAnswerEnd, seen: SeenExchange): Promise<void> {
    const { domain, receiptKey } = this.#terms
    const signer = await signerOf(messageDigest(domain, 'Usage', end.usage), end.signature)
    const problem = sameHex(receiptKey, signer)
      ? (this.#termsProblem(end.usage) ??
        this.#exchangeProblem(end, seen) ??
        this.#orderProblem(end.usage))
      : `it is signed by ${signer ?? 'nobody'}, not by the attested key ${receiptKey}`
    if (problem !== undefined)
      throw sdkError(
        'session-broken',
        `Cannot accept the usage of the session: ${problem}; nothing more is sent to it, keep this receipt for a complaint`,
      )
    this.#keep(end.usage)
  }

  #termsProblem({ task, attempt, units, spentWei }: Usage): string | undefined {
    const { task: own, attempt: ownAttempt, unitWei, feeWei } = this.#terms
    if (!sameHex(task, own) || attempt !== ownAttempt) return 'it is of another session'
    const expected = costOf(units, unitWei, feeWei)
    return spentWei === expected
      ? undefined
      : `${units} units cost ${spentWei} wei, by the order they cost ${expected}`
  }

  // What was answered but not counted leaves units and transcript as they were.
  #exchangeProblem(
    { usage, units, previous }: SessionAnswerEnd,
    { salt, request, answer, requestBytes, answerBytes }: SeenExchange,
  ): string | undefined {
    const most = unitsPlausible(requestBytes, answerBytes)
    if (BigInt(units) > most)
      return `${units} units for ${requestBytes} bytes asked and ${answerBytes} answered`
    if (units === 0 && sameHex(usage.transcript, previous)) return undefined
    const { sequence } = usage
    const exchange = { salt, request, answer, sequence, units: BigInt(units) }
    return sameHex(usage.transcript, nextTranscript(previous, exchange))
      ? undefined
      : 'its transcript is of another exchange than was seen'
  }

  #orderProblem(usage: Usage): string | undefined {
    this.#first ??= usage.sequence
    if (usage.sequence > this.#first + this.#asked)
      return `it counts ${usage.sequence} exchanges, ${this.#asked} were asked for`
    for (const other of this.#seen.values()) {
      const [earlier, later] = other.sequence <= usage.sequence ? [other, usage] : [usage, other]
      if (later.units < earlier.units || later.spentWei < earlier.spentWei)
        return `it goes back: from ${earlier.units} units to ${later.units}`
      if (
        later.sequence === earlier.sequence &&
        (later.units !== earlier.units || !sameHex(later.transcript, earlier.transcript))
      )
        return `two different usages have sequence ${later.sequence}`
    }
    return undefined
  }

  #keep(usage: Usage): void {
    this.#seen.set(usage.sequence, usage)
    const [oldest] = this.#seen.keys()
    if (this.#seen.size > kept && oldest !== undefined) this.#seen.delete(oldest)
  }
}
