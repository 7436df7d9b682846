import type { Shape, Tensor } from './autodiff/tensor.ts'
import { gptSize, type GptModel } from './model-gpt.ts'
import type { Network, NetworkParameter, Pass } from './network.ts'
import { dropout } from './network-layers.ts'

/** What is added to scores of tokens that lie ahead: nothing is left of them after the softmax. */
const maskedScore = -1e9

/**
 * A decoder of the architecture of GPT-2. Parameters bear the names that GGUF gives them; matrices are inputs x outputs.
 *
 * Spec: Radford et al., "Language models are unsupervised multitask learners", section 2.3.
 */
export function gptNetwork(model: GptModel): Network {
  const row = { element: 'int64', shape: [model.context] } as const
  return {
    parameters: gptParameters(model),
    averages: [],
    x: row,
    y: row,
    loss: 'cross-entropy',
    classes: model.vocabulary,
    forward: (pass, x) => forward(pass, x, model),
    mixesRows: false,
    canBePrivate: false,
    work: (gptSize(model) + model.layers * model.context * model.width * 2) * model.context,
  }
}

function matrix(name: string, shape: Shape, deviation = 0.02): NetworkParameter {
  return { name: `${name}.weight`, shape, start: { kind: 'normal', deviation }, decayed: true }
}

function list(name: string, length: number, value: number): NetworkParameter {
  return { name, shape: [length], start: { kind: 'constant', value }, decayed: false }
}

function gptParameters(model: GptModel): readonly NetworkParameter[] {
  const { vocabulary, layers, width, context, tied } = model
  const scales = (name: string) => [
    list(`${name}.weight`, width, 1),
    list(`${name}.bias`, width, 0),
  ]
  const layer = (name: string, inputs: number, outputs: number, deviation?: number) => [
    matrix(name, [inputs, outputs], deviation),
    list(`${name}.bias`, outputs, 0),
  ]
  // What adds to the residual stream starts smaller, the more layers do.
  const residual = 0.02 / Math.sqrt(2 * layers)
  return [
    matrix('token_embd', [vocabulary, width]),
    matrix('position_embd', [context, width]),
    ...Array.from({ length: layers }, (_, index) => `blk.${index}`).flatMap((block) => [
      ...scales(`${block}.attn_norm`),
      ...layer(`${block}.attn_qkv`, width, 3 * width),
      ...layer(`${block}.attn_output`, width, width, residual),
      ...scales(`${block}.ffn_norm`),
      ...layer(`${block}.ffn_up`, width, 4 * width),
      ...layer(`${block}.ffn_down`, 4 * width, width, residual),
    ]),
    ...scales('output_norm'),
    ...(tied ? [] : [matrix('output', [vocabulary, width])]),
  ]
}

function forward(pass: Pass, tokens: Tensor, model: GptModel): Tensor {
  const { tape } = pass
  const { vocabulary, layers, width, context, tied } = model
  const [rows = 1] = tokens.shape
  const embedded = tape.apply('Gather', [pass.value('token_embd.weight'), tokens])
  const placed = tape.apply('Add', [embedded, pass.value('position_embd.weight')])
  const mask = causalMask(pass, context)
  let x = dropout(pass, placed, model.dropout)
  for (let index = 0; index < layers; index++) {
    const block = `blk.${index}`
    const seen = attention(pass, norm(pass, x, `${block}.attn_norm`), { model, block, mask })
    x = tape.apply('Add', [x, dropout(pass, seen, model.dropout)])
    const up = linear(pass, norm(pass, x, `${block}.ffn_norm`), `${block}.ffn_up`)
    const bent = tape.apply('Gelu', [up], { approximate: { text: 'tanh' } })
    const down = linear(pass, bent, `${block}.ffn_down`)
    x = tape.apply('Add', [x, dropout(pass, down, model.dropout)])
  }
  const positions = { shape: { integers: [rows * context, width] } }
  const last = tape.apply('Reshape', [norm(pass, x, 'output_norm')], positions)
  const scores = pass.value(tied ? 'token_embd.weight' : 'output.weight')
  const logits = tape.apply('Gemm', [last, scores], { transB: { integer: 1 } })
  return tape.apply('Reshape', [logits], { shape: { integers: [rows * context, vocabulary] } })
}

function attention(
  pass: Pass,
  x: Tensor,
  given: { readonly model: GptModel; readonly block: string; readonly mask: Tensor },
): Tensor {
  const { tape } = pass
  const { model, block, mask } = given
  const { width, heads, context } = model
  const [rows = 1] = x.shape
  const each = width / heads
  const all = linear(pass, x, `${block}.attn_qkv`)
  const parts = tape.applyMany('Split', [all], {
    axis: { integer: 2 },
    split: { integers: [width, width, width] },
  })
  const head = (part: Tensor | undefined, order: readonly number[]) => {
    const split = { shape: { integers: [rows, context, heads, each] } }
    return tape.apply('Transpose', [tape.apply('Reshape', [part ?? all], split)], {
      perm: { integers: order },
    })
  }
  const query = tape.apply('Mul', [head(parts[0], [0, 2, 1, 3]), tape.constant(each ** -0.5)])
  const scores = tape.apply('MatMul', [query, head(parts[1], [0, 2, 3, 1])])
  const shares = tape.apply('Softmax', [tape.apply('Add', [scores, mask])])
  const mixed = tape.apply('MatMul', [shares, head(parts[2], [0, 2, 1, 3])])
  const joined = tape.apply('Transpose', [mixed], { perm: { integers: [0, 2, 1, 3] } })
  const flat = tape.apply('Reshape', [joined], { shape: { integers: [rows, context, width] } })
  return linear(pass, flat, `${block}.attn_output`)
}

function linear(pass: Pass, x: Tensor, name: string): Tensor {
  const product = pass.tape.apply('MatMul', [x, pass.value(`${name}.weight`)])
  return pass.tape.apply('Add', [product, pass.value(`${name}.bias`)])
}

function norm(pass: Pass, x: Tensor, name: string): Tensor {
  const inputs = [x, pass.value(`${name}.weight`), pass.value(`${name}.bias`)]
  return pass.tape.apply('LayerNormalization', inputs, { epsilon: { real: 1e-5 } })
}

/** No token sees one that comes after it. */
function causalMask(pass: Pass, context: number): Tensor {
  const shape = [context, context]
  const values = Float32Array.from({ length: context * context }, (_, place) =>
    place % context > Math.floor(place / context) ? maskedScore : 0,
  )
  return { name: pass.tape.emitter.graph.floats(values, shape).name, shape }
}
