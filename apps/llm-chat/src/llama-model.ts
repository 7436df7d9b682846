import type { LlamaAddon, NativeContext, NativeModel, NativeSampler } from './llama-addon.ts'
import { TextStream } from './text-stream.ts'

/** How an answer is made. */
export type Sampling = {
  readonly temperature: number
  readonly topP: number
  readonly seed: number
  readonly stops: readonly string[]
  /** The most tokens of the answer. */
  readonly tokensMax: number
}

/** A piece of text, or why there is no more of it. */
export type Generated =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'end'; readonly reason: 'stop' | 'length'; readonly tokens: number }

const batchTokens = 512
const contextTokensMax = 4096
const sequence = 0

/**
 * A model in memory, used by one request at a time. What two prompts in a row have in common is not computed twice: both are of the same
 * requester, for nobody else can speak in a session.
 */
export class LlamaModel {
  readonly #addon: LlamaAddon
  readonly #model: NativeModel
  readonly #context: NativeContext
  readonly #contextTokens: number
  #embedding: NativeContext | undefined
  /** What the context holds. */
  #held: number[] = []
  #turn: Promise<unknown> = Promise.resolve()

  private constructor(
    addon: LlamaAddon,
    model: NativeModel,
    context: NativeContext,
    contextTokens: number,
  ) {
    this.#addon = addon
    this.#model = model
    this.#context = context
    this.#contextTokens = contextTokens
  }

  /** Loads the GGUF file at `path`. @throws {Error} where llama.cpp refuses it. */
  static async open(addon: LlamaAddon, path: string): Promise<LlamaModel> {
    const options = { addonExports: addon, gpuLayers: 0, useMmap: true, checkTensors: true }
    const model = new addon.AddonModel(path, options)
    if (!(await model.init())) throw new Error('llama.cpp refuses the model')
    const contextTokens = Math.min(model.getTrainContextSize(), contextTokensMax)
    const context = await openContext(addon, model, contextTokens, false)
    return new LlamaModel(addon, model, context, contextTokens)
  }

  /** Tokens that a prompt and its answer may have together. */
  get contextTokens(): number {
    return this.#contextTokens
  }

  tokenize(text: string, specialTokens: boolean): readonly number[] {
    return [...this.#model.tokenize(text, specialTokens)]
  }

  /** A prompt's first token, where the model wants one. */
  beginning(): readonly number[] {
    return this.#model.shouldPrependBosToken() && this.#model.tokenBos() >= 0
      ? [this.#model.tokenBos()]
      : []
  }

  /** Whether the vocabulary has `text` as one token of its own, such as the marks of a chat template. */
  hasMark(text: string): boolean {
    return this.#model.tokenize(text, true).length === 1
  }

  /** Continues a prompt until it ends, a stop word comes, the tokens are used up, or `cancelled` says so. */
  async *generate(
    prompt: readonly number[],
    sampling: Sampling,
    cancelled: () => boolean,
  ): AsyncGenerator<Generated> {
    const done = await this.#take()
    const sampler = new this.#addon.AddonSampler(this.#model)
    try {
      const { temperature, topP, seed } = sampling
      sampler.applyConfig({ temperature, topP, seed })
      yield* this.#continue(prompt, sampling, sampler, cancelled)
    } finally {
      sampler.dispose()
      done()
    }
  }

  /** One vector of length 1 for the tokens: the last token's state. */
  async embed(tokens: readonly number[]): Promise<readonly number[]> {
    const done = await this.#take()
    try {
      this.#embedding ??= await openContext(this.#addon, this.#model, this.#contextTokens, true)
      const context = this.#embedding
      context.disposeSequence(sequence)
      await decode(context, tokens, 0)
      const vector = [...context.getEmbedding(tokens.length)]
      const length = Math.hypot(...vector)
      return length > 0 ? vector.map((value) => value / length) : vector
    } finally {
      done()
    }
  }

  async *#continue(
    prompt: readonly number[],
    { stops, tokensMax }: Sampling,
    sampler: NativeSampler,
    cancelled: () => boolean,
  ): AsyncGenerator<Generated> {
    const stream = new TextStream((tokens) => this.#detokenize(tokens), stops)
    let place = await this.#read(prompt)
    let tokens = 0
    while (tokens < tokensMax && !cancelled()) {
      const token = await this.#context.sampleToken(place, sampler)
      if (token < 0 || this.#model.isEogToken(token)) {
        yield* textOf(stream.finish())
        yield { kind: 'end', reason: 'stop', tokens }
        return
      }
      tokens += 1
      yield* textOf(stream.push(token))
      if (stream.stopped) {
        yield { kind: 'end', reason: 'stop', tokens }
        return
      }
      if (tokens < tokensMax) place = await this.#append(token)
    }
    yield* textOf(stream.finish())
    yield { kind: 'end', reason: 'length', tokens }
  }

  #detokenize(tokens: readonly number[]): string {
    return this.#model.detokenize(Uint32Array.from(tokens), false)
  }

  /** Brings the context to hold exactly `prompt`, and returns where its last token's logits are. */
  async #read(prompt: readonly number[]): Promise<number> {
    // The last token is always computed: its logits are wanted.
    const most = Math.min(this.#held.length, prompt.length - 1)
    let same = 0
    while (same < most && this.#held[same] === prompt[same]) same += 1
    if (!this.#context.removeTokenCellsFromSequence(sequence, same, -1)) {
      this.#context.disposeSequence(sequence)
      same = 0
    }
    this.#held = prompt.slice(0, same)
    const place = await decode(this.#context, prompt.slice(same), same)
    this.#held = [...prompt]
    return place
  }

  async #append(token: number): Promise<number> {
    const place = await decode(this.#context, [token], this.#held.length)
    this.#held.push(token)
    return place
  }

  /** Waits for its turn; what it returns hands the model on. */
  async #take(): Promise<() => void> {
    const before = this.#turn
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#turn = promise
    await before
    return () => resolve()
  }
}

async function openContext(
  addon: LlamaAddon,
  model: NativeModel,
  contextSize: number,
  embeddings: boolean,
): Promise<NativeContext> {
  const context = new addon.AddonContext(model, {
    contextSize,
    batchSize: Math.min(batchTokens, contextSize),
    sequences: 1,
    threads: 1,
    flashAttention: false,
    embeddings,
  })
  if (!(await context.init())) throw new Error('llama.cpp has no memory for a context')
  return context
}

/** Decodes tokens in batches; returns where the last one's logits are. */
async function decode(
  context: NativeContext,
  tokens: readonly number[],
  position: number,
): Promise<number> {
  let place = 0
  for (let start = 0; start < tokens.length; start += batchTokens) {
    const part = Uint32Array.from(tokens.slice(start, start + batchTokens))
    context.initBatch(part.length)
    const wanted = Uint32Array.of(part.length - 1)
    const [index] = context.addToBatch(sequence, position + start, part, wanted)
    await context.decodeBatch()
    place = index ?? 0
  }
  return place
}

function* textOf(text: string): Generator<Generated> {
  if (text !== '') yield { kind: 'text', text }
}
