import { MalformedError, OperationError, type Bytes } from '@cloister/codec'
import { randomNumbers } from './random.ts'
import type { Runtime } from './runtime.ts'

/** How text is made from a language model. */
export type Generation = {
  /** Tokens that the model sees and knows. */
  readonly context: number
  readonly vocabulary: number
  /** Tokens to add. */
  readonly tokens: number
  /** 0 takes the likeliest token each time; 1 draws as the model says; more is bolder. */
  readonly temperature: number
  readonly seed: number
}

/**
 * Goes on from `prompt` token by token, with a model as `languageGraph` writes it. Returns the new tokens.
 *
 * @throws {MalformedError} where the prompt is empty or holds a token that the model does not know.
 */
export async function generate(
  model: Bytes,
  prompt: readonly number[],
  settings: Generation,
  runtime: Runtime,
): Promise<readonly number[]> {
  const { context, vocabulary, tokens, temperature, seed } = settings
  if (prompt.length === 0) throw new MalformedError('prompt', 0, 'no tokens')
  if (prompt.some((token) => !Number.isInteger(token) || token < 0 || token >= vocabulary))
    throw new MalformedError('prompt', 0, `expected tokens below ${vocabulary}`)
  const random = randomNumbers(seed, 3)
  const session = await runtime.load(model)
  const text = [...prompt]
  for (let made = 0; made < tokens; made++) {
    const seen = text.slice(-context)
    const values = new BigInt64Array(context)
    for (const [place, token] of seen.entries()) values[place] = BigInt(token)
    const outputs = await session.run({ tokens: { type: 'int64', shape: [1, context], values } })
    const logits = outputs['logits']
    if (logits?.type !== 'float32' || logits.values.length !== context * vocabulary)
      throw new OperationError(
        'not-a-language-model',
        'Cannot generate: the model gives no logits per token',
      )
    const last = (seen.length - 1) * vocabulary
    text.push(sample(logits.values.subarray(last, last + vocabulary), temperature, random))
  }
  await session.release()
  return text.slice(prompt.length)
}

function sample(logits: Float32Array, temperature: number, random: () => number): number {
  const best = logits.reduce(
    (place, value, index) => (value > (logits[place] ?? 0) ? index : place),
    0,
  )
  if (temperature === 0) return best
  const largest = logits[best] ?? 0
  const shares = Float64Array.from(logits, (value) => Math.exp((value - largest) / temperature))
  let left = random() * shares.reduce((sum, share) => sum + share, 0)
  for (const [token, share] of shares.entries()) {
    left -= share
    if (left < 0) return token
  }
  return best
}
