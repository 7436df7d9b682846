/**
 * Numbers that remember how they came about, one by one: the slowest and plainest way to differentiate. Nothing here knows of
 * tensors, ONNX, or the code under test.
 */
export class Scalar {
  readonly value: number
  gradient = 0
  readonly parents: readonly (readonly [Scalar, number])[]

  constructor(value: number, parents: readonly (readonly [Scalar, number])[] = []) {
    this.value = value
    this.parents = parents
  }
}

export const constant = (value: number): Scalar => new Scalar(value)

export const add = (a: Scalar, b: Scalar): Scalar =>
  new Scalar(a.value + b.value, [[a, 1], [b, 1]]) // prettier-ignore

export const multiply = (a: Scalar, b: Scalar): Scalar =>
  new Scalar(a.value * b.value, [[a, b.value], [b, a.value]]) // prettier-ignore

export const scale = (a: Scalar, by: number): Scalar => new Scalar(a.value * by, [[a, by]])

export const sum = (all: readonly Scalar[]): Scalar =>
  new Scalar(
    all.reduce((total, { value }) => total + value, 0),
    all.map((each) => [each, 1] as const),
  )

export const dot = (a: readonly Scalar[], b: readonly Scalar[]): Scalar =>
  sum(a.map((each, index) => multiply(each, b[index]!)))

/** Any function of one number, with its slope. */
export const bend = (a: Scalar, f: (x: number) => number, slope: (x: number) => number): Scalar =>
  new Scalar(f(a.value), [[a, slope(a.value)]])

export const relu = (a: Scalar): Scalar =>
  bend(a, (x) => Math.max(0, x), (x) => (x > 0 ? 1 : 0)) // prettier-ignore

export const exp = (a: Scalar): Scalar => bend(a, Math.exp, Math.exp)
export const log = (a: Scalar): Scalar => bend(a, Math.log, (x) => 1 / x)
export const power = (a: Scalar, p: number): Scalar =>
  bend(a, (x) => x ** p, (x) => p * x ** (p - 1)) // prettier-ignore

/** Of equal numbers the first. */
export const largest = (all: readonly Scalar[]): Scalar =>
  all.reduce((best, each) => (each.value > best.value ? each : best))

export function softmax(all: readonly Scalar[]): readonly Scalar[] {
  const shift = Math.max(...all.map(({ value }) => value))
  const powers = all.map((each) => exp(add(each, constant(-shift))))
  const share = power(sum(powers), -1)
  return powers.map((each) => multiply(each, share))
}

/** Puts the derivative of `end` with respect to each number that went into it into `gradient`. */
export function differentiate(end: Scalar): void {
  const order: Scalar[] = []
  const seen = new Set<Scalar>()
  const stack: [Scalar, number][] = [[end, 0]]
  while (stack.length > 0) {
    const [node, next] = stack.pop()!
    if (next === 0 && seen.has(node)) continue
    seen.add(node)
    const parent = node.parents[next]
    if (parent === undefined) order.push(node)
    else stack.push([node, next + 1], [parent[0], 0])
  }
  end.gradient = 1
  for (const node of order.toReversed())
    for (const [parent, slope] of node.parents) parent.gradient += node.gradient * slope
}
