import type { Readable } from 'node:stream'

import { MalformedError } from '@cloister/codec'

import { FrameDecoder, type Frame } from './frame.ts'

/** Reads a stream frame by frame, no further than is asked for. */
export class FrameReader {
  readonly #pieces: AsyncIterator<unknown>
  readonly #decoder: FrameDecoder
  readonly #ready: Frame[] = []

  /** `payloadBytesMax` is the largest payload that is accepted. */
  constructor(input: Readable, payloadBytesMax: number) {
    this.#pieces = input[Symbol.asyncIterator]()
    this.#decoder = new FrameDecoder(payloadBytesMax)
  }

  /** The next frame, undefined where the stream ends instead. @throws {MalformedError} on one that can't be read. */
  async next(): Promise<Frame | undefined> {
    while (this.#ready.length === 0) {
      const { done, value } = await this.#pieces.next()
      if (done === true) return undefined
      if (!(value instanceof Uint8Array))
        throw new MalformedError('frame', 0, 'a stream of anything but bytes')
      this.#ready.push(...this.#decoder.push(value))
    }
    return this.#ready.shift()
  }
}
