import { MalformedError, OperationError, type Bytes, type Json } from '@cloister/codec'

import { integerField, jsonField, malformed, objectField, textField } from './fields.ts'
import { createFrameParser, encodeFrame, type Frame } from './frames.ts'
import { limits } from './limits.ts'
import { AnswerError, wireError, wireErrorField } from './peer-errors.ts'

/** The version of the wire. Another version closes the stream. */
export const wireVersion = 1

/** What a method answers: JSON, and bytes that belong to it. */
export type Answer = { readonly result: Json; readonly bytes?: Bytes }

/** Answers one method. It may throw; see {@link AnswerError}. */
export type Handler = (params: Json, bytes: Bytes) => Promise<Answer>

/** What a peer needs of the world. It has no clock and no socket of its own. */
export type PeerOptions = {
  /** Writes one frame to the transport, in order. A throw closes the peer. */
  readonly send: (frame: Bytes) => void
  /** Methods the other side may call after its hello. */
  readonly handlers: Readonly<Record<string, Handler>>
  /** What our answer to the other side's hello says besides the version. */
  readonly hello: () => Promise<{ readonly [key: string]: Json }>
  /** Calls `callback` after so many milliseconds unless the returned function is called first. */
  readonly after: (milliseconds: number, callback: () => void) => () => void
  /** How long a request waits when it does not say. */
  readonly timeoutMilliseconds: number
  readonly frameBytesMax: number
  /** Called once, when the peer is closed by either side; the transport is then to be closed. */
  readonly closed: (reason: OperationError | MalformedError) => void
}

/** One request. */
export type RequestOptions = { readonly bytes?: Bytes; readonly timeoutMilliseconds?: number }

/** One end of a stream between host and enclave. Spec: docs/protocol.md section 10. */
export type Peer = {
  /** Takes what the transport read. Never throws: a malformed stream closes the peer. */
  receive(chunk: Uint8Array): void
  /** The first request each way: agrees on the version and returns what the other side says of itself. */
  greet(options?: RequestOptions): Promise<Json>
  /** Calls a method. Rejects with {@link AnswerError} (their failure) or OperationError (ours). */
  request(
    method: string,
    params: Json,
    options?: RequestOptions,
  ): Promise<{ readonly result: Json; readonly bytes: Bytes }>
  /** Ends the peer: every open request rejects with `reason`. */
  close(reason: OperationError | MalformedError): void
}

/** Makes one end of a stream. Both ends are alike; each greets before its first request. */
export function createPeer(options: PeerOptions): Peer {
  return new StreamPeer(options)
}

type Open = {
  readonly method: string
  readonly resolve: (answer: { readonly result: Json; readonly bytes: Bytes }) => void
  readonly reject: (reason: Error) => void
  readonly cancelTimeout: () => void
}

const idField = integerField(0, Number.MAX_SAFE_INTEGER)
const requestField = objectField({ id: idField, method: textField(64, 1), params: jsonField })
const resultField = objectField({ id: idField, result: jsonField })
const failureField = objectField({ id: idField, error: wireErrorField })
const helloField = objectField({ version: integerField(0, 0xffff_ffff) })

class StreamPeer implements Peer {
  readonly #options: PeerOptions
  readonly #parser: ReturnType<typeof createFrameParser>
  readonly #asked = new Map<number, Open>()
  readonly #answering = new Set<number>()
  #nextId = 0
  #greeted: 'no' | 'asked' | 'yes' = 'no'
  #wasGreeted = false
  #closedBy: OperationError | MalformedError | undefined

  constructor(options: PeerOptions) {
    this.#options = options
    this.#parser = createFrameParser(options)
  }

  receive(chunk: Uint8Array): void {
    if (this.#closedBy !== undefined) return
    try {
      for (const frame of this.#parser.push(chunk)) {
        this.#take(frame)
        if (this.#closedBy !== undefined) return
      }
    } catch (error) {
      this.close(error instanceof MalformedError ? error : internal(error))
    }
  }

  async greet(options: RequestOptions = {}): Promise<Json> {
    if (this.#greeted !== 'no')
      throw new OperationError('already-greeted', 'Cannot greet twice on one stream')
    this.#greeted = 'asked'
    try {
      const { result } = await this.#ask('hello', { version: wireVersion }, options)
      const version = isObject(result) ? result['version'] : undefined
      if (version !== wireVersion)
        throw malformed('hello.version', `the other side answered another than ${wireVersion}`)
      this.#greeted = 'yes'
      return result
    } catch (cause) {
      const reason = new OperationError(
        'greeting-failed',
        `Cannot agree on wire version ${wireVersion} with the other side`,
        { cause },
      )
      this.close(reason)
      throw reason
    }
  }

  async request(method: string, params: Json, options: RequestOptions = {}) {
    if (this.#greeted !== 'yes')
      throw new OperationError('not-greeted', `Cannot ask for ${method} before the hello`)
    return this.#ask(method, params, options)
  }

  close(reason: OperationError | MalformedError): void {
    if (this.#closedBy !== undefined) return
    this.#closedBy = reason
    for (const open of this.#asked.values()) {
      open.cancelTimeout()
      open.reject(gone(open.method, reason))
    }
    this.#asked.clear()
    this.#options.closed(reason)
  }

  #ask(method: string, params: Json, options: RequestOptions) {
    if (this.#closedBy !== undefined) return Promise.reject(gone(method, this.#closedBy))
    if (this.#asked.size >= limits.requestsOpenMax)
      return Promise.reject(
        new OperationError(
          'too-many-requests',
          `Cannot ask for ${method}: ${limits.requestsOpenMax} requests are open`,
          { retryable: true },
        ),
      )
    const id = this.#nextId++
    const milliseconds = options.timeoutMilliseconds ?? this.#options.timeoutMilliseconds
    return new Promise<{ readonly result: Json; readonly bytes: Bytes }>((resolve, reject) => {
      // Encoded first: a request too large for a frame must not stay open.
      const frame = encodeFrame({ id, method, params }, options.bytes, this.#options)
      const cancelTimeout = this.#options.after(milliseconds, () => {
        this.#asked.delete(id)
        reject(
          new OperationError('timeout', `No answer to ${method} in ${milliseconds} ms`, {
            retryable: true,
          }),
        )
      })
      this.#asked.set(id, { method, resolve, reject, cancelTimeout })
      this.#send(frame)
    })
  }

  #send(frame: Bytes): void {
    if (this.#closedBy !== undefined) return
    try {
      this.#options.send(frame)
    } catch (error) {
      this.close(internal(error))
    }
  }

  #take({ json, bytes }: Frame): void {
    if (isObject(json) && 'method' in json) this.#takeRequest(json, bytes)
    else if (isObject(json) && 'error' in json) {
      const { id, error } = failureField.parse(json, 'answer')
      this.#settle(id, (open) =>
        open.reject(new AnswerError(error.code, `${open.method}: ${error.message}`, error)),
      )
    } else {
      const { id, result } = resultField.parse(json, 'answer')
      this.#settle(id, (open) => open.resolve({ result, bytes }))
    }
  }

  // An answer that comes after its timeout is dropped; one that was never asked for breaks the stream.
  #settle(id: number, settle: (open: Open) => void): void {
    if (id >= this.#nextId) throw malformed('answer.id', `${id} was never asked`)
    const open = this.#asked.get(id)
    if (open === undefined) return
    this.#asked.delete(id)
    open.cancelTimeout()
    settle(open)
  }

  #takeRequest(json: Json, bytes: Bytes): void {
    const { id, method, params } = requestField.parse(json, 'request')
    if (this.#answering.has(id)) throw malformed('request.id', `${id} is open already`)
    if ((method === 'hello') === this.#wasGreeted)
      throw malformed('request.method', 'the first request, and no other, must be hello')
    if (method === 'hello') {
      const { version } = helloField.parse(params, 'hello')
      if (version !== wireVersion)
        throw malformed('hello.version', `got ${version}, expected ${wireVersion}`)
      this.#wasGreeted = true
      const hello = async () => ({ result: { ...(await this.#options.hello()), version } })
      void this.#answer(id, hello)
      return
    }
    if (this.#answering.size >= limits.requestsOpenMax) {
      this.#refuse(
        id,
        new OperationError(
          'too-many-requests',
          `Cannot answer ${method}: ${limits.requestsOpenMax} requests are open`,
          { retryable: true },
        ),
      )
      return
    }
    const handlers = this.#options.handlers
    const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined
    if (handler === undefined)
      this.#refuse(id, new OperationError('unknown-method', `Cannot answer ${method}: unknown`))
    else void this.#answer(id, () => handler(params, bytes))
  }

  async #answer(id: number, handle: () => Promise<Answer>): Promise<void> {
    this.#answering.add(id)
    try {
      const { result, bytes } = await handle()
      this.#send(encodeFrame({ id, result }, bytes, this.#options))
    } catch (error) {
      this.#refuse(id, error)
    } finally {
      this.#answering.delete(id)
    }
  }

  #refuse(id: number, error: unknown): void {
    try {
      this.#send(
        encodeFrame(
          { id, error: wireErrorField.encode(wireError(error)) },
          undefined,
          this.#options,
        ),
      )
    } catch (cause) {
      // Only an error whose data is too large for a frame ends up here.
      this.close(internal(cause))
    }
  }
}

function gone(method: string, cause: Error): OperationError {
  return new OperationError('closed', `Cannot ask for ${method}: the stream is closed`, {
    cause,
    retryable: true,
  })
}

function internal(cause: unknown): OperationError {
  return new OperationError('stream-failed', 'The stream between host and enclave failed', {
    cause,
  })
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
