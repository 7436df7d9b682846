import { MalformedError, type Bytes, type Json } from '@cloister/codec'
import { JsonFields } from '@cloister/learn'

import type { Frame } from '../engine/frame.ts'

/**
 * What a session says to its app. A start comes first; then the inputs' bytes in `part` messages, one input after the other; then requests,
 * each with its body as payload.
 */
export type ToApp =
  | { readonly kind: 'start'; readonly inputs: readonly AppInputSize[] }
  | { readonly kind: 'part'; readonly input: number }
  | {
      readonly kind: 'request'
      readonly id: number
      readonly method: string
      readonly path: string
      /** Of the requester's headers those that matter: `content-type` and `accept`. */
      readonly headers: Readonly<Record<string, string>>
      /** The most units that this request may use: what money is left for. */
      readonly unitsMax: number
    }
  | { readonly kind: 'cancel'; readonly id: number }

/** One input of a start. */
export type AppInputSize = { readonly role: string; readonly size: number }

/** What an app says. `ready` comes first; then per request one `head`, any number of `data`, and one `end`. */
export type FromApp =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'head'
      readonly id: number
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
    }
  | { readonly kind: 'data'; readonly id: number; readonly body: Bytes }
  | { readonly kind: 'end'; readonly id: number; readonly units: number }

/** What one message may hold. */
export const appMessageLimits = {
  dataBytesMax: 65_000,
  partBytesMax: 4 * 1024 * 1024,
  pathCharactersMax: 1024,
  headersMax: 8,
  headerCharactersMax: 1024,
  unitsMax: 2 ** 48,
  inputsMax: 128,
} as const

const idMax = Number.MAX_SAFE_INTEGER
const methods = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD'] as const

/** The JSON of a message to an app. */
export function writeToApp(message: ToApp): Json {
  if (message.kind === 'start')
    return { kind: 'start', inputs: message.inputs.map((input) => ({ ...input })) }
  if (message.kind !== 'request') return { ...message }
  return { ...message, headers: { ...message.headers } }
}

/** Reads what a session says: the app's side. @throws {MalformedError} */
export function readToApp({ json }: Frame): ToApp {
  const fields = new JsonFields(json, 'message')
  const kind = fields.choice('kind', ['start', 'part', 'request', 'cancel'])
  if (kind === 'start') {
    const inputs = fields.list('inputs', { min: 0, max: appMessageLimits.inputsMax }, readSize)
    fields.end()
    return { kind, inputs }
  }
  if (kind === 'part') {
    const input = fields.whole('input', 0, appMessageLimits.inputsMax - 1)
    fields.end()
    return { kind, input }
  }
  const id = fields.whole('id', 0, idMax)
  if (kind === 'cancel') {
    fields.end()
    return { kind, id }
  }
  const message: ToApp = {
    kind,
    id,
    method: fields.choice('method', methods),
    path: fields.text('path', appMessageLimits.pathCharactersMax),
    headers: readHeaders(fields.value('headers'), 'message.headers'),
    unitsMax: fields.whole('unitsMax', 0, appMessageLimits.unitsMax),
  }
  fields.end()
  return message
}

/** The JSON of a message from an app: the app's side. A `data` message's body is its frame's payload. */
export function writeFromApp(message: FromApp): Json {
  if (message.kind === 'data') return { kind: 'data', id: message.id }
  if (message.kind === 'head') return { ...message, headers: { ...message.headers } }
  return { ...message }
}

/** Reads what an app says. It is believed nothing: every count and size is checked. @throws {MalformedError} */
export function readFromApp({ json, payload }: Frame): FromApp {
  const fields = new JsonFields(json, 'message')
  const kind = fields.choice('kind', ['ready', 'head', 'data', 'end'])
  if (kind !== 'data' && payload.length > 0)
    throw new MalformedError('message', 0, `a payload with a message of kind ${kind}`)
  if (kind === 'ready') {
    fields.end()
    return { kind }
  }
  const id = fields.whole('id', 0, idMax)
  if (kind === 'data') {
    fields.end()
    // Nothing would bound how many of them make one answer.
    if (payload.length === 0) throw new MalformedError('message', 0, 'data without a byte')
    return { kind, id, body: payload }
  }
  if (kind === 'end') {
    const units = fields.whole('units', 0, appMessageLimits.unitsMax)
    fields.end()
    return { kind, id, units }
  }
  const status = fields.whole('status', 200, 599)
  const headers = readHeaders(fields.value('headers'), 'message.headers')
  fields.end()
  return { kind, id, status, headers }
}

function readSize(item: Json, path: string): AppInputSize {
  const fields = new JsonFields(item, path)
  const input = {
    role: fields.text('role', 64),
    size: fields.whole('size', 0, Number.MAX_SAFE_INTEGER),
  }
  fields.end()
  return input
}

/** Header names in lower case with printable values, few and short. @throws {MalformedError} */
export function readHeaders(value: Json, path: string): Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new MalformedError(path, 0, 'expected an object')
  const entries = Object.entries(value)
  if (entries.length > appMessageLimits.headersMax)
    throw new MalformedError(path, 0, `${entries.length} headers, at most 8`)
  return Object.fromEntries(
    entries.map(([name, text]) => {
      if (!/^[a-z0-9-]{1,64}$/.test(name) || typeof text !== 'string' || !isHeaderText(text))
        throw new MalformedError(path, 0, 'expected short, printable headers in lower case')
      return [name, text]
    }),
  )
}

function isHeaderText(text: string): boolean {
  return text.length <= appMessageLimits.headerCharactersMax && /^[\x20-\x7e]*$/.test(text)
}
