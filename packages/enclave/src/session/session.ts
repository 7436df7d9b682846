import { OperationError, type Bytes } from '@cloister/codec'
import {
  answerDigest,
  encodeAnswerEnd,
  encodeAnswerHead,
  nextAnswerDigest,
  parseSessionRequest,
  unitsPlausible,
  type SessionAnswerEnd,
  type SessionEnding,
  type SessionRequestHead,
  type Usage,
} from '@cloister/protocol'
import type { AnswerFrame, OpenedRequest, SessionReceiver } from '@cloister/seal'
import type { Hex } from 'viem'

import { Lane } from '../lane.ts'
import { answerAbsent, AnswerBuffer, type AnswerRead } from './answer-buffer.ts'
import type { AppPipes } from './app-pipes.ts'
import { Meter, type Price, type Used } from './meter.ts'
import { refusalBody, type SealedRefusal } from './refusal.ts'
import { ReplayWindow } from './replay-window.ts'

/** What an app's manifest says of its sessions. */
export type SessionTerms = {
  readonly meter: 'request' | 'token'
  readonly requestBytesMax: number
  readonly responseBytesMax: number
  readonly idleSeconds: number
}

/** What a session needs of the enclave. It has no clock, key or timer of its own. */
export type SessionOptions = {
  readonly task: Hex
  readonly attempt: number
  readonly terms: SessionTerms
  readonly price: Price
  readonly receiver: SessionReceiver
  readonly pipes: AppPipes
  readonly sign: (usage: Usage) => Promise<Hex>
  /** The chain's time as this enclave reckons it, in seconds. */
  readonly now: () => bigint
  /** Calls back after so many milliseconds, unless the returned function is called first. */
  readonly after: (milliseconds: number, callback: () => void) => () => void
  /** How long the session may last at most. */
  readonly lifeMilliseconds: number
}

/** How a session came to its end, and what it had used then. */
export type SessionEnd = { readonly ending: SessionEnding; readonly used: Used }

type Request = { readonly head: SessionRequestHead; readonly body: Bytes; readonly content: Bytes }
type Running = { readonly buffer: AnswerBuffer; cancel: () => void; cancelled: boolean }

const runningMax = 8
const answersMax = 32
const lingerMilliseconds = 10_000
const unreadMilliseconds = 120_000

/**
 * One session: an app that runs on, and sealed requests of one requester. Each is opened, handed to the app, answered in sealed frames, counted
 * and signed for. It ends by its requester's word, when the money or the time is used up, when nobody asks, or with its app.
 */
export class Session {
  readonly #options: SessionOptions
  readonly #meter: Meter
  readonly #window = new ReplayWindow()
  readonly #opening = new Lane('sealed request', 4, 16)
  /** Requests that are paid by the token run one by one, so that each is told exactly what money is left. */
  readonly #metered: Lane
  readonly #answers = new Map<number, Running>()
  readonly #end = Promise.withResolvers<SessionEnd>()
  #ending: SessionEnding | undefined
  #nextAnswer = 1
  #working = 0
  #cancelIdle: () => void = () => undefined
  readonly #cancelDeadline: () => void

  constructor(options: SessionOptions) {
    this.#options = options
    this.#meter = new Meter(options.price)
    this.#metered = new Lane('request', options.terms.meter === 'token' ? 1 : 4, runningMax)
    this.#cancelDeadline = options.after(options.lifeMilliseconds, () => this.finish('deadline'))
    void options.pipes.ended.then(() => this.finish('app-ended'))
    this.#restIdle()
  }

  /** Settles once, when nothing runs any more. */
  get ended(): Promise<SessionEnd> {
    return this.#end.promise
  }

  get isOpen(): boolean {
    return this.#ending === undefined
  }

  /**
   * Takes a sealed request; gives the number by which its answer is read. What is wrong with it after it was opened is answered under its
   * seal: the host learns of none of that.
   *
   * @throws {OperationError} `session-ended`, `request-refused`, `replayed`, `busy`. @throws {MalformedError}
   */
  async request(sealed: Bytes): Promise<number> {
    if (this.#ending !== undefined) throw sessionEnded(this.#ending)
    if (this.#answers.size >= answersMax)
      throw new OperationError('busy', 'Cannot take another request: too many answers wait', {
        retryable: true,
      })
    const opened = await this.#opening.run(() => this.#options.receiver.open(sealed))
    const { content } = opened
    const { head, body } = parseSessionRequest(content)
    if (!this.#window.admit(head.sequence))
      throw new OperationError('replayed', 'Cannot take the request: its sequence was used before')
    const id = this.#nextAnswer++
    const running: Running = {
      buffer: new AnswerBuffer(this.#options.after),
      cancel: () => undefined,
      cancelled: false,
    }
    this.#answers.set(id, running)
    void this.#serve({ head, body, content }, opened, running).then(() =>
      // A host that was restarted does not come back for it.
      this.#options.after(unreadMilliseconds, () => this.cancel(id)),
    )
    return id
  }

  /** Some of an answer, at the latest when `expired` settles. @throws {OperationError} `not-found`. */
  async read(id: number, expired: Promise<void>): Promise<AnswerRead> {
    const running = this.#answers.get(id)
    if (running === undefined) throw answerAbsent()
    const read = await running.buffer.read(expired)
    if (read.done) this.#answers.delete(id)
    return read
  }

  /** Stops work on an answer that nobody waits for, and drops it. What was done until then is counted. */
  cancel(id: number): void {
    const running = this.#answers.get(id)
    if (running === undefined) return
    this.#answers.delete(id)
    running.cancelled = true
    running.buffer.drop()
    running.cancel()
  }

  /** Ends the session: takes nothing more, stops what runs, and then settles `ended`. */
  finish(ending: SessionEnding): void {
    if (this.#ending !== undefined) return
    this.#ending = ending
    this.#cancelIdle()
    this.#cancelDeadline()
    for (const running of this.#answers.values()) {
      running.cancelled = true
      running.cancel()
    }
    if (this.#working === 0) this.#settle()
    else this.#options.after(lingerMilliseconds, () => this.#settle())
  }

  async #serve(request: Request, opened: OpenedRequest, running: Running): Promise<void> {
    this.#working += 1
    this.#cancelIdle()
    const answer = new SealedAnswer(opened, running.buffer)
    try {
      const refusal = this.#refusalOf(request)
      if (refusal !== undefined) await this.#refuse(answer, refusal)
      else if (request.head.kind === 'close') await this.#close(answer)
      else await this.#exchange(request, answer, running)
    } catch (error) {
      const busy = error instanceof OperationError && error.code === 'busy'
      await this.#refuse(answer, busy ? 'busy' : 'app-ended').catch(() => undefined)
    } finally {
      running.buffer.end()
      this.#working -= 1
      if (this.#ending === undefined) this.#restIdle()
      else if (this.#working === 0) this.#settle()
    }
  }

  #refusalOf({ head, body }: Request): SealedRefusal | undefined {
    const { terms } = this.#options
    if (body.length > terms.requestBytesMax) return 'too-large'
    if (head.kind === 'close') return undefined
    if (this.#ending !== undefined) return 'ended'
    return this.#working > runningMax ? 'busy' : undefined
  }

  async #exchange(request: Request, answer: SealedAnswer, running: Running): Promise<void> {
    const { method } = request.head
    // What only reads, such as the list of models, costs nothing and waits for nobody.
    if (method === 'GET' || method === 'HEAD') await this.#ask(request, answer, running, 0n)
    else
      await this.#metered.run(async () => {
        const left = this.#meter.unitsLeft
        if (left === 0n || this.#ending !== undefined)
          await this.#refuse(answer, left === 0n ? 'money' : 'ended')
        else await this.#ask(request, answer, running, left)
      })
  }

  async #ask(
    { head, body, content }: Request,
    answer: SealedAnswer,
    running: Running,
    unitsMax: bigint,
  ): Promise<void> {
    const { terms, pipes } = this.#options
    const { method, path, headers } = head
    const told = Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    )
    const exchange = pipes.ask({
      method,
      path,
      headers: Object.fromEntries(told),
      unitsMax: Number(unitsMax < unitsCap ? unitsMax : unitsCap),
      body,
    })
    running.cancel = exchange.cancel
    if (running.cancelled) exchange.cancel()
    let reported = 0
    let status = 500
    for await (const piece of exchange.pieces) {
      if (piece.kind === 'end') reported = piece.units
      else if (piece.kind === 'head') {
        status = piece.status
        await answer.head(status, piece.headers['content-type'])
      } else if (running.buffer.dropped) exchange.cancel() // Read on to its end, which says what was used.
      else if (answer.bytes + piece.body.length <= terms.responseBytesMax)
        await answer.data(piece.body)
      else {
        answer.brokenOff = true
        exchange.cancel()
      }
    }
    if (running.cancelled || running.buffer.dropped) answer.brokenOff = true
    const units = this.#unitsOf(status, reported, unitsMax, body.length + answer.bytes)
    const previous = this.#meter.used.transcript
    const counted = this.#meter.count({
      salt: answer.salt,
      request: content,
      answer: answer.digest,
      units,
    })
    if (this.#meter.unitsLeft === 0n) this.finish('money')
    await this.#conclude(answer, { units: Number(counted), previous })
  }

  /** What an exchange is charged: by the request one unit for an answer that is not the app's own failure, by the token what the app says. */
  #unitsOf(status: number, reported: number, unitsMax: bigint, bytes: number): bigint {
    if (unitsMax === 0n) return 0n
    if (this.#options.terms.meter === 'request') return status < 500 ? 1n : 0n
    const plausible = unitsPlausible(bytes, 0)
    const units = BigInt(reported)
    return units < plausible ? units : plausible
  }

  async #close(answer: SealedAnswer): Promise<void> {
    this.finish('closed')
    await answer.head(200, 'application/json')
    await this.#conclude(answer, { units: 0, previous: this.#meter.used.transcript })
  }

  async #refuse(answer: SealedAnswer, refusal: SealedRefusal): Promise<void> {
    const { status, body } = refusalBody(refusal)
    if (!answer.begun) {
      await answer.head(status, 'application/json')
      await answer.data(body)
    } else answer.brokenOff = true
    await this.#conclude(answer, { units: 0, previous: this.#meter.used.transcript })
  }

  async #conclude(
    answer: SealedAnswer,
    { units, previous }: Pick<SessionAnswerEnd, 'units' | 'previous'>,
  ): Promise<void> {
    const { task, attempt, now, sign } = this.#options
    const usage: Usage = { task, attempt, ...this.#meter.used, time: now() }
    await answer.end({
      usage,
      signature: await sign(usage),
      units,
      previous,
      whole: answer.brokenOff ? 'broken-off' : 'whole',
      ending: this.#ending,
    })
  }

  #restIdle(): void {
    if (this.#working > 0) return
    this.#cancelIdle()
    this.#cancelIdle = this.#options.after(this.#options.terms.idleSeconds * 1000, () =>
      this.finish('idle'),
    )
  }

  #settle(): void {
    this.#end.resolve({ ending: this.#ending ?? 'closed', used: this.#meter.used })
  }
}

const unitsCap = BigInt(2 ** 48)

/** An answer on its way: sealed, measured, and written into the transcript's digest. */
class SealedAnswer {
  readonly salt: Bytes
  brokenOff = false
  bytes = 0
  digest: Hex
  begun = false
  readonly #opened: OpenedRequest
  readonly #buffer: AnswerBuffer

  constructor(opened: OpenedRequest, buffer: AnswerBuffer) {
    this.#opened = opened
    this.#buffer = buffer
    this.salt = opened.salt
    this.digest = answerDigest(opened.salt)
  }

  async head(status: number, contentType: string | undefined): Promise<void> {
    this.begun = true
    await this.#send('head', encodeAnswerHead({ status, contentType }))
  }

  async data(body: Bytes): Promise<void> {
    this.bytes += body.length
    await this.#send('data', body)
  }

  async end(end: SessionAnswerEnd): Promise<void> {
    await this.#send('end', encodeAnswerEnd(end))
  }

  async #send(kind: AnswerFrame['kind'], content: Bytes): Promise<void> {
    if (kind !== 'end') this.digest = nextAnswerDigest(this.digest, content)
    await this.#buffer.push(await this.#opened.answer.seal({ kind, content }))
  }
}

function sessionEnded(ending: SessionEnding): OperationError {
  return new OperationError(
    'session-ended',
    `Cannot take a request: the session has ended (${ending}); place another order`,
  )
}
