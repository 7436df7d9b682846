import {
  encodeUtf8,
  MalformedError,
  parseJson,
  parseUtf8,
  type Bytes,
  type Json,
} from '@cloister/codec'

/** How much one frame may hold. */
export const frameLimits = {
  jsonBytesMax: 1_048_576,
  payloadBytesMax: 1_073_741_824,
  depthMax: 8,
} as const

/** One message on a pipe: JSON, and bytes that the JSON describes. */
export type Frame = { readonly json: Json; readonly payload: Bytes }

const headerBytes = 8

/**
 * Writes a frame: big-endian length of what follows, big-endian length of the JSON, JSON, payload. The parts are not
 * joined, so that a large payload is not copied.
 */
export function encodeFrame(json: Json, ...payload: readonly Uint8Array[]): readonly Uint8Array[] {
  const text = encodeUtf8(JSON.stringify(json))
  const payloadBytes = payload.reduce((size, part) => size + part.length, 0)
  if (text.length > frameLimits.jsonBytesMax || payloadBytes > frameLimits.payloadBytesMax)
    throw new RangeError(`Cannot write a frame of ${text.length} and ${payloadBytes} bytes`)
  const header = new Uint8Array(headerBytes)
  const view = new DataView(header.buffer)
  view.setUint32(0, 4 + text.length + payloadBytes)
  view.setUint32(4, text.length)
  return [header, text, ...payload]
}

/** Puts frames together from the pieces that a pipe delivers. Lengths are checked before memory is spent. */
export class FrameDecoder {
  readonly #payloadBytesMax: number
  readonly #header = new Uint8Array(headerBytes)
  #body: Bytes | undefined
  /** Bytes of the unfinished frame so far, those of the header included. */
  #held = 0

  /** `payloadBytesMax` is the largest payload that is accepted. */
  constructor(payloadBytesMax: number) {
    this.#payloadBytesMax = payloadBytesMax
  }

  /** Whether bytes of an unfinished frame are held. */
  get pending(): boolean {
    return this.#held > 0
  }

  /**
   * Takes the next piece and returns the frames that it completed.
   *
   * @throws {MalformedError} on a length past a limit or JSON that can't be read.
   */
  push(piece: Uint8Array): readonly Frame[] {
    const frames: Frame[] = []
    let rest = piece
    while (rest.length > 0) {
      rest = this.#body
        ? this.#fill(this.#body, headerBytes, rest)
        : this.#fill(this.#header, 0, rest)
      if (this.#body === undefined && this.#held === headerBytes)
        this.#body = new Uint8Array(this.#lengths().body)
      if (this.#body && this.#held === headerBytes + this.#body.length) {
        frames.push(readBody(this.#body, this.#lengths().json))
        this.#body = undefined
        this.#held = 0
      }
    }
    return frames
  }

  /** Copies what fits into `target`, whose first byte is byte `start` of the frame, and returns what is left over. */
  #fill(target: Uint8Array, start: number, piece: Uint8Array): Uint8Array {
    const offset = this.#held - start
    const part = piece.subarray(0, target.length - offset)
    target.set(part, offset)
    this.#held += part.length
    return piece.subarray(part.length)
  }

  #lengths(): { readonly json: number; readonly body: number } {
    const view = new DataView(this.#header.buffer)
    const [total, json] = [view.getUint32(0), view.getUint32(4)]
    if (json > frameLimits.jsonBytesMax)
      throw new MalformedError(
        'frame JSON length',
        4,
        `${json}, at most ${frameLimits.jsonBytesMax}`,
      )
    if (total < 4 + json || total - 4 - json > this.#payloadBytesMax)
      throw new MalformedError(
        'frame length',
        0,
        `${total}, expected ${4 + json} to ${4 + json + this.#payloadBytesMax}`,
      )
    return { json, body: total - 4 }
  }
}

function readBody(body: Bytes, jsonBytes: number): Frame {
  const text = parseUtf8(body.subarray(0, jsonBytes), 'frame JSON')
  const json = parseJson(text, 'frame JSON', {
    charactersMax: frameLimits.jsonBytesMax,
    depthMax: frameLimits.depthMax,
  })
  return { json, payload: body.subarray(jsonBytes) }
}
