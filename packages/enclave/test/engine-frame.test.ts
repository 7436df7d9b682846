import { MalformedError } from '@cloister/codec'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeFrame, FrameDecoder } from '../src/engine/frame.ts'

const frame = (json: Parameters<typeof encodeFrame>[0], ...payload: Uint8Array[]) =>
  Buffer.concat(encodeFrame(json, ...payload))

test('a frame is two big-endian lengths, JSON and payload', () => {
  const bytes = frame({ a: 1 }, Uint8Array.of(9, 8), Uint8Array.of(7))
  const json = Buffer.from('{"a":1}')
  expect(bytes.equals(Buffer.from([0, 0, 0, 14, 0, 0, 0, 7, ...json, 9, 8, 7]))).toBe(true)
})

test('frames come out as they went in, however a pipe cuts them', () => {
  const pieces = fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 40 })
  const frames = fc.array(fc.tuple(fc.string(), fc.uint8Array({ maxLength: 30 })), { maxLength: 5 })
  fc.assert(
    fc.property(frames, pieces, (sent, cuts) => {
      const bytes = Buffer.concat(sent.map(([text, payload]) => frame({ text }, payload)))
      const decoder = new FrameDecoder(100)
      const got: unknown[] = []
      for (let at = 0, n = 0; at < bytes.length; n++) {
        const size = 1 + cuts[n % cuts.length]!
        for (const { json, payload } of decoder.push(bytes.subarray(at, at + size)))
          got.push([json, Buffer.from(payload).toString('hex')])
        at += size
      }
      expect(decoder.pending).toBe(false)
      expect(got).toEqual(
        sent.map(([text, payload]) => [{ text }, Buffer.from(payload).toString('hex')]),
      )
    }),
  )
})

test.for([
  ['a JSON length past the limit', [0xff, 0xff, 0xff, 0xff, 0, 0x10, 0, 1], 'frame JSON length'],
  ['a total shorter than its JSON', [0, 0, 0, 5, 0, 0, 0, 2], 'frame length'],
  ['a payload past the limit', [0, 0, 0, 107, 0, 0, 0, 2], 'frame length'],
  ['JSON that is none', [0, 0, 0, 6, 0, 0, 0, 2, 0x7b, 0x7b], 'frame JSON'],
] as const)('%s is refused before its bytes arrive', ([, bytes, field]) => {
  try {
    new FrameDecoder(100).push(Uint8Array.from(bytes))
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    expect(error.field).toBe(field)
    return
  }
  expect.unreachable()
})
