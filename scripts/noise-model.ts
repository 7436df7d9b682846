// Writes a tiny language model that was never trained: a GGUF file that llama.cpp runs, whose answers are noise. For tests.
import { concatBytes, encodeUtf8, type Bytes } from '@cloister/codec'

/** Sizes of the model. */
const sizes = { embedding: 64, feedForward: 128, layers: 2, heads: 4, context: 2048 } as const

/** Tokens beside the 256 bytes. */
const marks = ['<|endoftext|>', '<|im_start|>', '<|im_end|>'] as const

const alignment = 32

// Numbers of GGUF's types. Spec: ggml docs/gguf.md.
const types = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const

type Tensor = { readonly name: string; readonly shape: readonly number[] }

/** The bytes of the model; equal seeds give equal bytes. Llama's architecture, one token per byte, chat marks as in ChatML. */
export function noiseModel(seed = 1): Bytes {
  const entries = metadata()
  const tensors = tensorsOf()
  const head = [
    encodeUtf8('GGUF'),
    u32(3),
    u64(tensors.length),
    u64(entries.length),
    ...entries,
    ...describe(tensors),
  ]
  const size = head.reduce((sum, part) => sum + part.length, 0)
  const random = randomNumbers(seed)
  return concatBytes(...head, padding(size), ...tensors.map((tensor) => values(tensor, random)))
}

function metadata(): Uint8Array[] {
  const { embedding, feedForward, layers, heads, context } = sizes
  const tokens = [...byteTokens(), ...marks]
  const whole = (name: string, value: number) => entry(`llama.${name}`, types.uint32, u32(value))
  return [
    entry('general.architecture', types.string, text('llama')),
    entry('general.name', types.string, text('noise')),
    whole('block_count', layers),
    whole('context_length', context),
    whole('embedding_length', embedding),
    whole('feed_forward_length', feedForward),
    whole('attention.head_count', heads),
    whole('attention.head_count_kv', heads),
    whole('rope.dimension_count', embedding / heads),
    whole('vocab_size', tokens.length),
    entry('llama.attention.layer_norm_rms_epsilon', types.float32, f32(1e-5)),
    entry('tokenizer.ggml.model', types.string, text('gpt2')),
    entry('tokenizer.ggml.pre', types.string, text('gpt-2')),
    entry('tokenizer.ggml.tokens', types.array, list(types.string, tokens.map(text))),
    entry(
      'tokenizer.ggml.token_type',
      types.array,
      list(
        types.int32,
        tokens.map((_, index) => u32(index < 256 ? 1 : 3)),
      ),
    ),
    entry('tokenizer.ggml.merges', types.array, list(types.string, [])),
    entry('tokenizer.ggml.bos_token_id', types.uint32, u32(256)),
    entry('tokenizer.ggml.eos_token_id', types.uint32, u32(258)),
    entry('tokenizer.ggml.add_bos_token', types.bool, Uint8Array.of(0)),
  ]
}

function tensorsOf(): Tensor[] {
  const { embedding: e, feedForward: f, layers } = sizes
  const vocabulary = 256 + marks.length
  const block = (index: number): Tensor[] =>
    [
      { name: 'attn_norm', shape: [e] },
      ...['attn_q', 'attn_k', 'attn_v', 'attn_output'].map((name) => ({ name, shape: [e, e] })),
      { name: 'ffn_norm', shape: [e] },
      { name: 'ffn_gate', shape: [e, f] },
      { name: 'ffn_up', shape: [e, f] },
      { name: 'ffn_down', shape: [f, e] },
    ].map(({ name, shape }) => ({ name: `blk.${index}.${name}.weight`, shape }))
  return [
    { name: 'token_embd.weight', shape: [e, vocabulary] },
    { name: 'output_norm.weight', shape: [e] },
    { name: 'output.weight', shape: [e, vocabulary] },
    ...Array.from({ length: layers }, (_, index) => block(index)).flat(),
  ]
}

// GPT-2's table: printable bytes stand for themselves, the others for characters from 256 on.
function byteTokens(): string[] {
  let extra = 256
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
    return String.fromCodePoint(printable ? byte : extra++)
  })
}

function describe(tensors: readonly Tensor[]): Uint8Array[] {
  let offset = 0
  return tensors.flatMap(({ name, shape }) => {
    const at = offset
    offset += Math.ceil((4 * count(shape)) / alignment) * alignment
    return [text(name), u32(shape.length), ...shape.map(u64), u32(0), u64(at)]
  })
}

function values({ name, shape }: Tensor, random: () => number): Uint8Array {
  const isNorm = name.includes('norm')
  const numbers = Float32Array.from({ length: count(shape) }, () =>
    isNorm ? 1 : (random() - 0.5) / 2,
  )
  return concatBytes(new Uint8Array(numbers.buffer), padding(numbers.byteLength))
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function entry(key: string, type: number, value: Uint8Array): Uint8Array {
  return concatBytes(text(key), u32(type), value)
}

function list(type: number, items: readonly Uint8Array[]): Uint8Array {
  return concatBytes(u32(type), u64(items.length), ...items)
}

function text(value: string): Uint8Array {
  const bytes = encodeUtf8(value)
  return concatBytes(u64(bytes.length), bytes)
}

function padding(size: number): Uint8Array {
  return new Uint8Array((alignment - (size % alignment)) % alignment)
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}

function u64(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true)
  return bytes
}

function f32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, value, true)
  return bytes
}
