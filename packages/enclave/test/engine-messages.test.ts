import { PassThrough, Readable } from 'node:stream'
import { concatBytes, encodeUtf8, MalformedError, OperationError, type Json } from '@cloister/codec'
import { expect, test } from 'vitest'
import { askEngine } from '../src/engine/client.ts'
import { encodeFrame, FrameDecoder } from '../src/engine/frame.ts'
import {
  readEngineMessage,
  readEngineRequest,
  writeEngineRequest,
  type EngineInput,
} from '../src/engine/messages.ts'
import { serveOne } from '../src/engine/serve.ts'
import { manifestOf } from './engine-process.ts'

const app = manifestOf('tabular-train')
const inputs: readonly EngineInput[] = [
  { role: 'data', bytes: encodeUtf8('1,a\n') },
  { role: 'parameters', bytes: encodeUtf8('{}') },
]
const request = writeEngineRequest(app, inputs)
const payload = concatBytes(...inputs.map(({ bytes }) => bytes))

test('a request is read as it was written', () => {
  expect(readEngineRequest({ json: request, payload })).toEqual({ app, inputs })
})

/** A copy of the request with one change, as JSON from outside would come. */
function changed(change: (request: Record<string, unknown>) => void): Json {
  const copy: Record<string, unknown> = JSON.parse(JSON.stringify(request))
  change(copy)
  const json: Json = JSON.parse(JSON.stringify(copy))
  return json
}

test.for<[string, Json, string]>([
  ['another version', changed((r) => (r['version'] = 2)), 'request.version'],
  ['an unknown field', changed((r) => (r['keys'] = [])), 'request'],
  ['no app', changed((r) => delete r['app']), 'request.app'],
  ['an unknown role', changed((r) => (r['inputs'] = [{ role: 'key', size: 6 }])), 'request.inputs[0].role'],
  ['a negative size', changed((r) => (r['inputs'] = [{ role: 'data', size: -1 }])), 'request.inputs[0].size'],
  ['sizes that leave bytes over', changed((r) => (r['inputs'] = [{ role: 'data', size: 4 }])), 'request payload'],
  ['two parameters', changed((r) => (r['inputs'] = [{ role: 'parameters', size: 4 }, { role: 'parameters', size: 2 }])), 'request.inputs'],
])('a request with %s is refused', ([, json, field]) => {
  try {
    readEngineRequest({ json, payload })
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
  ['two requests', [...encodeFrame(request, payload), ...encodeFrame(request, payload)], 'after the end'],
  ['a byte too many', [...encodeFrame(request, payload), Uint8Array.of(0)], 'after the end'],
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
