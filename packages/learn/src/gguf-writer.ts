import { assert, concatBytes, encodeUtf8, MalformedError, type Bytes } from '@cloister/codec'
import type { GptModel } from './model-gpt.ts'
import type { Parameter } from './model.ts'
import { floatBytes } from './safetensors.ts'

const alignment = 32

/** Numbers of GGUF's types. Spec: ggml-org/ggml, docs/gguf.md. */
const types = { uint32: 4, int32: 5, float32: 6, bool: 7, text: 8, list: 9 } as const

/**
 * Writes a trained byte-level `gpt` as a GGUF file of architecture `gpt2`, which llama.cpp runs: 256 tokens, one for each byte, no
 * merges, float32 throughout.
 *
 * @throws {MalformedError} where the vocabulary is not bytes: then a tokenizer is missing.
 */
export function encodeGguf(model: GptModel, parameters: readonly Parameter[], name: string): Bytes {
  if (model.vocabulary !== 256)
    throw new MalformedError('model.vocabulary', 0, 'expected 256, one token for each byte')
  const tensors = tensorsOf(model, parameters)
  const entries = metadata(model, name)
  let offset = 0
  const places = tensors.map(({ name: own, shape, values }) => {
    const start = offset
    offset += Math.ceil((values.length * 4) / alignment) * alignment
    const lengths = shape.toReversed().map((length) => u64(length))
    return concatBytes(text(own), u32(shape.length), ...lengths, u32(0), u64(start))
  })
  const head = concatBytes(
    encodeUtf8('GGUF'),
    u32(3),
    u64(tensors.length),
    u64(entries.length),
    ...entries,
    ...places,
  )
  return concatBytes(
    head,
    padding(head.length),
    ...tensors.flatMap(({ values }) => [floatBytes(values), padding(values.length * 4)]),
  )
}

function metadata(
  { context, width, layers, heads }: GptModel,
  name: string,
): readonly Uint8Array[] {
  const whole = (key: string, value: number) => entry(`gpt2.${key}`, types.uint32, u32(value))
  const tokens = byteTokens()
  return [
    entry('general.architecture', types.text, text('gpt2')),
    entry('general.name', types.text, text(name)),
    whole('block_count', layers),
    whole('context_length', context),
    whole('embedding_length', width),
    whole('feed_forward_length', 4 * width),
    whole('attention.head_count', heads),
    entry('gpt2.attention.layer_norm_epsilon', types.float32, f32(1e-5)),
    entry('tokenizer.ggml.model', types.text, text('gpt2')),
    entry('tokenizer.ggml.pre', types.text, text('gpt-2')),
    entry('tokenizer.ggml.tokens', types.list, list(types.text, tokens.map(text))),
    entry(
      'tokenizer.ggml.token_type',
      types.list,
      list(
        types.int32,
        tokens.map(() => u32(1)),
      ),
    ),
    entry('tokenizer.ggml.merges', types.list, list(types.text, [])),
    // Text holds no zero byte, so that it can stand for the end.
    entry('tokenizer.ggml.bos_token_id', types.uint32, u32(0)),
    entry('tokenizer.ggml.eos_token_id', types.uint32, u32(0)),
    entry('tokenizer.ggml.add_bos_token', types.bool, Uint8Array.of(0)),
  ]
}

/** Our matrices are inputs x outputs, those of GGUF outputs x inputs, but for tables that rows are looked up in. */
function tensorsOf(model: GptModel, parameters: readonly Parameter[]): readonly Parameter[] {
  const all = parameters.map((parameter) =>
    /^blk\..*\.(?:attn_qkv|attn_output|ffn_up|ffn_down)\.weight$/.test(parameter.name)
      ? transposed(parameter)
      : parameter,
  )
  if (!model.tied) return all
  const table = parameters.find(({ name }) => name === 'token_embd.weight')
  assert(table !== undefined, 'a gpt has a table of tokens')
  return [...all, { ...table, name: 'output.weight' }]
}

function transposed({ name, shape, values }: Parameter): Parameter {
  const [rows = 0, columns = 0] = shape
  const turned = new Float32Array(values.length)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      turned[column * rows + row] = values[row * columns + column] ?? 0
  return { name, shape: [columns, rows], values: turned }
}

/** GPT-2's table: printable bytes stand for themselves, the others for characters from 256 on. */
function byteTokens(): readonly string[] {
  let extra = 256
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
    return String.fromCodePoint(printable ? byte : extra++)
  })
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
