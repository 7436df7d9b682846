import type { Bytes, Json } from '@cloister/codec'

import { ApiError, badField } from './api-error.ts'
import { isList, isObject, RequestFields } from './request-fields.ts'

/** One message of a conversation. */
export type ChatMessage = {
  readonly role: 'system' | 'user' | 'assistant'
  readonly content: string
}

/** A chat completion that was asked for. */
export type ChatRequest = {
  readonly model: string
  readonly messages: readonly ChatMessage[]
  readonly temperature: number
  readonly topP: number
  readonly seed: number
  readonly stops: readonly string[]
  /** Undefined: as many as there is room for. */
  readonly tokensMax: number | undefined
  readonly stream: boolean
  readonly includeUsage: boolean
}

const messagesMax = 1024
const stopsMax = 4
const stopCharactersMax = 256

// The values of these that ask for nothing.
const unsupported: Readonly<Record<string, (value: Json) => boolean>> = {
  n: (value) => value === 1,
  logprobs: (value) => value === false,
  top_logprobs: (value) => value === 0,
  presence_penalty: (value) => value === 0,
  frequency_penalty: (value) => value === 0,
  logit_bias: (value) => isObject(value) && Object.keys(value).length === 0,
  tools: (value) => isList(value) && value.length === 0,
  tool_choice: (value) => value === 'none' || value === 'auto',
  functions: (value) => isList(value) && value.length === 0,
  function_call: (value) => value === 'none' || value === 'auto',
  response_format: (value) => isObject(value) && value['type'] === 'text',
  modalities: (value) => isList(value) && value.every((item) => item === 'text'),
  store: (value) => value === false,
}

/** Reads the body of `POST /v1/chat/completions`. @throws {ApiError} naming the field. */
export function readChatRequest(body: Bytes): ChatRequest {
  const fields = new RequestFields(body)
  const model = fields.text('model')
  const messages = readMessages(fields.value('messages'))
  const older = fields.whole('max_tokens', 1, 1_000_000)
  const tokensMax = fields.whole('max_completion_tokens', 1, 1_000_000) ?? older
  const stream = fields.flag('stream') ?? false
  const request: ChatRequest = {
    model,
    messages,
    temperature: fields.number('temperature', 0, 2) ?? 1,
    topP: fields.number('top_p', 0, 1) ?? 1,
    seed: (fields.whole('seed', -(2 ** 53) + 1, 2 ** 53 - 1) ?? randomSeed()) >>> 0,
    stops: readStops(fields.value('stop')),
    tokensMax,
    stream,
    includeUsage: readStreamOptions(fields.value('stream_options'), stream),
  }
  fields.ignore('user', 'metadata', 'service_tier', 'safety_identifier', 'prompt_cache_key')
  fields.ignore('parallel_tool_calls')
  fields.refuse(unsupported)
  fields.end()
  return request
}

function readMessages(value: Json | undefined): readonly ChatMessage[] {
  if (value === undefined || !isList(value) || value.length === 0 || value.length > messagesMax)
    throw badField('messages', `expected a list of 1 to ${messagesMax} messages`)
  return value.map((message, index) => {
    const path = `messages[${index}]`
    if (!isObject(message)) throw badField(path, 'expected an object')
    return {
      role: roleOf(message['role'], `${path}.role`),
      content: contentOf(message['content'], `${path}.content`),
    }
  })
}

function roleOf(value: Json | undefined, path: string): ChatMessage['role'] {
  if (value === 'developer') return 'system'
  if (value === 'system' || value === 'user' || value === 'assistant') return value
  throw badField(path, 'expected system, developer, user or assistant')
}

function contentOf(value: Json | undefined, path: string): string {
  if (typeof value === 'string') return value
  if (value === undefined || !isList(value))
    throw badField(path, 'expected a text, or a list of text parts')
  return value
    .map((part) => {
      if (isObject(part) && part['type'] === 'text' && typeof part['text'] === 'string')
        return part['text']
      throw new ApiError(
        400,
        'unsupported_content',
        `Cannot use '${path}': this app reads text parts only`,
        path,
      )
    })
    .join('')
}

function readStops(value: Json | undefined): readonly string[] {
  if (value === undefined) return []
  const list = typeof value === 'string' ? [value] : isList(value) ? value : []
  const words = list.filter(
    (word) => typeof word === 'string' && word !== '' && word.length <= stopCharactersMax,
  )
  if (words.length !== list.length || list.length === 0 || list.length > stopsMax)
    throw badField(
      'stop',
      `expected 1 to ${stopsMax} texts of at most ${stopCharactersMax} characters`,
    )
  return words.map(String)
}

function readStreamOptions(value: Json | undefined, stream: boolean): boolean {
  if (value === undefined) return false
  if (!stream) throw badField('stream_options', 'it goes with "stream": true')
  if (!isObject(value)) throw badField('stream_options', 'expected an object')
  const { include_usage: includeUsage, include_obfuscation: _, ...others } = value
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw badField('stream_options', `${unknown.slice(0, 64)} is unknown`)
  return includeUsage === true
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] ?? 0
}
