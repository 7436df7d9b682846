/** Dense layers in plain double-precision loops: nothing here knows of ONNX, tapes or the code under test. */
export type PlainLayer = { readonly weights: number[][]; readonly bias: number[] }

/** What a step needs besides the layers. */
export type PlainBatch = {
  readonly x: readonly (readonly number[])[]
  readonly y: readonly number[]
  readonly activation: 'relu' | 'tanh'
  readonly l2: number
}

type Gradients = { readonly weights: number[][]; readonly bias: number[] }[]

/** Probabilities of each class for one row, and the outputs of every layer on the way. */
export function plainForward(
  layers: readonly PlainLayer[],
  row: readonly number[],
  activation: 'relu' | 'tanh',
): { readonly outputs: number[][]; readonly probabilities: number[] } {
  const outputs = [[...row]]
  for (const [index, { weights, bias }] of layers.entries()) {
    const before = outputs.at(-1)!
    const sums = bias.map((b, j) => before.reduce((sum, v, i) => sum + v * weights[i]![j]!, b))
    const hidden = index < layers.length - 1
    outputs.push(
      hidden ? sums.map((v) => (activation === 'relu' ? Math.max(0, v) : Math.tanh(v))) : sums,
    )
  }
  const logits = outputs.at(-1)!
  const largest = Math.max(...logits)
  const powers = logits.map((v) => Math.exp(v - largest))
  const total = powers.reduce((sum, v) => sum + v, 0)
  return { outputs, probabilities: powers.map((v) => v / total) }
}

/** Mean cross entropy plus the penalty, and its derivatives by the chain rule written out. */
export function plainStep(
  layers: readonly PlainLayer[],
  { x, y, activation, l2 }: PlainBatch,
): { readonly loss: number; readonly gradients: Gradients } {
  const gradients = layers.map(({ weights, bias }) => ({
    weights: weights.map((row) => row.map((w) => l2 * w)),
    bias: bias.map(() => 0),
  }))
  let loss = 0
  for (const { weights } of layers)
    for (const row of weights) for (const w of row) loss += (l2 / 2) * w * w
  for (const [n, row] of x.entries()) {
    const { outputs, probabilities } = plainForward(layers, row, activation)
    loss -= Math.log(probabilities[y[n]!]!) / x.length
    let delta = probabilities.map((p, k) => (p - (k === y[n] ? 1 : 0)) / x.length)
    for (let index = layers.length - 1; index >= 0; index--) {
      const input = outputs[index]!
      for (const [j, d] of delta.entries()) {
        gradients[index]!.bias[j]! += d
        for (const [i, v] of input.entries()) gradients[index]!.weights[i]![j]! += v * d
      }
      const { weights } = layers[index]!
      delta = input.map((v, i) => {
        const slope = activation === 'relu' ? (v > 0 ? 1 : 0) : 1 - v * v
        return slope * delta.reduce((sum, d, j) => sum + d * weights[i]![j]!, 0)
      })
    }
  }
  return { loss, gradients }
}
