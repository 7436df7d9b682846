import { createFrameParser, encodeFrame } from '@cloister/protocol'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

const caps = { frameBytesMax: 1000 }

test('a frame is a length, a JSON length, JSON and bytes', () => {
  const bytes = [0, 0, 0, 13, 0, 0, 0, 7, ...new TextEncoder().encode('{"a":1}'), 0xfe, 0xff]
  expect([...encodeFrame({ a: 1 }, Uint8Array.of(0xfe, 0xff))]).toEqual(bytes)
  expect(createFrameParser(caps).push(Uint8Array.from(bytes))).toEqual([
    { json: { a: 1 }, bytes: Uint8Array.of(0xfe, 0xff) },
  ])
})

test('frames survive however the stream is cut', () => {
  const frame = fc.record({
    json: fc.dictionary(fc.string({ maxLength: 5 }), fc.integer(), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
    bytes: fc.uint8Array({ maxLength: 100 }),
  })
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 5 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
      (frames, cuts) => {
        const stream = frames.flatMap(({ json, bytes }) => [...encodeFrame(json, bytes)])
        const parser = createFrameParser(caps)
        const read = []
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = cuts[turn % cuts.length]!
          const chunk = Uint8Array.from(stream.slice(at, at + size))
          read.push(...parser.push(chunk))
          chunk.fill(0xaa) // What the parser keeps is its own.
          at += size
        }
        parser.end()
        expect(read.map(({ json, bytes }) => ({ json, bytes: [...bytes] }))).toEqual(
          frames.map(({ json, bytes }) => ({ json, bytes: [...bytes] })),
        )
      },
    ),
  )
})

test('a length past the cap is refused before anything of it arrives', () => {
  const prefix = Uint8Array.of(0, 0, 3, 0xe5, 0, 0, 0, 1) // 997 and its own 4: one too many.
  expect(() => createFrameParser(caps).push(prefix)).toThrow('1001 bytes, 8 to 1000 are read')
  expect(createFrameParser(caps).push(Uint8Array.of(0, 0, 3, 0xe4, 0, 0, 0, 1))).toEqual([])
})

test.for([
  ['a JSON length past the frame', [0, 0, 0, 5, 0, 0, 0, 2, 49], 'JSON length'],
  ['a length below its own prefix', [0, 0, 0, 3, 0, 0, 0, 0], 'frame length'],
  ['what is not JSON', [0, 0, 0, 5, 0, 0, 0, 1, 0x7b], 'frame JSON'],
  ['what is not UTF-8', [0, 0, 0, 5, 0, 0, 0, 1, 0xff], 'frame JSON'],
] as const)('%s is refused, and the stream stays broken', ([, bytes, field]) => {
  const parser = createFrameParser(caps)
  expect(() => parser.push(Uint8Array.from(bytes))).toThrow(expect.objectContaining({ field }))
  expect(() => parser.push(encodeFrame(1))).toThrow('broke at an earlier frame')
})

test('a stream that ends inside a frame is noticed', () => {
  const parser = createFrameParser(caps)
  parser.push(encodeFrame(1).subarray(0, 5))
  expect(() => parser.end()).toThrow('ends inside a frame')
})

test('a frame too large is not sent', () => {
  expect(() => encodeFrame(0, new Uint8Array(1000), caps)).toThrow('at most 1000 are sent')
})
