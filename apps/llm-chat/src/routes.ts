import { encodeBase64, encodeUtf8 } from '@cloister/codec'

import type { AppCall, AppReply } from '../../../packages/enclave/src/session/serve-app.ts'
import { ApiError } from './api-error.ts'
import { readChatRequest, type ChatRequest } from './chat-request.ts'
import { writePrompt, type Prompt } from './chat-template.ts'
import { readEmbeddingsRequest } from './embeddings-request.ts'
import type { LlamaModel } from './llama-model.ts'

/** What is served: a model, and the name that requests know it by. */
export type Served = { readonly model: LlamaModel; readonly name: string; readonly created: number }

type Route = (served: Served, request: AppCall, answer: AppReply) => Promise<number>

const json = { 'content-type': 'application/json' }
const eventStream = { 'content-type': 'text/event-stream; charset=utf-8' }

const routes: Readonly<Record<string, Readonly<Record<string, Route>>>> = {
  '/v1/models': { GET: listModels },
  '/v1/chat/completions': { POST: completeChat },
  '/v1/embeddings': { POST: embed },
}

/** Answers one request; gives the tokens that it used, which are paid for. What is not served is answered in the form of OpenAI's errors. */
export async function answerRequest(
  served: Served,
  request: AppCall,
  answer: AppReply,
): Promise<number> {
  try {
    return await routeOf(served, request)(served, request, answer)
  } catch (cause) {
    // Once a head was sent this throws again, and the session ends with the app.
    const error =
      cause instanceof ApiError
        ? cause
        : new ApiError(500, 'engine_failed', 'The model could not answer this')
    answer.head(error.status, json)
    await answer.data(error.body())
    return 0
  }
}

function routeOf({ name }: Served, { method, path }: AppCall): Route {
  if (path === `/v1/models/${name}` && method === 'GET') return showModel
  const methods = routes[path]
  const route = methods?.[method]
  if (route !== undefined) return route
  if (methods === undefined)
    throw new ApiError(404, 'unknown_url', `Unknown request URL: ${method} ${path.slice(0, 100)}`)
  throw new ApiError(
    405,
    'method_not_allowed',
    `Cannot ${method} ${path}: use ${Object.keys(methods).join(' or ')}`,
  )
}

async function listModels(served: Served, _: AppCall, answer: AppReply): Promise<number> {
  await reply(answer, { object: 'list', data: [describe(served)] })
  return 0
}

async function showModel(served: Served, _: AppCall, answer: AppReply): Promise<number> {
  await reply(answer, describe(served))
  return 0
}

async function embed({ model, name }: Served, request: AppCall, answer: AppReply) {
  const asked = readEmbeddingsRequest(request.body)
  requireModel(name, asked.model)
  const inputs = asked.inputs.map((input) =>
    typeof input === 'string' ? [...model.beginning(), ...model.tokenize(input, false)] : input,
  )
  const long = inputs.findIndex((tokens) => tokens.length > model.contextTokens)
  if (long >= 0) throw tooLong(inputs[long]?.length ?? 0, model.contextTokens, `input[${long}]`)
  const tokens = inputs.reduce((sum, input) => sum + input.length, 0)
  requireMoney(request, tokens)
  const vectors: (readonly number[])[] = []
  for (const input of inputs) {
    if (request.cancelled()) break
    vectors.push(await model.embed(input))
  }
  await reply(answer, {
    object: 'list',
    data: vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: asked.base64 ? base64Of(vector) : vector,
    })),
    model: name,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  })
  return tokens
}

async function completeChat({ model, name }: Served, request: AppCall, answer: AppReply) {
  const asked = readChatRequest(request.body)
  requireModel(name, asked.model)
  const prompt = writePrompt(model, asked.messages)
  const room = model.contextTokens - prompt.tokens.length
  if (room < 1) throw tooLong(prompt.tokens.length, model.contextTokens, 'messages')
  requireMoney(request, prompt.tokens.length + 1)
  const paid = request.unitsMax - prompt.tokens.length
  const tokensMax = Math.min(asked.tokensMax ?? room, room, paid)
  const generated = generate(model, asked, prompt, tokensMax, request.cancelled)
  const writer = asked.stream ? streamed : whole
  const used = await writer(chunkMaker(name), asked, prompt, generated, answer)
  return prompt.tokens.length + used
}

function generate(
  model: LlamaModel,
  asked: ChatRequest,
  prompt: Prompt,
  tokensMax: number,
  cancelled: () => boolean,
) {
  const stops = [...asked.stops, ...prompt.stops]
  return model.generate(prompt.tokens, { ...asked, stops, tokensMax }, cancelled)
}

type Generated = ReturnType<typeof generate>
type ChunkMaker = ReturnType<typeof chunkMaker>

async function whole(
  make: ChunkMaker,
  _: ChatRequest,
  prompt: Prompt,
  generated: Generated,
  answer: AppReply,
): Promise<number> {
  let content = ''
  let end = { reason: 'length', tokens: 0 }
  for await (const piece of generated)
    if (piece.kind === 'text') content += piece.text
    else end = piece
  const message = { role: 'assistant', content, refusal: null }
  await reply(answer, {
    ...make('chat.completion', [{ index: 0, message, logprobs: null, finish_reason: end.reason }]),
    usage: usageOf(prompt, end.tokens),
  })
  return end.tokens
}

async function streamed(
  make: ChunkMaker,
  asked: ChatRequest,
  prompt: Prompt,
  generated: Generated,
  answer: AppReply,
): Promise<number> {
  const send = (value: object) => answer.data(encodeUtf8(`data: ${JSON.stringify(value)}\n\n`))
  const usage = asked.includeUsage ? { usage: null } : {}
  const chunk = (delta: object, reason: string | null) => ({
    ...make('chat.completion.chunk', [{ index: 0, delta, logprobs: null, finish_reason: reason }]),
    ...usage,
  })
  answer.head(200, eventStream)
  let first = true
  let tokens = 0
  for await (const piece of generated) {
    if (first) await send(chunk({ role: 'assistant', content: '' }, null))
    first = false
    if (piece.kind === 'text') await send(chunk({ content: piece.text }, null))
    else {
      tokens = piece.tokens
      await send(chunk({}, piece.reason))
    }
  }
  if (asked.includeUsage)
    await send({ ...make('chat.completion.chunk', []), usage: usageOf(prompt, tokens) })
  await answer.data(encodeUtf8('data: [DONE]\n\n'))
  return tokens
}

function chunkMaker(model: string) {
  const id = `chatcmpl-${crypto.randomUUID().replaceAll('-', '')}`
  const created = Math.floor(Date.now() / 1000)
  return (object: string, choices: readonly object[]) => ({ id, object, created, model, choices })
}

function usageOf({ tokens }: Prompt, completion: number) {
  return {
    prompt_tokens: tokens.length,
    completion_tokens: completion,
    total_tokens: tokens.length + completion,
  }
}

function describe({ name, created }: Served) {
  return { id: name, object: 'model', created, owned_by: 'cloister' }
}

async function reply(answer: AppReply, value: object): Promise<void> {
  answer.head(200, json)
  await answer.data(encodeUtf8(JSON.stringify(value)))
}

function requireModel(name: string, asked: string): void {
  if (asked === name) return
  throw new ApiError(
    404,
    'model_not_found',
    `The model '${asked.slice(0, 100)}' does not exist here; there is '${name}'`,
    'model',
  )
}

function requireMoney({ unitsMax }: AppCall, tokens: number): void {
  if (tokens <= unitsMax) return
  throw new ApiError(
    402,
    'insufficient_quota',
    `This needs at least ${tokens} tokens, and the order has money for ${unitsMax}; open another session`,
  )
}

function tooLong(tokens: number, most: number, param: string): ApiError {
  return new ApiError(
    400,
    'context_length_exceeded',
    `The input has ${tokens} tokens, and there is room for ${most}, the answer included`,
    param,
  )
}

function base64Of(vector: readonly number[]): string {
  return encodeBase64(new Uint8Array(Float32Array.from(vector).buffer))
}
