import { MalformedError, type Bytes, type Json } from '@cloister/codec'
import {
  JsonFields,
  manifestJson,
  readManifest,
  type AppManifest,
  type AppRole,
} from '@cloister/learn'
import { federatedStages, manifestOfStage, type FederatedStage } from './federated-stage.ts'
import type { Frame } from './frame.ts'

/** One input of an app that is there as a whole. */
export type InlineInput = { readonly role: AppRole; readonly bytes: Bytes }

/** One input of an app that is read in ranges. */
export type RangedInput = {
  readonly role: AppRole
  /** Bytes in all. */
  readonly size: number
  readonly read: (offset: number, length: number) => Promise<Bytes>
}

/** One input of an app, opened. */
export type EngineInput = InlineInput | RangedInput

/** What a private app spends of privacy budgets: 1e-6 and 1e-12. Apps that are not private have nothing of it in their messages. */
export type PrivacySpent = { readonly epsilonMicros: bigint; readonly deltaPicos: bigint }

/** What the engine is asked to do. */
export type EngineRequest = {
  /** In a stage of a federated app: as the engine sees it then. */
  readonly app: AppManifest
  /** Undefined but for an app of kind `federated`. */
  readonly stage: FederatedStage | undefined
  /** Fewest rows that all data together must have, or nothing is made of them. */
  readonly recordsMin: number
  /** The most that a private app may spend. */
  readonly budget: PrivacySpent | undefined
  readonly inputs: readonly RangedInput[]
}

/** A part of an input that the engine wants next. */
export type EngineRead = {
  readonly kind: 'read'
  readonly input: number
  readonly offset: number
  readonly length: number
}

/** Why the engine gave up. The part of the name after `bad-` says whose input it was. */
export type EngineFailureCode =
  | 'bad-request'
  | 'bad-data'
  | 'bad-parameters'
  | 'bad-model'
  | 'bad-record'
  | 'too-few-records'
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
      readonly spent?: PrivacySpent | undefined
    }
  | {
      readonly kind: 'failed'
      readonly code: EngineFailureCode
      readonly message: string
      /** Place of the input at fault in the request, where one is. */
      readonly input: number | undefined
    }

/** Version of these messages. */
export const engineProtocolVersion = 2

/** What one message may carry of an input: what is larger is read in ranges. */
export const engineLimits = { inlineBytesMax: 1_048_576, readBytesMax: 16_777_216 } as const

const inputsMax = 128
const failureCodes = [
  'bad-request',
  'bad-data',
  'bad-parameters',
  'bad-model',
  'bad-record',
  'too-few-records',
  'output-too-large',
  'engine-failed',
] as const

/**
 * Reads a request and checks its inputs against its own manifest. `ask` gets the inputs that are not in it.
 *
 * @throws {MalformedError} naming the field.
 */
export function readEngineRequest(
  frame: Frame,
  ask: (read: EngineRead) => Promise<Bytes>,
): EngineRequest {
  const fields = new JsonFields(frame.json, 'request')
  fields.whole('version', engineProtocolVersion, engineProtocolVersion)
  const whole = readManifest(fields.value('app'))
  const stage = readStage(fields, whole)
  const app = stage === undefined ? whole : manifestOfStage(whole, stage)
  const recordsMin = fields.whole('recordsMin', 0, 0xffff_ffff)
  const budget = readPrivacy(fields, 'budget', app)
  const roles = app.inputs.map(({ role }) => role)
  const listed = fields.list('inputs', { min: 1, max: inputsMax }, (item, path) => {
    const input = new JsonFields(item, path)
    const role = input.choice('role', roles)
    const size = input.whole('size', 0, Number.MAX_SAFE_INTEGER)
    const inline = input.flag('inline')
    input.end()
    return { role, size, inline }
  })
  fields.end()
  checkInputs(app, listed)
  const sizes = listed.map(({ size, inline }) => (inline ? size : 0))
  const parts = cut(frame.payload, sizes, 'request')
  const inputs = listed.map(({ role, size, inline }, input): RangedInput => {
    const bytes = inline ? parts[input] : undefined
    const read = async (offset: number, length: number) =>
      bytes?.slice(offset, offset + length) ?? askInPieces(ask, input, offset, length)
    return { role, size, read }
  })
  return { app, stage, recordsMin, budget, inputs }
}

async function askInPieces(
  ask: (read: EngineRead) => Promise<Bytes>,
  input: number,
  offset: number,
  length: number,
): Promise<Bytes> {
  const { readBytesMax } = engineLimits
  if (length <= readBytesMax) return ask({ kind: 'read', input, offset, length })
  const whole = new Uint8Array(length)
  for (let at = 0; at < length; at += readBytesMax) {
    const piece = { offset: offset + at, length: Math.min(readBytesMax, length - at) }
    whole.set(await ask({ kind: 'read', input, ...piece }), at)
  }
  return whole
}

/** The JSON of a request. Its payload is the bytes of the inline inputs in the same order. */
export function writeEngineRequest(
  app: AppManifest,
  inputs: readonly EngineInput[],
  recordsMin: number,
  stage?: FederatedStage,
  budget: PrivacySpent = { epsilonMicros: 0n, deltaPicos: 0n },
): Json {
  return {
    version: engineProtocolVersion,
    app: manifestJson(app),
    stage: stage ?? null,
    recordsMin,
    ...(countsPrivacy(app) ? { budget: privacyJson(budget) } : {}),
    inputs: inputs.map((input) =>
      'bytes' in input
        ? { role: input.role, size: input.bytes.length, inline: true }
        : { role: input.role, size: input.size, inline: false },
    ),
  }
}

function readStage(fields: JsonFields, { kind }: AppManifest): FederatedStage | undefined {
  const stage = fields.value('stage')
  const found = federatedStages.find((each) => each === stage)
  if (
    (found === undefined) !== (stage === null) ||
    (kind === 'federated') !== (found !== undefined)
  )
    throw new MalformedError('request.stage', 0, 'expected a stage for a federated app, else null')
  return found
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
      ...(message.spent === undefined ? {} : { spent: privacyJson(message.spent) }),
    }
  const { kind, code, message: text, input } = message
  return input === undefined ? { kind, code, message: text } : { kind, code, message: text, input }
}

/**
 * Reads what came out of the sandbox. Whoever reads trusts none of it: counts, names, sizes and ranges are checked against
 * the manifest and the inputs.
 *
 * @throws {MalformedError} naming the field.
 */
export function readEngineMessage(
  frame: Frame,
  app: AppManifest,
  inputs: readonly EngineInput[] = [],
): EngineMessage | EngineRead {
  const fields = new JsonFields(frame.json, 'message')
  const kind = fields.choice('kind', ['progress', 'read', 'result', 'failed'])
  if (kind === 'result') return readResult(fields, frame.payload, app)
  if (frame.payload.length > 0)
    throw new MalformedError('message', 0, `a payload with a message of kind ${kind}`)
  if (kind === 'read') return readRange(fields, inputs)
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

function readRange(fields: JsonFields, inputs: readonly EngineInput[]): EngineRead {
  const place = fields.whole('input', 0, inputs.length - 1)
  const input = inputs[place]
  if (input === undefined || 'bytes' in input)
    throw new MalformedError('message.input', 0, 'an input that the request holds already')
  const offset = fields.whole('offset', 0, input.size)
  const lengthMax = Math.min(engineLimits.readBytesMax, input.size - offset)
  const length = fields.whole('length', 1, lengthMax)
  fields.end()
  return { kind: 'read', input: place, offset, length }
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
  const spent = readPrivacy(fields, 'spent', app)
  fields.end()
  const parts = cut(
    payload,
    declared.map(({ size }) => size),
    'message',
  )
  const outputs = parts.map((bytes, index) => ({ name: names[index] ?? '', bytes }))
  return { kind: 'result', outputs, metrics: Object.fromEntries(figures), spent }
}

function privacyJson({ epsilonMicros, deltaPicos }: PrivacySpent): Json {
  return { epsilonMicros: String(epsilonMicros), deltaPicos: String(deltaPicos) }
}

// What the accountant knows: training in one enclave.
function countsPrivacy({ kind, privacy }: AppManifest): boolean {
  return kind === 'train' && privacy !== 'none'
}

function readPrivacy(fields: JsonFields, name: string, app: AppManifest): PrivacySpent | undefined {
  if (!countsPrivacy(app)) return undefined
  const counts = new JsonFields(fields.value(name), name)
  const spent = {
    epsilonMicros: readCount(counts, 'epsilonMicros'),
    deltaPicos: readCount(counts, 'deltaPicos'),
  }
  counts.end()
  return spent
}

// An unsigned 64-bit number, which JSON's own do not hold.
function readCount(fields: JsonFields, name: string): bigint {
  const text = fields.text(name, 20)
  if (!/^(?:0|[1-9]\d*)$/.test(text) || BigInt(text) >= 1n << 64n)
    throw new MalformedError(name, 0, 'expected a decimal number of at most 64 bits')
  return BigInt(text)
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

function checkInputs(
  app: AppManifest,
  inputs: readonly { readonly role: AppRole; readonly size: number }[],
): void {
  for (const { role, countMin, countMax, bytesMax } of app.inputs) {
    const own = inputs.filter((input) => input.role === role)
    if (own.length < countMin || own.length > countMax)
      throw new MalformedError(
        'request.inputs',
        0,
        `${own.length} of role ${role}, expected ${countMin} to ${countMax}`,
      )
    const large = own.find(({ size }) => size > bytesMax)
    if (large)
      throw new MalformedError(
        'request.inputs',
        0,
        `${large.size} bytes of role ${role}, at most ${bytesMax}`,
      )
  }
}
