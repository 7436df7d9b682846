import { MalformedError, OperationError, parseHex, type Bytes } from '@cloister/codec'
import {
  answerDigest,
  encodeSessionRequest,
  nextAnswerDigest,
  parseAnswerEnd,
  parseAnswerHead,
  sessionContext,
  sessionOfferContext,
  type SessionEnding,
  type SessionRequestHead,
  type Usage,
} from '@cloister/protocol'
import {
  createSessionSender,
  openEnvelope,
  type EnvelopeKeyPair,
  type EnvelopePrivateKey,
  type SealedRequest,
  type SessionSender,
} from '@cloister/seal'

import type { Client } from '../client.ts'
import { peerUrl, type Fetch } from '../peer.ts'
import { sayError, sdkError } from '../sdk-error.ts'
import { readSealedAnswer } from './read-answer.ts'
import { UsageBook, type SeenExchange } from './usage-book.ts'
import {
  isVerifiedSession,
  type SessionAttestation,
  type VerifiedSession,
} from './verify-session.ts'

/** One request, as an HTTP client would make it. */
export type SessionRequest = {
  readonly method: SessionRequestHead['method']
  readonly path: string
  readonly contentType?: string
  readonly accept?: string
  readonly body?: Bytes
  readonly signal?: AbortSignal
}

/** An answer as it comes. Its body has to be read to the end: only then is it known to be whole, and paid as agreed. */
export type SessionAnswer = {
  readonly status: number
  readonly contentType: string | undefined
  /** @throws {OperationError} `session-broken`, where a frame or the usage at the end does not hold. */
  readonly body: AsyncIterable<Bytes>
}

const offerInfo = new TextEncoder().encode('cloister/session-offer/1')

/** An open session with an enclave that was verified before the first byte. It does not go on after a check has failed. */
export class InferenceSession {
  readonly #verified: VerifiedSession
  readonly #fetch: Fetch
  readonly #sender: SessionSender
  readonly #usage: UsageBook
  #sequence: number
  #ending: SessionEnding | undefined
  #failure: OperationError | undefined

  private constructor(client: Client, verified: VerifiedSession, sender: SessionSender) {
    const { place, order } = verified
    this.#verified = verified
    this.#fetch = client.fetch
    this.#sender = sender
    this.#usage = new UsageBook({
      domain: client.domain,
      task: place.task,
      attempt: place.attempt,
      receiptKey: place.node,
      unitWei: order.unitWei,
      feeWei: order.feeWei,
    })
    // Above whatever this requester used before in this session: seconds first, so that a restart need not remember.
    this.#sequence = client.clock() * 2 ** 20
  }

  /**
   * Opens a verified session as the order's requester.
   *
   * @throws {OperationError} `session-refused` where the session is not verified, `wrong-key` where the key is not the order's recipient's.
   */
  static async open(
    client: Client,
    verified: VerifiedSession,
    recipient: EnvelopeKeyPair | EnvelopePrivateKey,
  ): Promise<InferenceSession> {
    if (!isVerifiedSession(verified))
      throw sdkError(
        'session-refused',
        'Cannot open a session that was not verified: use openSession',
      )
    const { place, status, freshKeyHash } = verified
    const { task, attempt } = place
    const aad = sessionOfferContext(task, attempt, freshKeyHash)
    const psk = await openOffer(recipient, aad, parseHex(status.offer, 'offer'))
    const key = parseHex(status.evidence.freshPublicKey, 'fresh key')
    const context = sessionContext(task, attempt)
    return new InferenceSession(client, verified, await createSessionSender({ key, psk, context }))
  }

  get attestation(): SessionAttestation {
    return this.#verified.attestation
  }

  get verified(): VerifiedSession {
    return this.#verified
  }

  /** What was used so far, by the newest usage that holds. */
  get usage(): Usage | undefined {
    return this.#usage.latest
  }

  /** Why it ended, where it said so. */
  get ending(): SessionEnding | undefined {
    return this.#ending
  }

  /** Why nothing more is sent, where a check has failed. */
  get failure(): OperationError | undefined {
    return this.#failure
  }

  /**
   * Sends one sealed request.
   *
   * @throws {OperationError} `session-ended`, `session-broken`, `peer-unreachable`, `peer-refused`.
   */
  request({ method, path, contentType, accept, body, signal }: SessionRequest) {
    const headers = { 'content-type': contentType, accept }
    return this.#ask({ kind: 'request', method, path, headers }, body ?? noBytes, signal)
  }

  /**
   * Ends the session: it is settled for what was used, and the rest of the money comes back.
   *
   * @throws {OperationError} as {@link request}.
   */
  async close(): Promise<Usage | undefined> {
    const headers = { 'content-type': undefined, accept: undefined }
    const answer = await this.#ask({ kind: 'close', method: 'POST', path: '/', headers }, noBytes)
    for await (const _ of answer.body) continue
    return this.usage
  }

  async #ask(
    head: Omit<SessionRequestHead, 'sequence'>,
    body: Bytes,
    signal?: AbortSignal,
  ): Promise<SessionAnswer> {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#ending !== undefined)
      throw sdkError(
        'session-ended',
        `Cannot send a request: the session has ended (${this.#ending}); place another order`,
      )
    const { requestBytesMax } = this.#verified.status
    if (body.length > requestBytesMax)
      throw new MalformedError(
        'request',
        0,
        `${body.length} bytes, the app takes ${requestBytesMax}`,
      )
    this.#sequence += 1
    const request = encodeSessionRequest({ sequence: this.#sequence, ...head }, body)
    const sealed = await this.#sender.seal(request)
    this.#usage.countRequest()
    const frames = readSealedAnswer(await this.#send(sealed, signal), sealed.answer)
    return this.#read(frames, { salt: sealed.salt, request, requestBytes: body.length })
  }

  async #send({ sealed }: SealedRequest, signal: AbortSignal | undefined): Promise<Response> {
    const { url, task, attempt } = this.#verified.place
    const route = peerUrl(url, `/v1/sessions/${task}/${attempt}/requests`)
    let response: Response
    try {
      response = await this.#fetch(route, {
        method: 'POST',
        headers: { 'content-type': 'application/octet-stream' },
        body: sealed,
        redirect: 'error',
        credentials: 'omit',
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (cause) {
      if (signal?.aborted === true) throw cause
      throw sdkError('peer-unreachable', `Cannot reach ${route}: ${sayError(cause)}; try again`, {
        cause,
        retryable: true,
      })
    }
    if (response.ok) return response
    const text = (await response.text()).slice(0, 1000)
    if (response.status === 409 && text.includes('session-ended')) {
      // Only its host says so: it is not believed about money, and there is nobody else to ask.
      throw sdkError('session-ended', `Cannot send a request: the node says ${text}`)
    }
    throw sdkError(
      'peer-refused',
      `Cannot use ${route}: it refuses with ${response.status} ${text}`,
      { retryable: response.status >= 500 || response.status === 429 },
    )
  }

  async #read(
    frames: ReturnType<typeof readSealedAnswer>,
    asked: Pick<SeenExchange, 'salt' | 'request' | 'requestBytes'>,
  ): Promise<SessionAnswer> {
    const first = await this.#guard(() => frames.next())
    if (first.done === true || first.value.kind !== 'head')
      throw this.#fail(broken('the answer has no head'))
    const head = first.value.content
    const { status, contentType } = await this.#guard(async () => parseAnswerHead(head))
    const answer = nextAnswerDigest(answerDigest(asked.salt), head)
    return { status, contentType, body: this.#body(frames, { ...asked, answer, answerBytes: 0 }) }
  }

  async *#body(
    frames: ReturnType<typeof readSealedAnswer>,
    seen: SeenExchange,
  ): AsyncGenerator<Bytes> {
    let { answer, answerBytes } = seen
    try {
      for (;;) {
        const next = await this.#guard(() => frames.next())
        if (next.done === true) throw this.#fail(broken('the answer has no end'))
        const { kind, content } = next.value
        if (kind === 'head') throw this.#fail(broken('the answer has two heads'))
        if (kind === 'end') {
          await this.#guard(() => this.#finish(content, { ...seen, answer, answerBytes }))
          await this.#guard(() => frames.next()) // Nothing may follow.
          return
        }
        answer = nextAnswerDigest(answer, content)
        answerBytes += content.length
        if (answerBytes > this.#verified.status.responseBytesMax)
          throw this.#fail(broken('the answer is larger than its app may make it'))
        yield content
      }
    } finally {
      await frames.return(undefined)
    }
  }

  async #finish(content: Bytes, seen: SeenExchange): Promise<void> {
    const end = parseAnswerEnd(content)
    await this.#usage.check(end, seen)
    this.#ending = end.ending ?? this.#ending
    if (end.whole === 'whole') return
    if (end.ending === undefined)
      throw sdkError('peer-refused', 'The answer was broken off by its app; ask again', {
        retryable: true,
      })
    throw sdkError(
      'session-ended',
      `The answer was broken off: the session has ended (${end.ending}); place another order`,
    )
  }

  // What fails a check ends the session for this client; a network that fails does not.
  async #guard<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      if (error instanceof MalformedError) throw this.#fail(broken(error.message, error))
      const wrong = error instanceof OperationError && brokenCodes.has(error.code)
      throw wrong ? this.#fail(broken(error.message, error)) : error
    }
  }

  #fail(error: OperationError): OperationError {
    this.#failure ??= error
    return error
  }
}

const noBytes = new Uint8Array(0)
const brokenCodes = new Set(['tampered', 'session-broken', 'too-large'])

function broken(detail: string, cause?: unknown): OperationError {
  const message = detail.startsWith('Cannot') ? detail : `Cannot believe the session: ${detail}`
  return sdkError('session-broken', message, { cause })
}

async function openOffer(
  recipient: EnvelopeKeyPair | EnvelopePrivateKey,
  aad: Bytes,
  offer: Bytes,
): Promise<Bytes> {
  try {
    return await openEnvelope(recipient, offerInfo, aad, offer)
  } catch (cause) {
    throw sdkError(
      'wrong-key',
      'Cannot open the session: its secret is not sealed to this recipient key; use the key that the order was placed with',
      { cause },
    )
  }
}
