import { assert, MalformedError } from '@cloister/codec'
import { Tape } from './autodiff/tape.ts'
import { sizeOf, type Tensor } from './autodiff/tensor.ts'
import type { BatchSource } from './batch-source.ts'
import { readWindow } from './data-window.ts'
import type { Parameter } from './model.ts'
import type { Network } from './network.ts'
import type { Normalisation } from './normalisation.ts'
import { elementNumber, OnnxGraph } from './onnx-graph.ts'
import type { Runtime, TensorData } from './runtime.ts'

/** How well a model does on rows. */
export type Evaluation = {
  /** Mean loss, without penalties. */
  readonly loss: number
  /** Share of the labels that it gets right; absent where targets are numbers. */
  readonly accuracy: number | undefined
}

/**
 * Runs a network over all rows of a source, a batch at a time.
 *
 * @throws {MalformedError} naming the row where the data does not fit.
 */
export async function evaluate(
  network: Network,
  given: {
    readonly parameters: readonly Parameter[]
    readonly normalisation: Normalisation | undefined
    readonly source: BatchSource
    readonly runtime: Runtime
  },
): Promise<Evaluation> {
  const { parameters, normalisation, source, runtime } = given
  if (source.rows < 1) throw new MalformedError('data', 0, 'no rows')
  const batch = batchOf(network, source)
  const values = parameters.map(({ name, shape, values: own }): readonly [string, TensorData] => [
    `in.${name}`,
    { type: 'float32', shape, values: own },
  ])
  const session = await runtime.load(evaluationGraph(network, batch))
  const sums = { loss: 0, right: 0 }
  for (let block = 0; block * batch < source.rows; block++) {
    const cut = { blockRows: batch, blocks: 0, blocksPerWindow: 1 }
    const window = await readWindow(source, { cut, blocks: [block], network, normalisation })
    const rows = Math.min(batch, source.rows - block * batch)
    const weights = Float32Array.from({ length: batch }, (_, row) => (row < rows ? 1 : 0))
    const outputs = await session.run({
      ...Object.fromEntries(values),
      x: padded(window.x, batch),
      y: padded(window.y, batch),
      weights: { type: 'float32', shape: [batch], values: weights },
    })
    sums.loss += Number(outputs['loss']?.values[0])
    sums.right += Number(outputs['right']?.values[0] ?? 0)
  }
  await session.release()
  const accuracy = network.classes === undefined ? undefined : sums.right / source.rows
  return { loss: sums.loss / source.rows, accuracy }
}

const numbersPerBatch = 4_194_304

/** As many rows as make little work of one call, and not more than there are. */
function batchOf(network: Network, source: BatchSource): number {
  const positions = sizeOf(network.y.shape) * (network.classes ?? 1)
  const numbers = Math.max(source.width, positions, 1)
  return Math.max(1, Math.min(256, source.rows, Math.floor(numbersPerBatch / numbers)))
}

function evaluationGraph(network: Network, batch: number): Uint8Array<ArrayBuffer> {
  const graph = new OnnxGraph()
  const tape = new Tape(graph)
  const e = tape.emitter
  const input = (name: string, element: 'float32' | 'int64', shape: readonly number[]): Tensor => {
    graph.input(name, element, shape)
    return { name, shape }
  }
  const tensors = new Map(
    [...network.parameters, ...network.averages].map(({ name, shape }) => [
      name,
      input(`in.${name}`, 'float32', shape),
    ]),
  )
  const x = input('x', network.x.element, [batch, ...network.x.shape])
  const y = input('y', network.y.element, [batch, ...network.y.shape])
  const weights = input('weights', 'float32', [batch])
  const output = network.forward(
    {
      tape,
      training: false,
      value: (name) => {
        const tensor = tensors.get(name)
        assert(tensor !== undefined, `${name} is a parameter`)
        return tensor
      },
      mask: () => weights,
      average: () => {},
      layer: () => {},
    },
    x,
  )
  if (network.loss === 'mean-squared-error') {
    graph.output('loss', 'float32', tape.apply('MeanSquaredError', [output, y, weights]))
    return graph.finish('evaluation')
  }
  const positions = sizeOf(network.y.shape)
  const flat = e.reshape(y, [batch * positions])
  const share = e.binary('Mul', e.reshape(weights, [batch, 1]), e.scalar(1 / positions))
  const each = e.reshape(e.expand(share, [batch, positions]), [batch * positions])
  graph.output('loss', 'float32', tape.apply('CrossEntropy', [output, flat, each]))
  const likeliest = e.op('ArgMax', [output], flat.shape, {
    axis: { integer: -1 },
    keepdims: { integer: 0 },
  })
  const equal = e.op('Equal', [likeliest, flat], flat.shape)
  const right = e.op('Cast', [equal], flat.shape, { to: { integer: elementNumber('float32') } })
  graph.output('right', 'float32', e.sum(e.binary('Mul', right, each), [0], false))
  return graph.finish('evaluation')
}

/** Rows of zeros after the last one, up to a whole batch. */
function padded(data: TensorData, batch: number): TensorData {
  const [rows = 0, ...rest] = data.shape
  if (rows === batch) return data
  const size = rest.reduce((product, length) => product * length, batch)
  if (data.type === 'float32') {
    const values = new Float32Array(size)
    values.set(data.values)
    return { type: 'float32', shape: [batch, ...rest], values }
  }
  const values = new BigInt64Array(size)
  values.set(data.values)
  return { type: 'int64', shape: [batch, ...rest], values }
}
