import { MalformedError, type Bytes, type Json } from '@cloister/codec'
import {
  JsonFields,
  manifestJson,
  readManifest,
  type AppManifest,
  type AppRole,
} from '@cloister/learn'
import type { Frame } from './frame.ts'

/** One input of an app, opened. */
export type EngineInput = { readonly role: AppRole; readonly bytes: Bytes }

/** What the engine is asked to do. */
export type EngineRequest = {
  readonly app: AppManifest
  readonly inputs: readonly EngineInput[]
}

/** Why the engine gave up. The part of the name after `bad-` says whose input it was. */
export type EngineFailureCode =
  | 'bad-request'
  | 'bad-data'
  | 'bad-parameters'
  | 'bad-model'
  | 'bad-record'
  | 'output-too-large'
  | 'engine-failed'

/** One output of an app. */
export type EngineOutput = { readonly name: string; readonly bytes: Bytes }

/** What the engine says. Nothing but a result's outputs depends on the inputs' values. */
export type EngineMessage =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | {
      readonly kind: 'result'
      readonly outputs: readonly EngineOutput[]
      readonly metrics: Readonly<Record<string, number>>
    }
  | {
      readonly kind: 'failed'
      readonly code: EngineFailureCode
      readonly message: string
      /** Place of the input at fault in the request, where one is. */
      readonly input: number | undefined
    }

/** Version of these messages. */
export const engineProtocolVersion = 1

const inputsMax = 128
const failureCodes = [
  'bad-request',
  'bad-data',
  'bad-parameters',
  'bad-model',
  'bad-record',
  'output-too-large',
  'engine-failed',
] as const

/**
 * Reads a request and checks its inputs against its own manifest.
 *
 * @throws {MalformedError} naming the field.
 */
export function readEngineRequest(frame: Frame): EngineRequest {
  const fields = new JsonFields(frame.json, 'request')
  fields.whole('version', engineProtocolVersion, engineProtocolVersion)
  const app = readManifest(fields.value('app'))
  const roles = app.inputs.map(({ role }) => role)
  const sizes = fields.list('inputs', { min: 1, max: inputsMax }, (item, path) => {
    const input = new JsonFields(item, path)
    const role = input.choice('role', roles)
    const size = input.whole('size', 0, frame.payload.length)
    input.end()
    return { role, size }
  })
  fields.end()
  const inputs = cut(
    frame.payload,
    sizes.map(({ size }) => size),
    'request',
  ).map((bytes, index) => ({ role: sizes[index]?.role ?? 'data', bytes }))
  checkInputs(app, inputs)
  return { app, inputs }
}

/** The JSON of a request. Its payload is the inputs' bytes in the same order. */
export function writeEngineRequest(app: AppManifest, inputs: readonly EngineInput[]): Json {
  return {
    version: engineProtocolVersion,
    app: manifestJson(app),
    inputs: inputs.map(({ role, bytes }) => ({ role, size: bytes.length })),
  }
}

/** The JSON of a message. A result's payload is its outputs' bytes in the same order. */
export function writeEngineMessage(message: EngineMessage): Json {
  if (message.kind === 'progress')
    return { kind: message.kind, done: message.done, total: message.total }
  if (message.kind === 'result')
    return {
      kind: message.kind,
      outputs: message.outputs.map(({ name, bytes }) => ({ name, size: bytes.length })),
      metrics: message.metrics,
    }
  const { kind, code, message: text, input } = message
  return input === undefined ? { kind, code, message: text } : { kind, code, message: text, input }
}

/**
 * Reads what came out of the sandbox. Whoever reads trusts none of it: counts, names and sizes are checked against
 * the manifest.
 *
 * @throws {MalformedError} naming the field.
 */
export function readEngineMessage(frame: Frame, app: AppManifest): EngineMessage {
  const fields = new JsonFields(frame.json, 'message')
  const kind = fields.choice('kind', ['progress', 'result', 'failed'])
  if (kind === 'result') return readResult(fields, frame.payload, app)
  if (frame.payload.length > 0)
    throw new MalformedError('message', 0, `a payload with a message of kind ${kind}`)
  if (kind === 'progress') {
    const total = fields.whole('total', 100, 100)
    const done = fields.whole('done', 1, 99)
    fields.end()
    return { kind, done, total }
  }
  const code = fields.choice('code', failureCodes)
  const message = fields.text('message', 1000)
  const input = fields.has('input') ? fields.whole('input', 0, inputsMax - 1) : undefined
  fields.end()
  return { kind, code, message, input }
}

function readResult(fields: JsonFields, payload: Bytes, app: AppManifest): EngineMessage {
  const count = app.outputs.length
  const declared = fields.list('outputs', { min: count, max: count }, (item, path) => {
    const output = new JsonFields(item, path)
    const name = output.choice(
      'name',
      app.outputs.map((each) => each.name),
    )
    const bytesMax = app.outputs.find((each) => each.name === name)?.bytesMax ?? 0
    const size = output.whole('size', 0, Math.min(bytesMax, payload.length))
    output.end()
    return { name, size }
  })
  const names = declared.map(({ name }) => name)
  if (new Set(names).size !== names.length)
    throw new MalformedError('message.outputs', 0, 'one name twice')
  const metrics = new JsonFields(fields.value('metrics'), 'message.metrics')
  const figures = app.metrics.map((name) => [name, metrics.number(name, -1e9, 1e9)] as const)
  metrics.end()
  fields.end()
  const parts = cut(
    payload,
    declared.map(({ size }) => size),
    'message',
  )
  const outputs = parts.map((bytes, index) => ({ name: names[index] ?? '', bytes }))
  return { kind: 'result', outputs, metrics: Object.fromEntries(figures) }
}

/** Cuts a payload into parts that use it up to the last byte. */
function cut(payload: Bytes, sizes: readonly number[], field: string): readonly Bytes[] {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  if (total !== payload.length)
    throw new MalformedError(
      `${field} payload`,
      0,
      `${payload.length} bytes, the sizes add up to ${total}`,
    )
  let offset = 0
  return sizes.map((size) => payload.subarray(offset, (offset += size)))
}

function checkInputs(app: AppManifest, inputs: readonly EngineInput[]): void {
  for (const { role, countMin, countMax, bytesMax } of app.inputs) {
    const own = inputs.filter((input) => input.role === role)
    if (own.length < countMin || own.length > countMax)
      throw new MalformedError(
        'request.inputs',
        0,
        `${own.length} of role ${role}, expected ${countMin} to ${countMax}`,
      )
    const large = own.find((input) => input.bytes.length > bytesMax)
    if (large)
      throw new MalformedError(
        'request.inputs',
        0,
        `${large.bytes.length} bytes of role ${role}, at most ${bytesMax}`,
      )
  }
  const roles = app.inputs.map((input) => input.role)
  const stray = inputs.find((input) => !roles.includes(input.role))
  if (stray)
    throw new MalformedError('request.inputs', 0, `role ${stray.role} is not in the manifest`)
}
