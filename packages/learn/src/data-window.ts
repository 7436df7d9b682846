import { MalformedError } from '@cloister/codec'
import type { BatchSource, Rows } from './batch-source.ts'
import type { Network } from './network.ts'
import { normalise, type Normalisation } from './normalisation.ts'
import { randomNumbers, shuffle } from './random.ts'
import type { TensorData } from './runtime.ts'

/** Bytes of rows that are in memory at once, and of neighbours that are read together. */
export const windowLimits = { windowBytes: 67_108_864, blockBytes: 1_048_576 } as const

/** Rows in memory, ready for a training graph. */
export type DataWindow = {
  readonly rows: number
  readonly x: TensorData
  readonly y: TensorData
}

/** How a source is cut: blocks of neighbours, and windows of several blocks. */
export type Cut = {
  readonly blockRows: number
  readonly blocks: number
  readonly blocksPerWindow: number
}

/**
 * How `source` is cut. What fits into one window is one block, and its rows are shuffled all together. Where it does not,
 * blocks are shuffled, and then the rows of those blocks that share a window.
 */
export function cutOf(
  source: BatchSource,
  batch: number,
  limits: { readonly windowBytes: number; readonly blockBytes: number } = windowLimits,
): Cut {
  const rowBytes = (source.width + source.targets) * 8
  const fitting = Math.max(batch, Math.floor(limits.windowBytes / rowBytes))
  if (source.rows <= fitting) return { blockRows: source.rows, blocks: 1, blocksPerWindow: 1 }
  // Whole batches in every block: only the last window of an epoch ends in a smaller one.
  const wanted = Math.max(1, Math.floor(limits.blockBytes / rowBytes / batch)) * batch
  const blockRows = Math.min(wanted, source.rows)
  const blocksPerWindow = Math.max(1, Math.floor(fitting / blockRows))
  return { blockRows, blocks: Math.ceil(source.rows / blockRows), blocksPerWindow }
}

/** The blocks of each window of one epoch, in the order in which they are read. */
export function windowsOf(cut: Cut, random: () => number): readonly (readonly number[])[] {
  const order = Uint32Array.from({ length: cut.blocks }, (_, block) => block)
  shuffle(order, random)
  const windows: number[][] = []
  for (let start = 0; start < cut.blocks; start += cut.blocksPerWindow)
    windows.push([...order.subarray(start, start + cut.blocksPerWindow)])
  return windows
}

/** A stream of numbers for one epoch (the first is 1): where shuffling of rows and blocks comes from. */
export function epochRandom(seed: number, epoch: number): () => number {
  return randomNumbers(seed, 0x1000_0000 + epoch)
}

/** How many rows `blocks` hold. */
export function rowsIn(source: BatchSource, cut: Cut, blocks: readonly number[]): number {
  return blocks.reduce((sum, block) => sum + blockLength(source, cut, block), 0)
}

/**
 * Reads blocks and makes them ready.
 *
 * @throws {MalformedError} naming the row where a number is not finite or a label is none of the classes.
 */
export async function readWindow(
  source: BatchSource,
  given: {
    readonly cut: Cut
    readonly blocks: readonly number[]
    readonly network: Network
    readonly normalisation: Normalisation | undefined
  },
): Promise<DataWindow> {
  const { cut, blocks, network, normalisation } = given
  const rows = rowsIn(source, cut, blocks)
  const float = network.x.element === 'float32'
  const x = float ? new Float32Array(rows * source.width) : new BigInt64Array(rows * source.width)
  const whole = network.y.element === 'int64'
  const y = whole
    ? new BigInt64Array(rows * source.targets)
    : new Float32Array(rows * source.targets)
  let row = 0
  for (const block of blocks) {
    const count = blockLength(source, cut, block)
    const start = block * cut.blockRows
    const read = await source.read(start, count)
    if (read.x.length !== count * source.width || read.y.length !== count * source.targets)
      throw new MalformedError('data', 0, `rows ${start} to ${start + count} came incomplete`)
    place(x, row * source.width, normalisation ? normalise(read.x, normalisation) : read.x)
    place(y, row * source.targets, read.y)
    check(read, { source, network, start })
    row += count
  }
  return {
    rows,
    x: tensor([rows, ...network.x.shape], x),
    y: tensor([rows, ...network.y.shape], y),
  }
}

function blockLength(source: BatchSource, cut: Cut, block: number): number {
  return Math.min(cut.blockRows, source.rows - block * cut.blockRows)
}

function tensor(shape: readonly number[], values: Float32Array | BigInt64Array): TensorData {
  return values instanceof Float32Array
    ? { type: 'float32', shape, values }
    : { type: 'int64', shape, values }
}

function place(target: Float32Array | BigInt64Array, start: number, values: Rows['x']): void {
  if (target instanceof Float32Array) {
    target.set(values, start)
    return
  }
  const words = new Int32Array(target.buffer)
  for (let index = 0; index < values.length; index++) {
    const value = values[index] ?? 0
    words[2 * (start + index)] = value
    words[2 * (start + index) + 1] = value < 0 ? -1 : 0
  }
}

/** What is wrong with a row has to be said before a graph sees it: there it would be an index past the end. */
function check(
  { x, y }: Rows,
  given: { readonly source: BatchSource; readonly network: Network; readonly start: number },
): void {
  const { source, network, start } = given
  const tokens = network.x.element === 'int64' ? network.classes : undefined
  for (let index = 0; index < x.length; index++) {
    const value = x[index] ?? 0
    const bad = tokens === undefined ? !(Math.abs(value) <= 3e38) : !isClass(value, tokens)
    if (bad)
      throw new MalformedError(
        `data row ${start + Math.floor(index / source.width)}`,
        0,
        tokens === undefined
          ? 'holds a value that is no finite number'
          : `expected tokens below ${tokens}`,
      )
  }
  for (let index = 0; index < y.length; index++) {
    const value = y[index] ?? 0
    const bad =
      network.classes === undefined ? !(Math.abs(value) <= 3e38) : !isClass(value, network.classes)
    if (bad)
      throw new MalformedError(
        `data row ${start + Math.floor(index / source.targets)}`,
        0,
        network.classes === undefined
          ? 'the target is no finite number'
          : `the label is none of the ${network.classes} classes`,
      )
  }
}

function isClass(value: number, classes: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < classes
}
