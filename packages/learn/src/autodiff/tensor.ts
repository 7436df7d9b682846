import { MalformedError } from '@cloister/codec'

/** A tensor of a graph under construction: every size is known. */
export type Tensor = { readonly name: string; readonly shape: Shape }

/** Sizes of a tensor's dimensions, the outermost first. */
export type Shape = readonly number[]

/** A list as it stands in a message: `[2, 3]`. */
export function listed(numbers: readonly number[]): string {
  return `[${numbers.join(', ')}]`
}

/** How many numbers a tensor of this shape holds. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((size, length) => size * length, 1)
}

/** Whether two shapes are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((length, axis) => length === b[axis])
}

/**
 * The shape of an element-by-element operation, as NumPy broadcasts.
 *
 * @throws {MalformedError} naming `operator` where the shapes do not fit.
 */
export function broadcastShape(operator: string, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1
    const right = b[axis - rank + b.length] ?? 1
    if (left !== right && left !== 1 && right !== 1)
      throw new MalformedError(operator, 0, `shapes ${listed(a)} and ${listed(b)} do not broadcast`)
    return left === 1 ? right : left
  })
}

/**
 * Counts a negative axis from the end.
 *
 * @throws {MalformedError} naming `operator` where there is no such axis.
 */
export function axisOf(operator: string, axis: number, rank: number): number {
  const counted = axis < 0 ? axis + rank : axis
  if (!Number.isInteger(axis) || counted < 0 || counted >= rank)
    throw new MalformedError(operator, 0, `axis ${axis} of a tensor of ${rank} dimensions`)
  return counted
}

/** `shape` with the lengths of `axes` replaced by 1. */
export function keptShape(shape: Shape, axes: readonly number[]): Shape {
  return shape.map((length, axis) => (axes.includes(axis) ? 1 : length))
}

/** `shape` without `axes`. */
export function droppedShape(shape: Shape, axes: readonly number[]): Shape {
  return shape.filter((_, axis) => !axes.includes(axis))
}
