import { once } from 'node:events'

import { MalformedError, OperationError, type Bytes } from '@cloister/codec'

import type { EnginePipes } from '../engine/client.ts'
import { encodeFrame, FrameDecoder, type Frame } from '../engine/frame.ts'
import {
  appMessageLimits,
  readFromApp,
  writeToApp,
  type FromApp,
  type ToApp,
} from './app-messages.ts'

/** What an app answers to one request, in order: a head, data, and one end. */
export type AppPiece = Extract<FromApp, { readonly id: number }>

/** One request that an app works on. */
export type AppExchange = {
  /** @throws {OperationError} `app-ended`, where the app ends first. */
  readonly pieces: AsyncIterable<AppPiece>
  /** Tells the app to stop. Its end still comes. */
  readonly cancel: () => void
}

/** What one request asks of an app. */
export type AppRequest = Omit<Extract<ToApp, { readonly kind: 'request' }>, 'kind' | 'id'> & {
  readonly body: Bytes
}

/** An input that an app is started with, read piece by piece. Who reads wipes what it got. */
export type AppInputSource = {
  readonly role: string
  readonly size: number
  readonly read: (offset: number, length: number) => Promise<Bytes>
}

/** What all requests together may have waiting. */
const queuedBytesMax = 1 << 20
/** What a piece costs here besides its bytes: many small ones wait no more cheaply than few large ones. */
const pieceBytes = 1024

type Open = {
  readonly pieces: AppPiece[]
  wake: () => void
  headSeen: boolean
}

/** The pipes of an app that runs on, and many requests over them. What the app says is checked, and past a fault it is not heard again. */
export class AppPipes {
  readonly #pipes: EnginePipes
  readonly #open = new Map<number, Open>()
  readonly #ready = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<void>()
  #isReady = false
  #over = false
  #nextId = 0
  /** Bytes of data that were said and not taken yet. */
  #queuedBytes = 0
  #wakeListener: () => void = () => undefined

  constructor(pipes: EnginePipes) {
    this.#pipes = pipes
    this.#ready.promise.catch(() => undefined)
    // A child that dies early breaks the pipe: that shows up as the end of its output.
    pipes.stdin.on('error', () => undefined)
    this.#listen().then(
      () => this.#finish(),
      () => this.#finish(),
    )
  }

  /** Settles when the app has ended, or said something that it may not. */
  get ended(): Promise<void> {
    return this.#ended.promise
  }

  /**
   * Hands the app its inputs, piece by piece as it takes them, and waits until it is ready.
   *
   * @throws {OperationError} `app-ended`, or why an input does not open.
   */
  async start(inputs: readonly AppInputSource[]): Promise<void> {
    this.#write({ kind: 'start', inputs: inputs.map(({ role, size }) => ({ role, size })) }, [])
    for (const [index, { size, read }] of inputs.entries())
      for (let at = 0; at < size && !this.#over; at += appMessageLimits.partBytesMax) {
        const part = await read(at, Math.min(appMessageLimits.partBytesMax, size - at))
        const room = this.#write({ kind: 'part', input: index }, [part])
        // Also where there was room: only what the pipe has taken may be wiped.
        if (!room) await Promise.race([once(this.#pipes.stdin, 'drain'), this.ended])
        await this.#written()
        part.fill(0)
      }
    await this.#ready.promise
  }

  #written(): Promise<void> {
    const empty = new Uint8Array(0)
    const written = new Promise<void>((resolve) => {
      this.#pipes.stdin.write(empty, () => resolve())
    })
    return Promise.race([written, this.ended])
  }

  /** Hands the app a request. */
  ask({ body, ...request }: AppRequest): AppExchange {
    const id = this.#nextId++
    const open: Open = { pieces: [], wake: () => undefined, headSeen: false }
    this.#open.set(id, open)
    this.#write({ kind: 'request', id, ...request }, [body])
    return {
      pieces: this.#piecesOf(id, open),
      cancel: () => {
        if (this.#open.has(id)) this.#write({ kind: 'cancel', id }, [])
      },
    }
  }

  async *#piecesOf(id: number, open: Open): AsyncGenerator<AppPiece> {
    for (;;) {
      const piece = open.pieces.shift()
      if (piece === undefined) {
        if (this.#over) throw appEnded()
        await new Promise<void>((resolve) => {
          open.wake = resolve
        })
        continue
      }
      if (piece.kind === 'data') this.#queuedBytes -= pieceBytes + piece.body.length
      if (this.#queuedBytes <= queuedBytesMax) this.#wakeListener()
      yield piece
      if (piece.kind !== 'end') continue
      this.#open.delete(id)
      return
    }
  }

  #write(message: ToApp, payload: readonly Bytes[]): boolean {
    let room = true
    for (const part of encodeFrame(writeToApp(message), ...payload))
      room = this.#pipes.stdin.write(part)
    return room
  }

  async #listen(): Promise<void> {
    const decoder = new FrameDecoder(appMessageLimits.dataBytesMax)
    for await (const piece of this.#pipes.stdout) {
      if (!(piece instanceof Uint8Array)) continue
      for (const frame of decoder.push(piece)) this.#take(frame)
      // Who asked is slow: the app finds its pipe full.
      if (this.#queuedBytes > queuedBytesMax)
        await new Promise<void>((resolve) => {
          this.#wakeListener = resolve
        })
    }
  }

  #take(frame: Frame): void {
    const message = readFromApp(frame)
    if (message.kind === 'ready') {
      if (this.#isReady) throw new MalformedError('message', 0, 'ready twice')
      this.#isReady = true
      this.#ready.resolve()
      return
    }
    const open = this.#open.get(message.id)
    const last = open?.pieces.at(-1)
    if (open === undefined || last?.kind === 'end')
      throw new MalformedError('message.id', 0, 'no request of that number is open')
    if ((message.kind === 'head') === open.headSeen)
      throw new MalformedError('message', 0, 'one head comes, and comes first')
    open.headSeen = true
    open.pieces.push(message)
    if (message.kind === 'data') this.#queuedBytes += pieceBytes + message.body.length
    open.wake()
  }

  #finish(): void {
    this.#over = true
    this.#ready.reject(appEnded())
    for (const { wake } of this.#open.values()) wake()
    this.#ended.resolve()
  }
}

function appEnded(): OperationError {
  return new OperationError('app-ended', 'The app ended')
}
