import { MalformedError } from '@cloister/codec'
import type { AppOutputFormat } from '@cloister/learn'
import { expect, test } from 'vitest'

import { checkOutput } from '../../src/outputs/check-output.ts'
import { handOutBits, handOutMilliseconds } from '../../src/outputs/hand-out-time.ts'
import { applyOutputPolicy, metricBits } from '../../src/outputs/output-policy.ts'
import { manifestOf } from '../engine-process.ts'

const bytesOf = (given: string | readonly number[]) =>
  Uint8Array.from(typeof given === 'string' ? Buffer.from(given) : given)

// Protobuf by hand: a field's number and wire type, then its value.
const number = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...number(Math.floor(value / 128))]) // prettier-ignore
const varint = (field: number, value: number) => [...number(field << 3), ...number(value)]
const held = (field: number, bytes: readonly number[]) => [...number((field << 3) | 2), ...number(bytes.length), ...bytes] // prettier-ignore
const words = (text: string) => [...Buffer.from(text)]
const model = (graph: readonly number[], ...more: readonly number[][]) => [
  ...varint(1, 8),
  ...held(8, varint(2, 17)),
  ...held(7, graph),
  ...more.flat(),
]
const tensor = (...more: readonly number[][]) => [...varint(1, 2), ...varint(2, 1), ...more.flat()]
const ifInside = (depth: number): number[] =>
  depth === 0 ? [] : held(1, [...held(4, words('If')), ...held(5, [...held(1, words('then_branch')), ...held(6, ifInside(depth - 1))])]) // prettier-ignore

const safetensors = (header: unknown, data = 8) => {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return [...length, ...text, ...new Uint8Array(data)]
}
const two = { dtype: 'F32', shape: [2], data_offsets: [0, 8] }

test.for<[AppOutputFormat, string, string | readonly number[]]>([
  ['bytes', 'anything', [0, 255, 7]],
  ['text', 'words in any language', 'Grüße\tund\r\nmehr\n'],
  ['json', 'an object', '{"a":[1,2,{"b":null}]}'],
  ['csv', 'rows of equal length', 'a,b\n1,2\n"x, ""y""\nz",3\n'],
  ['csv', 'no line end at the end', 'a,b\n1,2'],
  ['onnx', 'a graph with a constant', model(held(5, tensor(held(9, [0, 0, 0, 0, 0, 0, 0, 0]))))],
  ['onnx', 'a branch in a branch', model(ifInside(2))],
  ['safetensors', 'one tensor', safetensors({ w: two, __metadata__: { a: 'b' } })],
  ['safetensors', 'an empty tensor beside it', safetensors({ w: two, e: { dtype: 'I64', shape: [0, 3], data_offsets: [8, 8] } })],
])('%s: %s passes', ([format, , given]) => {
  checkOutput('o', format, bytesOf(given))
}) // prettier-ignore

test.for<[AppOutputFormat, string, string | readonly number[]]>([
  ['text', 'bytes that are no UTF-8', [0xc3, 0x28]],
  ['text', 'a zero byte', 'a\0b'],
  ['text', 'an escape to a terminal', '\u001b[31m'],
  ['json', 'a word', 'hello'],
  ['json', 'two values', '1 2'],
  ['json', 'what is nested deep', '['.repeat(40) + ']'.repeat(40)],
  ['json', 'what is nested without end', '['.repeat(1_000_000)],
  ['csv', 'a row that is shorter', 'a,b\n1\n'],
  ['csv', 'a row that is longer', 'a,b\n1,2,3\n'],
  ['csv', 'a quote without end', 'a,b\n"1,2\n'],
  ['csv', 'columns without end', ','.repeat(100_000)],
  ['onnx', 'nothing', ''],
  ['onnx', 'text', 'hello'],
  ['onnx', 'branches in branches in branches', model(ifInside(4))],
  ['onnx', 'branches 5,000 deep', model(ifInside(5000))],
  ['onnx', 'data outside of the file', model(held(5, tensor(held(13, held(1, words('location'))), varint(14, 1))))],
  ['onnx', 'a place outside of the file', model(held(5, tensor(held(9, [0, 0, 0, 0, 0, 0, 0, 0]), varint(14, 1))))],
  ['onnx', 'a sparse constant', model(held(15, [0]))],
  ['onnx', 'a function', model([], held(25, held(1, words('f'))))],
  ['onnx', 'a shape that lies', model(held(5, [...varint(1, 2 ** 40), ...varint(2, 1), ...held(9, [0, 0, 0, 0])]))],
  ['onnx', 'a shape without its data', model(held(5, [...varint(1, 2 ** 40), ...varint(2, 1)]))],
  ['safetensors', 'nothing', ''],
  ['safetensors', 'a header longer than the file', [255, 255, 255, 255, 255, 255, 255, 127, 0x7b]],
  ['safetensors', 'a header that is a list', safetensors([])],
  ['safetensors', 'a gap', safetensors({ w: { ...two, data_offsets: [8, 16] } }, 16)],
  ['safetensors', 'an overlap', safetensors({ w: two, v: { ...two, data_offsets: [4, 12] } }, 12)],
  ['safetensors', 'bytes that no tensor has', safetensors({ w: two }, 9)],
  ['safetensors', 'a shape that lies', safetensors({ w: { ...two, shape: [2 ** 30, 2 ** 30, 2 ** 30] } })],
  ['safetensors', 'a place behind the file', safetensors({ w: { ...two, shape: [2 ** 40], data_offsets: [0, 2 ** 42] } })],
  ['safetensors', 'an element type without a name', safetensors({ w: { ...two, dtype: 'F31' } })],
  ['safetensors', 'a tensor with more to say', safetensors({ w: { ...two, note: 'x' } })],
])('%s: %s is refused', ([format, , given]) => {
  const began = performance.now()
  expect(() => checkOutput('o', format, bytesOf(given))).toThrow(MalformedError)
  expect(performance.now() - began).toBeLessThan(500)
}) // prettier-ignore

const manifest = manifestOf('tabular-train')
const outputs = [{ name: 'model.onnx', bytes: bytesOf(model([])) }]
const metrics = { loss: 0.123456789, accuracy: 1 }

test('what was declared passes, with rounded metrics and nothing beside', () => {
  const more = [...outputs, { name: 'more', bytes: bytesOf('x') }]
  const given = { outputs: more, metrics: { ...metrics, secret: 7 } }
  expect(applyOutputPolicy(manifest, given)).toEqual({
    outputs,
    metrics: { loss: 0.1235, accuracy: 1 },
  })
})

test.for([
  ['no output', { outputs: [], metrics }],
  ['an output twice', { outputs: [...outputs, ...outputs], metrics }],
  ['an output past its size', { outputs: [{ name: 'model.onnx', bytes: new Uint8Array(134217729) }], metrics }],
  ['an output of another format', { outputs: [{ name: 'model.onnx', bytes: bytesOf('{}') }], metrics }],
  ['a metric too few', { outputs, metrics: { loss: 1 } }],
  ['a metric that is no number', { outputs, metrics: { ...metrics, loss: Number.NaN } }],
  ['a metric past all bounds', { outputs, metrics: { ...metrics, loss: 1e7 } }],
] as const)('%s is refused', ([, given]) => {
  expect(() => applyOutputPolicy(manifest, { ...given })).toThrow()
}) // prettier-ignore

test('an outcome is told at one of a few times, a twentieth late at most', () => {
  expect(handOutMilliseconds(1)).toBe(500)
  const told = new Set<number>()
  for (let ran = 501; ran < 600_000; ran += 7) {
    const at = handOutMilliseconds(ran)
    expect(at).toBeGreaterThanOrEqual(ran - 1e-6)
    expect(at).toBeLessThan(ran * 1.0501)
    told.add(at)
  }
  expect(told.size).toBeLessThanOrEqual(146) // ln(600 / 0.5) / ln(1.05), rounded up.
  expect(handOutBits(600)).toBeCloseTo(Math.log2(147), 1)
  expect(metricBits(manifest)).toBeCloseTo(2 * Math.log2(2e10), 3)
})
