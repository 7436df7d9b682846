import { createHash } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import {
  MalformedError,
  OperationError,
  unixSeconds,
  type Bytes,
  type UnixSeconds,
} from '@cloister/codec'
import { fetchBytes, refusalOf } from '../http-client.ts'
import { silentLog, type Log } from '../log.ts'
import { retryDelayMs, type RetryPlan } from '../retry.ts'
import { MemoryCache, type CacheEntry, type CollateralCache } from './cache.ts'
import { Gate, Pace, type Clock } from './pace.ts'
import { sayServiceFault } from './service-fault.ts'

/** One document that a vendor's service is asked for. */
export type DocumentRequest = {
  /** What it is, for errors. */
  readonly what: string
  readonly url: string
  /** Sent with POST. */
  readonly body?: { readonly bytes: Bytes; readonly type: string }
  /** Sent along: a key for the service. Never logged, and not part of the cache's key. */
  readonly secretHeaders?: Readonly<Record<string, string>>
  /** The response header that belongs to the document. */
  readonly header?: string
  readonly bytesMax: number
  /** Requests of one lane at one host are this far apart. */
  readonly lane: { readonly name: string; readonly intervalMs: number }
  /** It never changes, so it is not refreshed before it ends. */
  readonly immutable?: boolean
  /**
   * When the document ends, by its own signed content; undefined where it does not say, and then it is not kept.
   *
   * @throws {MalformedError} where this is no such document.
   */
  readonly until: (body: Bytes, header: string | undefined) => UnixSeconds | undefined
}

/** A document, and the key under which it is kept. */
export type FetchedDocument = {
  readonly key: string
  readonly body: Bytes
  readonly header: string | undefined
}

/** How documents are fetched. Every member has a default. */
export type DocumentClientOptions = {
  /** Default: memory. */
  readonly cache?: CollateralCache
  /** One attempt, from the first byte out to the last byte in. Default: 15 s. */
  readonly timeoutMs?: number
  readonly retry?: RetryPlan
  /** Longest rest that a service may ask for (Retry-After); asked for more, the request fails. Default: 60 s. */
  readonly retryAfterMsMax?: number
  /** Most requests at once. Default: 4. */
  readonly concurrentMax?: number
  /** After how long a kept document that changes is asked for again, though it has not ended. Default: one day. */
  readonly refreshSeconds?: number
  readonly log?: Log
  readonly clock?: Clock
  /** Between 0 and 1, for the jitter of back-off. */
  readonly random?: () => number
}

/** Four attempts, 0.5 s to 8 s apart. */
const defaultPlan: RetryPlan = { attemptsMax: 4, firstDelayMs: 500, delayMsMax: 8_000 }

/** How long a service that failed is left alone by those who hold a copy that has not ended. */
const restAfterFailureMs = 30_000

/**
 * Fetches documents and keeps them: never past their own end, one request at a time for each document, spaced out by
 * host, with back-off that doubles, jitters, stops, and listens to Retry-After.
 *
 * What comes back is not verified.
 */
export class DocumentClient {
  readonly #options: Required<DocumentClientOptions>
  readonly #pace: Pace
  readonly #gate: Gate
  readonly #flights = new Map<string, Promise<CacheEntry>>()
  readonly #failed = new Map<string, number>()

  constructor(options: DocumentClientOptions = {}) {
    this.#options = {
      cache: options.cache ?? new MemoryCache(),
      timeoutMs: options.timeoutMs ?? 15_000,
      retry: options.retry ?? defaultPlan,
      retryAfterMsMax: options.retryAfterMsMax ?? 60_000,
      concurrentMax: options.concurrentMax ?? 4,
      refreshSeconds: options.refreshSeconds ?? 24 * 3600,
      log: options.log ?? silentLog,
      clock: options.clock ?? { nowMs: () => performance.now(), sleep: (ms) => wait(ms) },
      random: options.random ?? Math.random,
    }
    this.#pace = new Pace(this.#options.clock)
    this.#gate = new Gate(this.#options.concurrentMax)
  }

  /**
   * The document, from the cache where it has not ended by `now`, else from its service.
   *
   * Where the service fails, a kept document that has not ended is still given out: it is current by its own word.
   *
   * @throws {OperationError} `collateral-unavailable` naming document and service, `collateral-busy`.
   */
  async get(request: DocumentRequest, now: UnixSeconds): Promise<FetchedDocument> {
    const key = requestKey(request)
    const kept = await this.#kept(key)
    const current = kept !== undefined && now <= kept.until ? kept : undefined
    if (current !== undefined && this.#isFresh(current, request, now)) return found(key, current)
    try {
      return found(key, await this.#singleFlight(key, request, now))
    } catch (cause) {
      if (current === undefined) throw cause
      this.#failed.set(hostOf(request), this.#options.clock.nowMs() + restAfterFailureMs)
      this.#options.log.warn('A kept document is used, for its service fails', {
        url: request.url,
        error: cause instanceof Error ? cause : undefined,
      })
      return found(key, current)
    }
  }

  /** Lets documents go that turned out to be bad, so that they are asked for again. */
  async forget(documents: readonly FetchedDocument[]): Promise<void> {
    for (const { key } of documents)
      await this.#options.cache.forget(key).catch((error: unknown) => this.#note(error))
  }

  #isFresh({ fetchedAt }: CacheEntry, request: DocumentRequest, now: UnixSeconds): boolean {
    const unchanged = request.immutable === true || now < fetchedAt + this.#options.refreshSeconds
    return unchanged || this.#options.clock.nowMs() < (this.#failed.get(hostOf(request)) ?? 0)
  }

  // A disk that fails costs time, never an answer.
  async #kept(key: string): Promise<CacheEntry | undefined> {
    return await this.#options.cache.get(key).catch((error: unknown) => this.#note(error))
  }

  #note(error: unknown): undefined {
    this.#options.log.warn('The cache of collateral fails', {
      error: error instanceof Error ? error : undefined,
    })
  }

  #singleFlight(key: string, request: DocumentRequest, now: UnixSeconds): Promise<CacheEntry> {
    const flying = this.#flights.get(key)
    if (flying !== undefined) return flying
    const flight = this.#fetchAndKeep(key, request, now).finally(() => this.#flights.delete(key))
    this.#flights.set(key, flight)
    return flight
  }

  async #fetchAndKeep(
    key: string,
    request: DocumentRequest,
    now: UnixSeconds,
  ): Promise<CacheEntry> {
    try {
      const { body, header } = await this.#tryAndTry(request)
      const until = request.until(body, header)
      const times = { fetchedAt: now, until: until ?? unixSeconds(0) }
      const entry: CacheEntry = { body, ...(header !== undefined && { header }), ...times }
      if (until !== undefined && now <= until)
        await this.#options.cache.put(key, entry).catch((error: unknown) => this.#note(error))
      return entry
    } catch (cause) {
      if (cause instanceof OperationError && cause.code === 'collateral-busy') throw cause
      if (!(cause instanceof OperationError || cause instanceof MalformedError)) throw cause
      throw new OperationError(
        'collateral-unavailable',
        `Cannot get ${request.what} from ${request.url}: ${sayServiceFault(cause, request.url)}`,
        { cause, retryable: cause instanceof OperationError && cause.retryable },
      )
    }
  }

  async #tryAndTry(request: DocumentRequest): Promise<Answer> {
    const { retry, retryAfterMsMax, random } = this.#options
    const { name, intervalMs } = request.lane
    const lane = `${hostOf(request)} ${name}`
    for (let attempt = 1; ; attempt++) {
      this.#options.log.debug('A service is asked, in its turn', {
        url: request.url,
        attempt,
        attemptsMax: retry.attemptsMax,
      })
      await this.#pace.turn(lane, intervalMs)
      try {
        return await this.#gate.run(() => this.#ask(request))
      } catch (cause) {
        if (!(cause instanceof OperationError) || !cause.retryable) throw cause
        const asked = retryAfterMs(refusalOf(cause)?.retryAfter)
        const rest = Math.max(retryDelayMs(retry, attempt, random()), asked)
        // The others of this lane rest too, also where this request gives up.
        this.#pace.rest(lane, Math.min(rest, retryAfterMsMax))
        if (attempt >= retry.attemptsMax || asked > retryAfterMsMax) throw cause
      }
    }
  }

  async #ask({ url, body, secretHeaders, header, bytesMax }: DocumentRequest): Promise<Answer> {
    const answer = await fetchBytes(url, {
      answerBytesMax: bytesMax,
      timeoutMs: this.#options.timeoutMs,
      headers: { ...secretHeaders, ...(body && { 'content-type': body.type }) },
      ...(body && { bytes: body.bytes }),
    })
    const sent = header === undefined ? null : answer.headers.get(header)
    return { body: answer.bytes, header: sent ?? undefined }
  }
}

type Answer = { readonly body: Bytes; readonly header: string | undefined }

function found(key: string, { body, header }: CacheEntry): FetchedDocument {
  return { key, body, header }
}

function requestKey({ url, body }: DocumentRequest): string {
  return body === undefined
    ? `GET ${url}`
    : `POST ${url} ${createHash('sha256').update(body.bytes).digest('hex')}`
}

function hostOf({ url }: DocumentRequest): string {
  return new URL(url).host
}

/** How long Retry-After asks for: seconds, or a date. Zero where it says nothing. Spec: RFC 9110 section 10.2.3. */
function retryAfterMs(value: string | undefined): number {
  if (value === undefined) return 0
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const date = Date.parse(value)
  return Number.isNaN(date) ? 0 : Math.max(0, date - Date.now())
}
