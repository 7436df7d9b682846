import { MalformedError } from '@cloister/codec'
import type { AppOutputFormat } from '@cloister/learn'
import { expect, test } from 'vitest'

import { canonicalOutput } from '../../src/outputs/canonical-output.ts'
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
const quiet = [0, 0, 0xc0, 0x7f]
const noisy = [0x37, 0x13, 0xa0, 0xff]
const valueInfo = (name: string) => held(1, words(name))
const nodeOf = (operator: string, from: string, to: string, ...more: readonly number[][]) =>
  held(1, [
    ...held(1, words(from)),
    ...held(2, words(to)),
    ...more.flat(),
    ...held(4, words(operator)),
  ])
const named = (name: string, numbers: readonly number[]) =>
  held(5, [...varint(1, 2), ...varint(2, 1), ...held(8, words(name)), ...held(9, numbers)])
const plainNodes = [...nodeOf('Relu', 'x', 't0'), ...nodeOf('Add', 't0', 'y')]
const ends = [...held(11, valueInfo('x')), ...held(12, valueInfo('y'))]
const pad = (text: string, to: number) => text + ' '.repeat(to - text.length)
const wide = '"w":{"data_offsets":[0,8],"dtype":"F32","shape":[2]}'
const narrow = '"b":{"data_offsets":[8,9],"dtype":"BOOL","shape":[1]}'
const laidOut = (header: string, data: readonly number[]) => {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  return [...length, ...Buffer.from(header), ...data]
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
  canonicalOutput('o', format, bytesOf(given))
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
  ['onnx', 'more data than the shape says, in a list', model(held(5, tensor(held(4, Array.from({ length: 12 }, () => 0)))))],
  ['onnx', 'data twice', model(held(5, tensor(held(9, [0, 0, 0, 0, 0, 0, 0, 0]), held(4, [0, 0, 0, 0, 0, 0, 0, 0]))))],
  ['onnx', 'an attribute of two values', model(held(1, held(5, [...held(1, words('a')), ...varint(3, 1), ...held(4, words('b'))])))],
  ['onnx', 'a type with a field that nobody knows', model([...nodeOf('Relu', 'x', 'y'), ...held(11, [...held(1, words('x')), ...held(2, held(99, words('secret')))])])],
  ['csv', 'a quote inside of a cell', 'a,b"c\n'],
  ['csv', 'a cell behind its quote', 'a,"b"c\n'],
  ['text', 'a carriage return that ends no line', 'a\rb'],
  ['text', 'marks without end', '\u0301\u0316'.repeat(200_000)],
  ['json', 'blanks without end', ' '.repeat(400_000)],
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
  expect(() => canonicalOutput('o', format, bytesOf(given))).toThrow(MalformedError)
  expect(performance.now() - began).toBeLessThan(500)
}) // prettier-ignore

const manifest = manifestOf('tabular-train')
const plainModel = [...varint(1, 8), ...held(7, held(2, words('graph'))), ...held(8, varint(2, 17))]
const outputs = [{ name: 'model.onnx', bytes: bytesOf(plainModel) }]
const metrics = { loss: 0.123456789, accuracy: 1 }

test('what was declared passes, with rounded metrics and nothing beside', () => {
  const copies = outputs.map(({ name, bytes }) => ({ name, bytes: bytes.slice() }))
  const more = [...copies, { name: 'more', bytes: bytesOf('x') }]
  const given = { outputs: more, metrics: { ...metrics, secret: 7 } }
  expect(applyOutputPolicy(manifest, given)).toEqual({
    outputs,
    metrics: { loss: 0.1235, accuracy: 1 },
  })
})

// What no reader looks at is gone, and what it looks at is there.
test.for<[AppOutputFormat, string, string | readonly number[], string | readonly number[]]>([
  ['bytes', 'nothing', 'a \r\n', 'a \r\n'],
  ['json', 'blanks, order, repeated keys, spellings', ' {"b":1.0e1,\n"a":"\\u0041\\/","b":10.00}\t', '{"a":"A/","b":10}'],
  ['json', 'zeros of two signs and digits past a double', '[-0,0.10000000000000000001]', '[0,0.1]'],
  ['csv', 'line ends and quotes that are not needed', '"a",b\r\n1,"2,3"', 'a,b\n1,"2,3"\n'],
  ['csv', 'an empty cell at the end', 'a,b\n1,', 'a,b\n1,\n'],
  ['csv', 'what is not seen', 'a\u200bb,c\n', 'ab,c\n'],
  ['text', 'blanks at line ends and line ends of two kinds', 'a \t\r\nb  ', 'a\nb'],
  ['text', 'joiners, marks of direction, tags, selectors', 'a\u200d\u202eb\u{e0041}\ufe0fc\u00ad', 'abc'],
  ['text', 'letters in parts', 'u\u0308', 'ü'],
  ['safetensors', 'metadata, order, blanks, NaNs, yes of many kinds',
    laidOut(pad('{"__metadata__":{"a":"secret"},"b":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}, "w":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}', 200), [9, ...noisy, 0, 0, 0, 0]),
    laidOut(pad(`{${narrow},${wide}}`, 112), [...quiet, 0, 0, 0, 0, 1])],
  ['onnx', 'producer, doc strings, names of operators and of what lies between, metadata of others',
    model([...nodeOf('Relu', 'x', 'hidden', held(3, words('secret')), held(6, words('secret'))), ...nodeOf('Add', 'hidden', 'y'), ...held(2, words('secret')), ...ends, ...held(10, words('secret')), ...held(13, valueInfo('hidden'))],
      held(2, words('secret')), varint(5, 7), held(6, words('secret')), held(14, [...held(1, words('k')), ...held(2, words('secret'))])),
    [...varint(1, 8), ...held(7, [...plainNodes, ...held(2, words('graph')), ...ends]), ...held(8, varint(2, 17))]],
  ['onnx', 'constants and operators that nothing needs, and NaNs of many kinds',
    model([...nodeOf('Add', 'c', 'y'), ...nodeOf('Relu', 'c', 'dead'), ...named('unused', [1, 2, 3, 4, 5, 6, 7, 8]), ...named('c', [...noisy, 0, 0, 0, 0]), ...ends]),
    [...varint(1, 8), ...held(7, [...nodeOf('Add', 'c', 'y'), ...held(2, words('graph')), ...named('c', [...quiet, 0, 0, 0, 0]), ...ends]), ...held(8, varint(2, 17))]],
])('%s: %s are spelled in one way', ([format, , given, wanted]) => {
  const left = canonicalOutput('o', format, bytesOf(given))
  expect(Buffer.from(left).toString('latin1')).toBe(Buffer.from(bytesOf(wanted)).toString('latin1'))
  expect(canonicalOutput('o', format, left.slice())).toEqual(left)
}) // prettier-ignore

test('an output that needs more room in the one spelling is held to its size', () => {
  const small = { ...manifest, outputs: [{ name: 'a.json', bytesMax: 6, format: 'json' as const }], metrics: [] }
  const given = (text: string) => ({ outputs: [{ name: 'a.json', bytes: bytesOf(text) }], metrics: {} })
  expect(applyOutputPolicy(small, given('[1e3]')).outputs[0]?.bytes).toEqual(bytesOf('[1000]'))
  expect(() => applyOutputPolicy(small, given('[1e4]'))).toThrow('too large')
}) // prettier-ignore

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
