import { MalformedError, type Bytes } from '@cloister/codec'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { OnnxGraph } from '../src/onnx-graph.ts'
import {
  inferenceGraph,
  initialParameters,
  noNormalisation,
  readInitializers,
  scanModel,
} from '@cloister/learn'
import { ProtobufWriter } from '../src/protobuf-writer.ts'

const model = {
  kind: 'mlp',
  features: 3,
  classes: ['no', 'yes'],
  hidden: [4],
  activation: 'relu',
} as const

const good = inferenceGraph(model, initialParameters(model, 1), noNormalisation(3))

const message = () => new ProtobufWriter()
const value = (name: string, width: number) => {
  const shape = message()
    .message(1, message().text(2, 'rows'))
    .message(1, message().varint(1, width))
  const type = message().message(1, message().varint(1, 1).message(2, shape))
  return message().text(1, name).message(2, type)
}
const node = (type: string) => message().text(1, 'x').text(2, 'probabilities').text(4, type)

type Parts = {
  readonly graph?: (graph: ProtobufWriter) => unknown
  readonly model?: (model: ProtobufWriter) => unknown
  readonly node?: ProtobufWriter
  readonly opset?: number
  readonly classes?: string
}

/** A softmax of two columns, with something more in it. */
function crafted(parts: Parts): Bytes {
  const graph = message().message(1, parts.node ?? node('Softmax'))
  graph.message(11, value('x', 2)).message(12, value('probabilities', 2))
  parts.graph?.(graph)
  const whole = message().varint(1, 8).message(7, graph)
  whole.message(8, message().varint(2, parts.opset ?? 17))
  const classes = parts.classes ?? '["no","yes"]'
  whole.message(14, message().text(1, 'cloister.classes').text(2, classes))
  parts.model?.(whole)
  return whole.finish()
}

const tensor = () => message().varint(1, 2).varint(2, 1).text(8, 'w')
const numbers = new Uint8Array(8)
const subgraph = message().text(2, 'inner')

test('what learn writes passes', () => {
  expect(scanModel(good)).toEqual({ features: 3, classes: ['no', 'yes'], nodes: 9 })
})

test.for<[string, Parts]>([
  ['nothing', {}],
  ['a constant', { graph: (g) => g.message(5, tensor().bytes(9, numbers)) }],
  ['a constant in the float field', { graph: (g) => g.message(5, tensor().bytes(4, numbers)) }],
])('a crafted model with %s passes', ([, parts]) => {
  expect(scanModel(crafted(parts)).features).toBe(2)
})

test.for<[string, Parts, string]>([
  ['an operator that is not listed', { node: node('ConstantOfShape') }, 'node operator'],
  ['a loop', { node: node('Loop').message(5, message().text(1, 'body').message(6, subgraph).varint(20, 5)) }, 'node operator'],
  ['a graph in an attribute', { node: node('Relu').message(5, message().text(1, 'a').message(6, subgraph)) }, 'attribute'],
  ['a list of graphs in an attribute', { node: node('Relu').message(5, message().text(1, 'a').message(11, subgraph)) }, 'attribute'],
  ['a tensor in an attribute', { node: node('Relu').message(5, message().text(1, 'a').message(5, tensor())) }, 'attribute'],
  ['an operator of another domain', { node: node('Relu').text(7, 'com.microsoft') }, 'node domain'],
  ['external data', { graph: (g) => g.message(5, tensor().message(13, message().text(1, 'location').text(2, '/etc/passwd'))) }, 'initializer'],
  ['a data location', { graph: (g) => g.message(5, tensor().bytes(9, numbers).varint(14, 1)) }, 'initializer'],
  ['a sparse constant', { graph: (g) => g.message(15, message().message(1, tensor())) }, 'graph'],
  ['a constant with too few numbers', { graph: (g) => g.message(5, tensor().bytes(9, numbers.slice(4))) }, 'initializer'],
  ['a constant with a huge shape', { graph: (g) => g.message(5, message().varint(1, 2n ** 62n).varint(1, 2n ** 62n).varint(2, 1).bytes(9, numbers)) }, 'initializer'],
  ['a constant with its data twice', { graph: (g) => g.message(5, tensor().bytes(9, numbers).bytes(4, numbers)) }, 'initializer'],
  ['a constant without data', { graph: (g) => g.message(5, tensor()) }, 'initializer'],
  ['more classes than outputs', { classes: '["a","b","c"]' }, 'graph output'],
  ['classes that are no texts', { classes: '[1,2]' }, 'cloister.classes'],
  ['a constant of 64-bit numbers', { graph: (g) => g.message(5, message().varint(1, 1).varint(2, 7).bytes(9, numbers)) }, 'initializer'],
  ['a constant of texts', { graph: (g) => g.message(5, message().varint(1, 1).varint(2, 8).text(6, 'a')) }, 'initializer'],
  ['a second graph', { model: (m) => m.message(7, subgraph) }, 'model'],
  ['a function', { model: (m) => m.message(25, message().text(1, 'f')) }, 'model'],
  ['training info', { model: (m) => m.message(20, subgraph) }, 'model'],
  ['a second operator set', { model: (m) => m.message(8, message().text(1, 'ai.onnx.ml').varint(2, 3)) }, 'model'],
  ['an old operator set', { opset: 9 }, 'operator set'],
  ['a second input', { graph: (g) => g.message(11, value('z', 2)) }, 'graph'],
  ['classes named twice', { model: (m) => m.message(14, message().text(1, 'cloister.classes').text(2, '["a","b"]')) }, 'metadata'],
])('a crafted model with %s is refused', ([, parts, field]) => {
  try {
    scanModel(crafted(parts))
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    expect(error.field).toBe(field)
    return
  }
  expect.unreachable()
}) // prettier-ignore

function addNodes(graph: ProtobufWriter): void {
  for (let i = 0; i < 4096; i++) graph.message(1, node('Relu'))
}

test('a model with more nodes than the limit is refused', () => {
  expect(() => scanModel(crafted({ graph: addNodes }))).toThrow('more than 4096 nodes')
})

test.for<[string, Parts]>([
  ['a node with many inputs', { node: flood(message(), 1).text(4, 'Relu') }],
  ['a graph with many empty nodes', { graph: (g) => flood(g, 1) }],
  ['a constant with many dimensions', { graph: (g) => g.message(5, message().bytes(1, new Uint8Array(1_000_000)).varint(2, 1)) }],
])('%s is refused at once', ([, parts]) => {
  const bytes = crafted(parts)
  const start = performance.now()
  expect(() => scanModel(bytes)).toThrow('more than')
  expect(performance.now() - start).toBeLessThan(5000)
}) // prettier-ignore

/** A hundred thousand empty texts in one field. */
function flood(writer: ProtobufWriter, field: number): ProtobufWriter {
  for (let i = 0; i < 100_000; i++) writer.bytes(field, new Uint8Array())
  return writer
}

test('no part of a model passes for the whole', () => {
  for (let size = 0; size < good.length; size++)
    expect(() => scanModel(good.slice(0, size))).toThrow(MalformedError)
})

test('changed bytes pass or are malformed, and never anything else', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), {
        minLength: 1,
        maxLength: 4,
      }),
      (changes) => {
        const forged = good.slice()
        for (const [place, byte] of changes) forged[place] = byte
        try {
          scanModel(forged)
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedError)
        }
      },
    ),
    { numRuns: 3000 },
  )
})

test('every number of a model can be read back, and none of a model that does not pass', () => {
  const weights = tensor().bytes(9, new Uint8Array(Float32Array.of(0.5, -2).buffer))
  expect(readInitializers(crafted({ graph: (g) => g.message(5, weights) }))).toEqual([0.5, -2])
  const written = readInitializers(good)
  for (const { values } of initialParameters(model, 1))
    for (const weight of values) expect(written).toContain(Math.fround(weight))
  const external = tensor().bytes(9, numbers).text(13, 'elsewhere')
  expect(() => readInitializers(crafted({ graph: (g) => g.message(5, external) }))).toThrow(
    MalformedError,
  )
})

test.for([
  ['a convolution that makes a million numbers of each', 65_536, [0, 0, 0, 0], 'too many numbers'],
  ['padding without end', 2, [2 ** 40, 0, 0, 0], 'as wide as the window'],
  ['a network that is well behaved', 2, [0, 0, 0, 0], undefined],
] as const)('%s is judged by its shapes', ([, filters, pads, says]) => {
  const graph = new OnnxGraph()
  const x = graph.input('x', 'float32', ['rows', 4096])
  const image = graph.operator('Reshape', [x, graph.integers([0, 1, 64, 64])], [])
  const kernel = graph.floats(new Float32Array(filters), [filters, 1, 1, 1])
  const attributes = { pads: { integers: pads } }
  const means = graph.operator(
    'GlobalAveragePool',
    [graph.operator('Conv', [image, kernel], [], attributes)],
    [],
  )
  const { name } = graph.operator('Flatten', [means], [])
  graph.output('probabilities', 'float32', { name, shape: ['rows', 2] })
  const bytes = graph.finish('hostile', { 'cloister.classes': '["a","b"]' })
  if (says === undefined) expect(scanModel(bytes).features).toBe(4096)
  else expect(() => scanModel(bytes)).toThrow(says)
})
