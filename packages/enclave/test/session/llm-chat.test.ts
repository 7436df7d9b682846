import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { concatBytes, encodeUtf8, OperationError } from '@cloister/codec'
import { readManifest } from '@cloister/learn'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { buildLlmChat, describeLlmChat, llamaFolder } from '../../../../scripts/build-llm-chat.ts'
import { nodeBinary } from '../../../../scripts/build-enclave.ts'
import { noiseModel } from '../../../../scripts/noise-model.ts'
import { probeSandbox } from '../../src/sandbox/bubblewrap.ts'
import { runSandboxed, type Sandboxed } from '../../src/sandbox/run-sandboxed.ts'
import { nodeProgram } from '../../src/sandbox/program.ts'
import { AppPipes } from '../../src/session/app-pipes.ts'
import {
  sessionLimitsOf,
  withSessionProgram,
  type SessionRuntime,
} from '../../src/session/session-program.ts'

const missing = whatIsMissing()
if (missing !== undefined) console.warn(`SKIPPED: the language model app, ${missing}`)

const folder = mkdtempSync(join(tmpdir(), 'llm-chat-'))
let sandboxed: Sandboxed
let pipes: AppPipes

beforeAll(async () => {
  if (missing !== undefined) return
  await buildLlmChat(folder)
  const manifest = readManifest(describeLlmChat(folder).manifest)
  // Unpacking is tested with bundles: here it lies in its folder already.
  const bundles: SessionRuntime['bundles'] = { with: (_, use) => use(folder) }
  const node = nodeBinary()
  const runtime = { node, bundles, program: nodeProgram({ node, files: [], entry: '' }) }
  const started = Promise.withResolvers<Sandboxed>()
  const over = withSessionProgram(runtime, manifest, async (program) => {
    const run = await runSandboxed(program, sessionLimitsOf(manifest, 60), 'bubblewrap')
    started.resolve(run)
    await run.ended
  })
  over.catch((error: unknown) => started.reject(error))
  sandboxed = await started.promise
  pipes = new AppPipes({ stdin: sandboxed.input, stdout: sandboxed.output })
  const model = noiseModel()
  const read = async (offset: number, length: number) => model.slice(offset, offset + length)
  await pipes.start([{ role: 'model', size: model.length, read }])
})

afterAll(async () => {
  sandboxed?.kill()
  await sandboxed?.ended
  rmSync(folder, { recursive: true, force: true })
})

const user = (content: string) => [{ role: 'user', content }]
const model = 'cloister-llm'

async function ask(
  path: string,
  body?: unknown,
  { unitsMax = 1e6, method = body === undefined ? 'GET' : 'POST' } = {},
) {
  const bytes = body === undefined ? new Uint8Array(0) : encodeUtf8(JSON.stringify(body))
  const { pieces } = pipes.ask({ method, path, headers: {}, unitsMax, body: bytes })
  const parts: Uint8Array[] = []
  let [status, units] = [0, 0]
  for await (const piece of pieces)
    if (piece.kind === 'head') status = piece.status
    else if (piece.kind === 'data') parts.push(piece.body)
    else units = piece.units
  return { status, units, text: new TextDecoder().decode(concatBytes(...parts)) }
}

const chat = async (body: object, options = {}) => {
  const answer = await ask(
    '/v1/chat/completions',
    { model, messages: user('Hello'), max_tokens: 8, ...body },
    options,
  )
  return { ...answer, json: JSON.parse(answer.text) }
}

test.skipIf(missing !== undefined)('the model is listed, and unknown ones are not', async () => {
  const listed = await ask('/v1/models')
  expect(JSON.parse(listed.text)).toMatchObject({
    object: 'list',
    data: [{ id: model, object: 'model' }],
  })
  expect(listed.units).toBe(0)
  expect((await ask(`/v1/models/${model}`)).status).toBe(200)
  expect((await chat({ model: 'gpt-9' })).json.error).toMatchObject({
    code: 'model_not_found',
    param: 'model',
  })
})

test.skipIf(missing !== undefined)(
  'a seed gives the same answer again, another one another',
  async () => {
    const said = async (seed: number, content = 'Hello') =>
      (await chat({ seed, max_tokens: 24, messages: user(content) })).json.choices[0].message
        .content
    const first = await said(1)
    expect(await said(2)).not.toBe(first)
    // Between the two the context held another conversation.
    await said(3, 'Hello, and something longer than before')
    expect(await said(1)).toBe(first)
  },
)

test.skipIf(missing !== undefined)('tokens are counted, limited, and are the units', async () => {
  const { json, units } = await chat({ temperature: 0 })
  const { usage, choices } = json
  expect(usage.total_tokens).toBe(usage.prompt_tokens + usage.completion_tokens)
  expect(units).toBe(usage.total_tokens)
  expect(usage.completion_tokens).toBeLessThanOrEqual(8)
  // <|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n, one token per byte and per mark.
  expect(usage.prompt_tokens).toBe(1 + 5 + 5 + 1 + 1 + 1 + 10)
  expect(['stop', 'length']).toContain(choices[0].finish_reason)
  const short = await chat({ temperature: 0 }, { unitsMax: 26 })
  expect(short.units).toBe(26)
  const none = await chat({}, { unitsMax: 20 })
  expect([none.status, none.units, none.json.error.code]).toEqual([402, 0, 'insufficient_quota'])
})

test.skipIf(missing !== undefined)('a stop word ends the text before it', async () => {
  const whole = (await chat({ seed: 5, max_tokens: 40 })).json.choices[0].message.content
  const stop = [...whole].slice(6, 8).join('')
  const { json } = await chat({ seed: 5, max_tokens: 40, stop: [stop] })
  expect(json.choices[0]).toMatchObject({
    finish_reason: 'stop',
    message: { content: whole.slice(0, whole.indexOf(stop)) },
  })
})

test.skipIf(missing !== undefined)('a stream says what the whole answer says', async () => {
  const whole = (await chat({ seed: 9, max_tokens: 30 })).json
  const stream = await ask('/v1/chat/completions', {
    model,
    messages: user('Hello'),
    seed: 9,
    max_tokens: 30,
    stream: true,
    stream_options: { include_usage: true },
  })
  const events = stream.text.split('\n\n').filter((event) => event !== '')
  expect(events.pop()).toBe('data: [DONE]')
  const chunks = events.map((event) => JSON.parse(event.slice('data: '.length)))
  const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')
  expect(text).toBe(whole.choices[0].message.content)
  expect(chunks.at(-1).usage).toEqual(whole.usage)
})

test.skipIf(missing !== undefined)(
  'vectors have length 1, and follow from their text',
  async () => {
    const { json, units } = await ask('/v1/embeddings', {
      model,
      input: ['one text', 'another', 'one text'],
    }).then((answer) => ({ ...answer, json: JSON.parse(answer.text) }))
    const [a, b, c]: number[][] = json.data.map((each: { embedding: number[] }) => each.embedding)
    expect(a).toHaveLength(64)
    expect(Math.hypot(...a!)).toBeCloseTo(1)
    expect(c).toEqual(a)
    expect(b).not.toEqual(a)
    expect(units).toBe(8 + 7 + 8)
    expect(json.usage.total_tokens).toBe(23)
  },
)

test.skipIf(missing !== undefined)('what is not served is said by name', async () => {
  const refused = async (body: object) => {
    const { status, units, json } = await chat(body)
    return [status, units, json.error.code, json.error.param]
  }
  expect(await refused({ tools: [{ type: 'function' }] })).toEqual([
    400,
    0,
    'unsupported_parameter',
    'tools',
  ])
  expect(await refused({ temprature: 1 })).toEqual([400, 0, 'unknown_parameter', 'temprature'])
  expect(await refused({ temperature: 9 })).toEqual([400, 0, 'invalid_value', 'temperature'])
  expect(await refused({ messages: [] })).toEqual([400, 0, 'invalid_value', 'messages'])
  expect(await refused({ messages: user('x'.repeat(3000)) })).toEqual([
    400,
    0,
    'context_length_exceeded',
    'messages',
  ])
  expect((await chat({ user: 'someone', n: 1, tools: [] })).status).toBe(200)
  expect((await ask('/v1/images/generations', {})).status).toBe(404)
  expect((await ask('/v1/models', {})).status).toBe(405)
})

test.skipIf(missing !== undefined)(
  'what people write is never read as a mark of the template',
  async () => {
    const plain = (await chat({ messages: user('<|im_end|>') })).json.usage.prompt_tokens
    const letters = (await chat({ messages: user('aaaaaaaaaa') })).json.usage.prompt_tokens
    expect(plain).toBe(letters)
  },
)

test.skipIf(missing !== undefined)('an answer that nobody waits for stops', async () => {
  const body = encodeUtf8(
    JSON.stringify({ model, messages: user('Hi'), stream: true, logit_bias: {} }),
  )
  const exchange = pipes.ask({
    method: 'POST',
    path: '/v1/chat/completions',
    headers: {},
    unitsMax: 1e6,
    body,
  })
  let [units, seen] = [0, 0]
  for await (const piece of exchange.pieces)
    if (piece.kind === 'end') units = piece.units
    else if (++seen === 4) exchange.cancel()
  expect(units).toBeGreaterThan(20)
  expect(units).toBeLessThan(2000)
})

function whatIsMissing(): string | undefined {
  if (probeSandbox(nodeBinary()) === 'none') return 'bubblewrap does not run here'
  try {
    llamaFolder()
    return undefined
  } catch (error) {
    return error instanceof OperationError ? error.message : 'llama.cpp is missing'
  }
}
