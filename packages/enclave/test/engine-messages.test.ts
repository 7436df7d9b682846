import { PassThrough, Readable, Writable } from 'node:stream'
import { concatBytes, encodeUtf8, MalformedError, OperationError, type Json } from '@cloister/codec'
import { expect, test } from 'vitest'
import { askEngine } from '../src/engine/client.ts'
import { encodeFrame, FrameDecoder } from '../src/engine/frame.ts'
import {
  readEngineMessage,
  readEngineRequest,
  writeEngineRequest,
  type InlineInput,
} from '../src/engine/messages.ts'
import { serveOne } from '../src/engine/serve.ts'
import { manifestOf } from './engine-process.ts'

const app = manifestOf('tabular-train')
const inputs: readonly InlineInput[] = [
  { role: 'data', bytes: encodeUtf8('1,a\n') },
  { role: 'parameters', bytes: encodeUtf8('{}') },
]
const request = writeEngineRequest(app, inputs, 0)
const payload = concatBytes(...inputs.map(({ bytes }) => bytes))

test('a request is read as it was written', async () => {
  const read = readEngineRequest({ json: request, payload }, nobody)
  expect([read.app, read.recordsMin]).toEqual([app, 0])
  const whole = await Promise.all(read.inputs.map((input) => input.read(0, input.size)))
  expect(whole).toEqual(inputs.map(({ bytes }) => bytes))
})

test('an input that is not in the request is asked for by range', async () => {
  const far = { role: 'data', size: 5_000_000, read: () => Promise.reject(new Error('unused')) }
  const json = writeEngineRequest(app, [far, ...inputs.slice(1)], 7)
  const asked: unknown[] = []
  const read = readEngineRequest({ json, payload: encodeUtf8('{}') }, async (range) => {
    asked.push(range)
    return Uint8Array.of(9)
  })
  expect(read.recordsMin).toBe(7)
  expect(await read.inputs[0]?.read(4_000_000, 1)).toEqual(Uint8Array.of(9))
  expect(asked).toEqual([{ kind: 'read', input: 0, offset: 4_000_000, length: 1 }])
})

test('more than one message may carry is asked for in pieces', async () => {
  const far = { role: 'data', size: 40_000_000, read: () => Promise.reject(new Error('unused')) }
  const json = writeEngineRequest(app, [far, ...inputs.slice(1)], 0)
  const asked: [number, number][] = []
  const read = readEngineRequest({ json, payload: encodeUtf8('{}') }, async (range) => {
    asked.push([range.offset, range.length])
    return new Uint8Array(range.length).fill(asked.length)
  })
  const whole = await read.inputs[0]?.read(1, 39_000_000)
  expect(asked).toEqual([[1, 16_777_216], [16_777_217, 16_777_216], [33_554_433, 5_445_568]]) // prettier-ignore
  expect([whole?.[0], whole?.[16_777_216], whole?.[38_999_999]]).toEqual([1, 2, 3])
})

const nobody = () => Promise.reject(new Error('nothing is asked for'))

/** A copy of the request with one change, as JSON from outside would come. */
function changed(change: (request: Record<string, unknown>) => void): Json {
  const copy: Record<string, unknown> = JSON.parse(JSON.stringify(request))
  change(copy)
  const json: Json = JSON.parse(JSON.stringify(copy))
  return json
}

test.for<[string, Json, string]>([
  ['another version', changed((r) => (r['version'] = 1)), 'request.version'],
  ['an unknown field', changed((r) => (r['keys'] = [])), 'request'],
  ['no app', changed((r) => delete r['app']), 'request.app'],
  ['an unknown role', changed((r) => (r['inputs'] = [{ role: 'key', size: 6, inline: true }])), 'request.inputs[0].role'],
  ['a negative size', changed((r) => (r['inputs'] = [{ role: 'data', size: -1, inline: true }])), 'request.inputs[0].size'],
  ['sizes that leave bytes over', changed((r) => (r['inputs'] = [{ role: 'data', size: 3, inline: true }, { role: 'parameters', size: 2, inline: true }])), 'request payload'],
  ['more data than the app takes', changed((r) => (r['inputs'] = [{ role: 'data', size: 2 ** 40, inline: false }, { role: 'parameters', size: 6, inline: true }])), 'request.inputs'],
  ['two parameters', changed((r) => (r['inputs'] = [{ role: 'parameters', size: 4, inline: true }, { role: 'parameters', size: 2, inline: true }])), 'request.inputs'],
])('a request with %s is refused', ([, json, field]) => {
  try {
    readEngineRequest({ json, payload }, nobody)
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    expect(error.field).toBe(field)
    return
  }
  expect.unreachable()
}) // prettier-ignore

const result = (outputs: Json, metrics: Json = { loss: 0.5, accuracy: 1 }): Json => ({
  kind: 'result',
  outputs,
  metrics,
})
const three = Uint8Array.of(1, 2, 3)
const model = { name: 'model.onnx', size: 3 }

test('a result that keeps to the manifest is read', () => {
  expect(readEngineMessage({ json: result([model]), payload: three }, app)).toEqual({
    kind: 'result',
    outputs: [{ name: 'model.onnx', bytes: three }],
    metrics: { loss: 0.5, accuracy: 1 },
  })
})

test.for<[string, Json, string]>([
  ['an output that is not declared', result([{ name: 'other', size: 3 }]), 'message.outputs[0].name'],
  ['two outputs', result([model, model]), 'message.outputs'],
  ['a size past the payload', result([{ ...model, size: 4 }]), 'message.outputs[0].size'],
  ['a size short of the payload', result([{ ...model, size: 2 }]), 'message payload'],
  ['a metric that is not declared', result([model], { loss: 1, accuracy: 1, rows: 455 }), 'message.metrics'],
  ['a metric too few', result([model], { loss: 1 }), 'message.metrics.accuracy'],
  ['a text as a metric', result([model], { loss: 'x', accuracy: 1 }), 'message.metrics.loss'],
  ['another kind', { kind: 'data' }, 'message.kind'],
  ['a range of an input that it has', { kind: 'read', input: 0, offset: 0, length: 1 }, 'message'],
  ['a payload with progress', { kind: 'progress', done: 1, total: 100 }, 'message'],
])('an engine that answers with %s is not believed', ([, json, field]) => {
  try {
    readEngineMessage({ json, payload: three }, app)
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    expect(error.field).toBe(field)
    return
  }
  expect.unreachable()
}) // prettier-ignore

async function ask(...parts: readonly Uint8Array[]) {
  const stdin = new PassThrough()
  stdin.resume()
  return askEngine({ stdin, stdout: Readable.from(parts) }, app, inputs)
}

test('an engine gets the range that it asks for, and no other', async () => {
  const rows = Uint8Array.from({ length: 3_000_000 }, (_, index) => index % 251)
  const read = async (offset: number, length: number) => rows.slice(offset, offset + length)
  const ranged = [{ role: 'data', size: rows.length, read }, inputs[1]!]
  const written: Buffer[] = []
  const copying = () =>
    new Writable({
      write: (piece: Buffer, _, done) => {
        written.push(Buffer.from(piece))
        done()
      },
    })
  const askFor = (input: number, offset: number, length: number) =>
    askEngine(
      {
        stdin: copying(),
        stdout: Readable.from([
          ...encodeFrame({ kind: 'read', input, offset, length }),
          ...encodeFrame(result([model]), three),
        ]),
      },
      app,
      ranged,
    )
  await expect(askFor(1, 0, 1)).rejects.toThrow('holds already')
  await expect(askFor(2, 0, 1)).rejects.toThrow('message.input')
  await expect(askFor(0, rows.length, 1)).rejects.toThrow('message.length')
  await expect(askFor(0, 0, 16_777_217)).rejects.toThrow('message.length')
  written.length = 0
  expect((await askFor(0, 251, 3)).kind).toBe('result')
  const [, got] = new FrameDecoder(100).push(Buffer.concat(written))
  expect(got).toEqual({
    json: { kind: 'bytes', input: 0, offset: 251 },
    payload: Uint8Array.of(0, 1, 2),
  })
})

test('an input that cannot be read is told apart from what the engine does', async () => {
  const cause = new OperationError('part-refused', 'a part is another')
  const gone = { role: 'data', size: 3_000_000, read: () => Promise.reject(cause) }
  const stdout = Readable.from(encodeFrame({ kind: 'read', input: 0, offset: 0, length: 1 }))
  const asked = askEngine({ stdin: new PassThrough(), stdout }, app, [gone, inputs[1]!])
  await expect(asked).rejects.toMatchObject({ name: 'InputUnreadable', cause })
})

test('an engine that is silent, breaks off or repeats its progress is an error of its own', async () => {
  const progress = encodeFrame({ kind: 'progress', done: 5, total: 100 })
  await expect(ask()).rejects.toThrow(OperationError)
  await expect(ask(Uint8Array.of(0, 0))).rejects.toThrow(OperationError)
  await expect(ask(...progress, ...progress)).rejects.toThrow('progress')
  const done = await ask(...progress, ...encodeFrame(result([model]), three))
  expect(done.kind).toBe('result')
})

async function serve(...parts: readonly Uint8Array[]) {
  const output = new PassThrough()
  const written: Buffer[] = []
  output.on('data', (piece: Buffer) => written.push(piece))
  const succeeded = await serveOne({
    input: Readable.from(parts),
    output,
    runtime: () => Promise.reject(new TypeError('canary4711 in a library’s message')),
    clock: () => 0,
  })
  const [frame] = new FrameDecoder(100).push(Buffer.concat(written))
  return { succeeded, message: readEngineMessage(frame!, app) }
}

test.for<[string, readonly Uint8Array[], string]>([
  ['nothing', [], 'ends before it is complete'],
  ['half a request', encodeFrame(request, payload).slice(0, 2), 'ends before it is complete'],
  ['no JSON', [Uint8Array.of(0, 0, 0, 5, 0, 0, 0, 1, 0x78)], 'not JSON'],
])('on %s the engine says what is wrong with the request', async ([, parts, part]) => {
  const { succeeded, message } = await serve(...parts)
  expect(succeeded).toBe(false)
  expect(message).toMatchObject({ kind: 'failed', code: 'bad-request' })
  expect(message).toHaveProperty('message', expect.stringContaining(part))
}) // prettier-ignore

test('what a library says of its own failure stays inside', async () => {
  const { message } = await serve(...encodeFrame(request, payload))
  expect(message).toMatchObject({ kind: 'failed', code: 'engine-failed' })
  expect(JSON.stringify(message)).not.toContain('4711')
})
