import { MalformedError } from '@cloister/codec'
import type { Emitter } from './emitter.ts'
import { inputAt, integerOf, integersOf, single, type Attributes, type Rule } from './rule.ts'
import { sizeOf, type Shape, type Tensor } from './tensor.ts'
import { unreached, windowAttributes, windowOf, type Window } from './window.ts'

/** Of equal numbers in a window the first gets the gradient. */
const maxPool: Rule = (e, inputs, attributes) => {
  const a = inputAt('MaxPool', inputs, 0)
  const window = poolingWindow('MaxPool', a, attributes)
  if (integerOf('MaxPool', attributes, 'storage_order', 0) !== 0)
    throw new MalformedError('MaxPool.storage_order', 0, 'expected 0')
  const shape = [...a.shape.slice(0, 2), ...window.output]
  if (e.forwardOnly) return single(e.op('MaxPool', [a], shape, windowAttributes(window)), () => [])
  const outputs = e.ops('MaxPool', [a], [shape, shape], windowAttributes(window))
  const places = inputAt('MaxPool', outputs, 1)
  return single(inputAt('MaxPool', outputs, 0), (d) => {
    const list = (tensor: Tensor) => e.op('Reshape', [tensor, e.integers([-1])], [sizeOf(shape)])
    const all = [sizeOf(a.shape)]
    const overlap = window.kernel.some((length, axis) => length > (window.strides[axis] ?? 1))
    const attribute = overlap ? { reduction: { text: 'add' } } : {}
    const scattered = e.op('ScatterElements', [e.zeros(all), list(places), list(d)], all, attribute)
    return [e.reshape(scattered, a.shape)]
  })
}

const averagePool: Rule = (e, inputs, attributes) => {
  const a = inputAt('AveragePool', inputs, 0)
  const window = poolingWindow('AveragePool', a, attributes)
  if (window.dilations.some((dilation) => dilation !== 1))
    throw new MalformedError('AveragePool.dilations', 0, 'expected 1')
  const [rows = 0, channels = 0, ...spatial] = a.shape
  const countPads = integerOf('AveragePool', attributes, 'count_include_pad', 0)
  const { dilations: _, ...said } = windowAttributes(window)
  const output = e.op('AveragePool', [a], [rows, channels, ...window.output], {
    ...said,
    count_include_pad: { integer: countPads },
  })
  return single(output, (d) => {
    const shares = windowShares(e, window, spatial, countPads !== 0)
    const planes = [rows * channels, 1]
    const spread = e.reshape(e.binary('Mul', d, shares), [...planes, ...window.output])
    const ones = [1, 1, ...window.kernel]
    const kernel = e.op('Expand', [e.scalar(1), e.integers(ones)], ones)
    const back = e.op('ConvTranspose', [spread, kernel], [...planes, ...spatial], {
      ...windowAttributes(window),
      output_padding: { integers: unreached(window, spatial) },
    })
    return [e.reshape(back, a.shape)]
  })
}

const globalAveragePool: Rule = (e, inputs) => {
  const a = inputAt('GlobalAveragePool', inputs, 0)
  const [rows = 0, channels = 0, ...spatial] = a.shape
  if (spatial.length === 0) throw new MalformedError('GlobalAveragePool', 0, 'no spatial dimension')
  const shape = [rows, channels, ...spatial.map(() => 1)]
  return single(e.op('GlobalAveragePool', [a], shape), (d) => [
    e.expand(e.binary('Mul', d, e.scalar(1 / sizeOf(spatial))), a.shape),
  ])
}

function poolingWindow(operator: string, a: Tensor, attributes: Attributes): Window {
  const spatial = a.shape.slice(2)
  if (spatial.length < 1 || spatial.length > 3)
    throw new MalformedError(operator, 0, 'expected 1 to 3 spatial dimensions')
  return windowOf(operator, attributes, spatial, integersOf(operator, attributes, 'kernel_shape'))
}

/** One over how many numbers each window covers: with padding left out of the count, windows at the rim cover fewer. */
function windowShares(e: Emitter, window: Window, spatial: Shape, countPads: boolean): Tensor {
  const counts = spatial.map((length, axis) =>
    Array.from({ length: window.output[axis] ?? 0 }, (_, place) => {
      const kernel = window.kernel[axis] ?? 1
      const start = place * (window.strides[axis] ?? 1) - (window.before[axis] ?? 0)
      return countPads ? kernel : Math.min(start + kernel, length) - Math.max(start, 0)
    }),
  )
  const flat = counts.reduce<readonly number[]>(
    (outer, inner) => outer.flatMap((count) => inner.map((each) => count * each)),
    [1],
  )
  const shape = window.output
  const value = e.graph.floats(
    Float32Array.from(flat, (count) => 1 / count),
    shape,
  )
  return { name: value.name, shape }
}

/** Rules of pooling. */
export const poolingRules = {
  MaxPool: maxPool,
  AveragePool: averagePool,
  GlobalAveragePool: globalAveragePool,
} as const satisfies Readonly<Record<string, Rule>>
