import {
  concatBytes,
  encodeUtf8,
  MalformedError,
  parseJson,
  parseUtf8,
  type Bytes,
  type Json,
} from '@cloister/codec'

import { limits } from './limits.ts'

/** One frame between host and enclave: a JSON value and bytes that belong to it. Spec: docs/protocol.md section 10. */
export type Frame = { readonly json: Json; readonly bytes: Bytes }

/** What a frame parser may be asked for. */
export type FrameLimits = { readonly frameBytesMax: number }

/** Turns a stream of chunks into frames. It holds at most one unfinished frame. */
export type FrameParser = {
  /** The frames that `chunk` completes. @throws {MalformedError}; then the stream is past repair. */
  push(chunk: Uint8Array): readonly Frame[]
  /** Asserts that the stream ended between frames. @throws {MalformedError} where it did not. */
  end(): void
}

const prefixBytes = 8

/**
 * The bytes of one frame: `u32be length || u32be JSON length || JSON || bytes`, where `length` counts
 * what follows its own four bytes.
 *
 * @throws {MalformedError} past `frameBytesMax`.
 */
export function encodeFrame(
  json: Json,
  bytes: Uint8Array = new Uint8Array(0),
  caps: FrameLimits = limits,
): Bytes {
  const text = encodeUtf8(JSON.stringify(json))
  const size = prefixBytes + text.length + bytes.length
  if (size > caps.frameBytesMax)
    throw new MalformedError('frame', 0, `${size} bytes, at most ${caps.frameBytesMax} are sent`)
  const prefix = new Uint8Array(prefixBytes)
  const view = new DataView(prefix.buffer)
  view.setUint32(0, size - 4)
  view.setUint32(4, text.length)
  return concatBytes(prefix, text, bytes)
}

/** A parser of one stream of frames, whose memory `frameBytesMax` bounds. Spec: docs/protocol.md section 10. */
export function createFrameParser(caps: FrameLimits): FrameParser {
  // Either a prefix or, once its length is known, the whole frame: allocated once, within the cap.
  let buffer = new Uint8Array(prefixBytes)
  let held = 0
  let broken = false

  function push(chunk: Uint8Array): readonly Frame[] {
    if (broken) throw new MalformedError('frame', 0, 'the stream broke at an earlier frame')
    const frames: Frame[] = []
    let rest = chunk
    broken = true // Until this chunk is read without an error.
    while (rest.length > 0) {
      const taken = rest.subarray(0, buffer.length - held)
      buffer.set(taken, held)
      held += taken.length
      rest = rest.subarray(taken.length)
      if (held < buffer.length) break
      const size = frameSize(buffer, caps)
      if (held < size) {
        const whole = new Uint8Array(size)
        whole.set(buffer)
        buffer = whole
      } else {
        frames.push(readFrame(buffer))
        buffer = new Uint8Array(prefixBytes)
        held = 0
      }
    }
    broken = false
    return frames
  }

  function end(): void {
    if (held > 0) throw new MalformedError('frame', held, `the stream ends inside a frame`)
  }

  return { push, end }
}

function frameSize(bytes: Bytes, caps: FrameLimits): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const size = view.getUint32(0) + 4
  if (size < prefixBytes || size > caps.frameBytesMax)
    throw new MalformedError(
      'frame length',
      0,
      `${size} bytes, ${prefixBytes} to ${caps.frameBytesMax} are read`,
    )
  const jsonBytes = view.getUint32(4)
  if (jsonBytes > size - prefixBytes)
    throw new MalformedError('JSON length', 4, `${jsonBytes} bytes in a frame of ${size}`)
  return size
}

function readFrame(whole: Bytes): Frame {
  const jsonEnd = prefixBytes + new DataView(whole.buffer, whole.byteOffset).getUint32(4)
  const text = parseUtf8(whole.subarray(prefixBytes, jsonEnd), 'frame JSON')
  const json = parseJson(text, 'frame JSON', {
    charactersMax: text.length,
    depthMax: limits.jsonDepthMax,
  })
  return { json, bytes: whole.subarray(jsonEnd) }
}
