import { inferenceGraph, initialParameters, noNormalisation, scanModel } from '@cloister/learn'
import { expect, test } from 'vitest'
import { onnxRuntime } from '../src/engine/onnx-runtime.ts'

const model = {
  kind: 'mlp',
  features: 4,
  classes: ['no', 'yes'],
  hidden: [3],
  activation: 'tanh',
} as const
const good = inferenceGraph(model, initialParameters(model, 1), noNormalisation(4))

/** Numbers below `max` that are the same on every run. */
function numbersFrom(seed: number): (max: number) => number {
  let state = seed
  return (max) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * max)
  }
}

const operators = [
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Neg',
  'MatMul',
  'Gemm',
  'Tanh',
  'Relu',
  'Softmax',
  'Elu',
  'Clip',
]

/** Changes a few bytes, or swaps the name of an operator for another of the same length. */
function forge(seed: number): Uint8Array<ArrayBuffer> {
  const pick = numbersFrom(seed)
  const forged = good.slice()
  if (seed % 2 === 0) {
    for (let n = 1 + pick(3); n > 0; n--) forged[pick(forged.length)] = pick(256)
    return forged
  }
  const text = Buffer.from(forged).toString('latin1')
  const from = operators[pick(operators.length)]!
  const others = operators.filter((name) => name.length === from.length)
  const changed = text.replaceAll(from, others[pick(others.length)]!)
  const bytes = Uint8Array.from(Buffer.from(changed, 'latin1'))
  if (seed % 4 === 1) bytes[pick(bytes.length)] = pick(256)
  return bytes
}

test('600 forged models: each is refused or gives numbers, none takes five seconds', async () => {
  const runtime = await onnxRuntime()
  const ends = { scan: 0, runtime: 0, ran: 0 }
  for (let seed = 1; seed <= 600; seed++) {
    const start = performance.now()
    const bytes = forge(seed)
    ends[await outcome(bytes, runtime)]++
    expect(performance.now() - start).toBeLessThan(5000)
  }
  expect(ends.scan + ends.runtime + ends.ran).toBe(600)
  for (const count of Object.values(ends)) expect(count).toBeGreaterThan(10)
})

async function outcome(
  bytes: Uint8Array<ArrayBuffer>,
  runtime: Awaited<ReturnType<typeof onnxRuntime>>,
): Promise<'scan' | 'runtime' | 'ran'> {
  try {
    scanModel(bytes)
  } catch {
    return 'scan'
  }
  try {
    const session = await runtime.load(bytes)
    const x = { type: 'float32', shape: [2, 4], values: new Float32Array(8) } as const
    await session.run({ x })
    await session.release()
    return 'ran'
  } catch {
    return 'runtime'
  }
}
