import {
  concatBytes,
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
  readonly #pieces: Uint8Array[] = []
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
    this.#pieces.push(piece)
    this.#held += piece.length
    const frames: Frame[] = []
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame)
    return frames
  }

  #next(): Frame | undefined {
    if (this.#held < headerBytes) return undefined
    const header = this.#peekHeader()
    if (this.#held < 4 + header.total) return undefined
    const all = concatBytes(...this.#pieces)
    const end = 4 + header.total
    this.#pieces.length = 0
    this.#held = all.length - end
    if (this.#held > 0) this.#pieces.push(all.subarray(end))
    const text = parseUtf8(all.subarray(headerBytes, headerBytes + header.json), 'frame JSON')
    const json = parseJson(text, 'frame JSON', {
      charactersMax: frameLimits.jsonBytesMax,
      depthMax: frameLimits.depthMax,
    })
    return { json, payload: all.subarray(headerBytes + header.json, end) }
  }

  #peekHeader(): { readonly total: number; readonly json: number } {
    if ((this.#pieces[0]?.length ?? 0) < headerBytes) {
      const joined = concatBytes(...this.#pieces)
      this.#pieces.splice(0, this.#pieces.length, joined)
    }
    const first = this.#pieces[0] ?? new Uint8Array()
    const view = new DataView(first.buffer, first.byteOffset, first.byteLength)
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
    return { total, json }
  }
}
