import type { Parameter } from '@cloister/learn'
import {
  add,
  bend,
  constant,
  dot,
  largest,
  log,
  multiply,
  power,
  relu,
  scale,
  softmax,
  sum,
  type Scalar,
} from './plain-autodiff.ts'

/** Parameters as numbers, each list in the order of its tensor. */
export type PlainParameters = Readonly<Record<string, readonly Scalar[]>>

/** Numbers that remember, from the tensors of a model. */
export function plainParameters(parameters: readonly Parameter[]): PlainParameters {
  return Object.fromEntries(
    parameters.map(({ name, values }) => [name, Array.from(values, (value) => constant(value))]),
  )
}

/** Mean over rows of the negative logarithm of the true class's share. */
export function plainLoss(
  logits: readonly (readonly Scalar[])[],
  labels: readonly number[],
): Scalar {
  const each = logits.map((row, index) => log(softmax(row)[labels[index]!]!))
  return scale(sum(each), -1 / labels.length)
}

const column = (flat: readonly Scalar[], width: number, index: number) =>
  flat.filter((_, place) => place % width === index)

function dense(x: readonly Scalar[], weights: readonly Scalar[], bias: readonly Scalar[]) {
  return bias.map((b, j) => add(dot(x, column(weights, bias.length, j)), b))
}

/**
 * The network conv(2, kernel 3, same, stride 1), relu, max-pool 2, conv(3, kernel 2, valid, stride 2), relu, dense 4, relu,
 * dense, on one image of `channels` x `side` x `side`.
 */
export function plainCnn(
  p: PlainParameters,
  image: readonly number[],
  { channels, side }: { readonly channels: number; readonly side: number },
): readonly Scalar[] {
  const plane = (flat: readonly Scalar[], count: number) => {
    const size = Math.sqrt(flat.length / count)
    return (c: number, i: number, j: number) =>
      i < 0 || j < 0 || i >= size || j >= size ? constant(0) : flat[(c * size + i) * size + j]!
  }
  const conv = (
    x: ReturnType<typeof plane>,
    name: string,
    shape: {
      inputs: number
      filters: number
      kernel: number
      stride: number
      pad: number
      out: number
    },
  ) => {
    const { inputs, filters, kernel, stride, pad, out } = shape
    const result: Scalar[] = []
    for (let f = 0; f < filters; f++)
      for (let i = 0; i < out; i++)
        for (let j = 0; j < out; j++) {
          const terms: Scalar[] = [p[`bias${name}`]![f]!]
          for (let c = 0; c < inputs; c++)
            for (let a = 0; a < kernel; a++)
              for (let b = 0; b < kernel; b++) {
                const weight = p[`weights${name}`]![((f * inputs + c) * kernel + a) * kernel + b]!
                terms.push(multiply(weight, x(c, i * stride + a - pad, j * stride + b - pad)))
              }
          result.push(relu(sum(terms)))
        }
    return result
  }
  const first = conv(
    plane(image.map((value) => constant(value)), channels),
    '0',
    { inputs: channels, filters: 2, kernel: 3, stride: 1, pad: 1, out: side },
  ) // prettier-ignore
  const at = plane(first, 2)
  const half = Math.floor(side / 2)
  const pooled: Scalar[] = []
  for (let c = 0; c < 2; c++)
    for (let i = 0; i < half; i++)
      for (let j = 0; j < half; j++)
        pooled.push(
          largest([at(c, 2 * i, 2 * j), at(c, 2 * i, 2 * j + 1), at(c, 2 * i + 1, 2 * j), at(c, 2 * i + 1, 2 * j + 1)]), // prettier-ignore
        )
  const out = Math.floor((half - 2) / 2) + 1
  const second = conv(plane(pooled, 2), '2', {
    inputs: 2, filters: 3, kernel: 2, stride: 2, pad: 0, out,
  }) // prettier-ignore
  const hidden = dense(second, p['weights3']!, p['bias3']!).map(relu)
  return dense(hidden, p['weights']!, p['bias']!)
}

/** A decoder of GPT-2's architecture on one row of tokens: logits for each place. */
export function plainGpt(
  p: PlainParameters,
  tokens: readonly number[],
  { width, heads, layers, tied }: Record<'width' | 'heads' | 'layers', number> & { tied: boolean },
): readonly (readonly Scalar[])[] {
  const row = (flat: readonly Scalar[], index: number) =>
    flat.slice(index * width, (index + 1) * width)
  const linear = (x: readonly Scalar[], name: string) =>
    dense(x, p[`${name}.weight`]!, p[`${name}.bias`]!)
  const norm = (x: readonly Scalar[], name: string) => {
    const mean = scale(sum(x), 1 / width)
    const centred = x.map((each) => add(each, scale(mean, -1)))
    const variance = scale(sum(centred.map((each) => multiply(each, each))), 1 / width)
    const inverse = power(add(variance, constant(1e-5)), -0.5)
    return centred.map((each, index) =>
      add(
        multiply(multiply(each, inverse), p[`${name}.weight`]![index]!),
        p[`${name}.bias`]![index]!,
      ),
    )
  }
  const c = Math.sqrt(2 / Math.PI)
  const inner = (x: number) => c * (x + 0.044715 * x ** 3)
  const gelu = (a: Scalar) =>
    bend(
      a,
      (x) => 0.5 * x * (1 + Math.tanh(inner(x))),
      (x) => {
        const t = Math.tanh(inner(x))
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * c * (1 + 3 * 0.044715 * x * x)
      },
    )
  let x = tokens.map((token, place) => {
    const position = row(p['position_embd.weight']!, place)
    return row(p['token_embd.weight']!, token).map((each, index) => add(each, position[index]!))
  })
  const size = width / heads
  for (let layer = 0; layer < layers; layer++) {
    const all = x.map((each) =>
      linear(norm(each, `blk.${layer}.attn_norm`), `blk.${layer}.attn_qkv`),
    )
    const part = (place: number, which: number, head: number) =>
      all[place]!.slice(which * width + head * size, which * width + (head + 1) * size)
    const mixed = x.map((_, place) =>
      Array.from({ length: heads }, (_unused, head) => {
        const scores = Array.from({ length: place + 1 }, (_none, other) =>
          scale(dot(part(place, 0, head), part(other, 1, head)), 1 / Math.sqrt(size)),
        )
        const shares = softmax(scores)
        return Array.from({ length: size }, (_none, index) =>
          dot(
            shares,
            shares.map((_share, other) => part(other, 2, head)[index]!),
          ),
        )
      }).flat(),
    )
    x = x.map((each, place) => {
      const seen = linear(mixed[place]!, `blk.${layer}.attn_output`)
      return each.map((value, index) => add(value, seen[index]!))
    })
    x = x.map((each) => {
      const up = linear(norm(each, `blk.${layer}.ffn_norm`), `blk.${layer}.ffn_up`).map(gelu)
      const down = linear(up, `blk.${layer}.ffn_down`)
      return each.map((value, index) => add(value, down[index]!))
    })
  }
  const scores = p[tied ? 'token_embd.weight' : 'output.weight']!
  return x.map((each) => {
    const last = norm(each, 'output_norm')
    return Array.from({ length: scores.length / width }, (_, token) =>
      dot(last, row(scores, token)),
    )
  })
}
