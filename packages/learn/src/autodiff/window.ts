import { MalformedError } from '@cloister/codec'
import { listed } from './tensor.ts'
import { integerOf, integersOf, textOf, type Attributes } from './rule.ts'
import type { Shape } from './tensor.ts'

/** How a kernel or a pooling window moves over the spatial dimensions (those after rows and channels). */
export type Window = {
  readonly kernel: Shape
  readonly strides: Shape
  readonly dilations: Shape
  /** Zeros before the first number of each dimension. */
  readonly before: Shape
  /** Zeros after the last number of each dimension. */
  readonly after: Shape
  /** Lengths of what comes out. */
  readonly output: Shape
}

/**
 * Works out a window over `spatial`.
 *
 * @throws {MalformedError} naming `operator` where the attributes say no window that fits.
 */
export function windowOf(
  operator: string,
  attributes: Attributes,
  spatial: Shape,
  kernel: Shape,
): Window {
  const ones = spatial.map(() => 1)
  const zeros = spatial.flatMap(() => [0, 0])
  const strides = integersOf(operator, attributes, 'strides', ones)
  const dilations = integersOf(operator, attributes, 'dilations', ones)
  const pads = integersOf(operator, attributes, 'pads', zeros)
  if (integerOf(operator, attributes, 'ceil_mode', 0) !== 0)
    throw new MalformedError(`${operator}.ceil_mode`, 0, 'expected 0')
  const lists = [kernel, strides, dilations]
  if (lists.some((list) => list.length !== spatial.length || !list.every(isLength)))
    throw new MalformedError(operator, 0, `expected ${spatial.length} lengths of at least 1`)
  if (pads.length !== spatial.length * 2 || pads.some((pad) => !Number.isInteger(pad) || pad < 0))
    throw new MalformedError(`${operator}.pads`, 0, 'expected whole numbers of at least 0')

  const reach = kernel.map((length, axis) => (dilations[axis] ?? 1) * (length - 1) + 1)
  const auto = autoPads(operator, attributes, { spatial, strides, reach })
  const before = auto?.before ?? pads.slice(0, spatial.length)
  const after = auto?.after ?? pads.slice(spatial.length)
  if (before.some((pad, axis) => Math.max(pad, after[axis] ?? 0) >= (reach[axis] ?? 1) && pad > 0))
    throw new MalformedError(`${operator}.pads`, 0, 'as wide as the window, or wider')
  const output = spatial.map((length, axis) => {
    const room = length + (before[axis] ?? 0) + (after[axis] ?? 0) - (reach[axis] ?? 1)
    return Math.floor(room / (strides[axis] ?? 1)) + 1
  })
  if (!output.every(isLength))
    throw new MalformedError(
      operator,
      0,
      `a window of ${listed(reach)} does not fit into ${listed(spatial)}`,
    )
  return { kernel, strides, dilations, before, after, output }
}

/** The attributes that say this window. */
export function windowAttributes(window: Window): Attributes {
  return {
    kernel_shape: { integers: window.kernel },
    strides: { integers: window.strides },
    dilations: { integers: window.dilations },
    pads: { integers: [...window.before, ...window.after] },
  }
}

/** Numbers at the end of each padded dimension that no window reaches. */
export function unreached(window: Window, spatial: Shape): Shape {
  return spatial.map((length, axis) => {
    const padded = length + (window.before[axis] ?? 0) + (window.after[axis] ?? 0)
    const reach = (window.dilations[axis] ?? 1) * ((window.kernel[axis] ?? 1) - 1) + 1
    return padded - reach - (window.strides[axis] ?? 1) * ((window.output[axis] ?? 1) - 1)
  })
}

function autoPads(
  operator: string,
  attributes: Attributes,
  { spatial, strides, reach }: { spatial: Shape; strides: Shape; reach: Shape },
): { readonly before: Shape; readonly after: Shape } | undefined {
  const mode = textOf(operator, attributes, 'auto_pad', 'NOTSET')
  if (mode === 'NOTSET') return undefined
  if (mode === 'VALID') return { before: spatial.map(() => 0), after: spatial.map(() => 0) }
  if (mode !== 'SAME_UPPER' && mode !== 'SAME_LOWER')
    throw new MalformedError(`${operator}.auto_pad`, 0, 'unknown')
  const totals = spatial.map((length, axis) => {
    const stride = strides[axis] ?? 1
    return Math.max((Math.ceil(length / stride) - 1) * stride + (reach[axis] ?? 1) - length, 0)
  })
  const less = totals.map((total) => Math.floor(total / 2))
  const more = totals.map((total) => Math.ceil(total / 2))
  return mode === 'SAME_UPPER' ? { before: less, after: more } : { before: more, after: less }
}

function isLength(value: number): boolean {
  return Number.isInteger(value) && value >= 1
}
