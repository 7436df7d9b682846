import { createServer } from 'node:http'
import { connect } from 'node:net'
import { OperationError } from '@cloister/codec'
import { afterAll, beforeAll, expect, test } from 'vitest'

import {
  bodyParts,
  createHttpApp,
  defaultServerLimits,
  fetchBytes,
  fetchJson,
  readJsonBody,
  refusalOf,
  serveHttp,
  type HttpServer,
} from '../src/index.ts'

const limits = { ...defaultServerLimits, bodyBytesMax: 1_000, headersMs: 300, requestMs: 600 }
const logged: string[] = []
const note = (message: string): void => void logged.push(message)
let server: HttpServer

beforeAll(async () => {
  const log = { debug: note, info: note, warn: note, error: note, with: () => log }
  const app = createHttpApp(log, { 'no-luck': 409 })
  app.post('/echo', async (c) => c.json(await readJsonBody(c, limits)))
  app.put('/count', async (c) => {
    let bytes = 0
    for await (const part of bodyParts(c, 5_000)) bytes += part.length
    return c.json({ bytes })
  })
  app.get('/bytes/:count', (c) => c.body(new Uint8Array(Number(c.req.param('count')))))
  app.get('/crash', () => {
    throw new Error('the password is swordfish')
  })
  app.get('/no-luck', () => {
    throw new OperationError('no-luck', 'Cannot do it today')
  })
  app.get('/away', (c) => c.redirect('http://127.0.0.1:1/'))
  app.get('/slow', async (c) => {
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    return c.text('late')
  })
  server = await serveHttp({ app, port: 0, limits })
})
afterAll(() => server.close(0))

test('JSON goes there and back', async () => {
  expect(await fetchJson(`${server.url}/echo`, { json: { a: [1, 'two'] } })).toEqual({
    a: [1, 'two'],
  })
})

test.for([
  ['a body that is not JSON', '{"a":', 400, 'malformed'],
  ['a body that is not UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 400, 'malformed'],
  ['a body nested too deep', '['.repeat(100), 400, 'malformed'],
  ['a body past the cap', `"${'x'.repeat(1_000)}"`, 413, 'too-large'],
] as const)('%s is refused in JSON', async ([, body, status, code]) => {
  const response = await fetch(`${server.url}/echo`, { method: 'POST', body })
  expect(response.status).toBe(status)
  expect(await response.json()).toEqual({ error: { code, message: expect.any(String) } })
})

test('a streamed body without a length is cut off at the cap', async () => {
  let pulled = 0
  const body = new ReadableStream({
    pull(controller) {
      if (++pulled > 10_000) controller.close()
      else controller.enqueue(new Uint8Array(1_000))
    },
  })
  const request: RequestInit & { duplex: 'half' } = { method: 'PUT', body, duplex: 'half' }
  const status = await fetch(`${server.url}/count`, request).then(
    (response) => response.status,
    () => 413, // The server may close while it is still being written to.
  )
  expect(status).toBe(413)
  expect(pulled).toBeLessThan(10_000)
})

test('an unknown path and any origin get JSON', async () => {
  const response = await fetch(`${server.url}/nothing`, {
    headers: { origin: 'https://example.org' },
  })
  expect(response.status).toBe(404)
  expect(response.headers.get('access-control-allow-origin')).toBe('*')
  expect(await response.json()).toMatchObject({ error: { code: 'not-found' } })
})

test('what nobody expected is logged, and not told', async () => {
  const response = await fetch(`${server.url}/crash`)
  expect(response.status).toBe(500)
  expect(await response.text()).not.toContain('swordfish')
  expect(logged).toContain('A request failed for a reason nobody expected')
})

test('headers past the cap are refused', async () => {
  const response = await fetch(`${server.url}/nothing`, {
    headers: { 'x-long': 'x'.repeat(20_000) },
  })
  expect(response.status).toBe(431)
})

test('who sends headers too slowly is cut off', async () => {
  const socket = connect(server.port, '127.0.0.1')
  socket.write('GET /nothing HTTP/1.1\r\n')
  const started = Date.now()
  await new Promise((resolve) => socket.once('close', resolve).resume())
  expect(Date.now() - started).toBeLessThan(3_000)
})

test('a port that is taken is named', async () => {
  await expect(serveHttp({ app: createHttpApp(), port: server.port })).rejects.toMatchObject({
    code: 'port-taken',
    message: expect.stringContaining(String(server.port)),
  })
})

test('closing lets an open request end', async () => {
  const app = createHttpApp()
  app.get('/', async (c) => {
    await new Promise((resolve) => setTimeout(resolve, 200))
    return c.json('done')
  })
  const closing = await serveHttp({ app, port: 0 })
  const answer = fetchJson(`${closing.url}/`)
  await new Promise((resolve) => setTimeout(resolve, 50))
  await closing.close()
  expect(await answer).toBe('done')
  await expect(fetchJson(`${closing.url}/`)).rejects.toMatchObject({ code: 'peer-unreachable' })
})

test('a refusal carries the words of the peer', async () => {
  const error: unknown = await fetchJson(`${server.url}/no-luck`).catch((caught: unknown) => caught)
  expect(error).toMatchObject({ code: 'peer-refused', message: expect.stringContaining('no-luck') })
  expect(refusalOf(error)).toMatchObject({
    status: 409,
    code: 'no-luck',
    message: 'Cannot do it today',
  })
})

test('a redirect is not followed', async () => {
  await expect(fetchJson(`${server.url}/away`)).rejects.toMatchObject({
    code: 'peer-refused',
    message: expect.stringContaining('redirects'),
  })
})

test('an answer past the cap is cut off', async () => {
  const { bytes } = await fetchBytes(`${server.url}/bytes/5000`, { answerBytesMax: 5_000 })
  expect(bytes).toHaveLength(5_000)
  await expect(
    fetchBytes(`${server.url}/bytes/5001`, { answerBytesMax: 5_000 }),
  ).rejects.toMatchObject({ code: 'peer-malformed' })
})

test('an answer that comes too late is given up', async () => {
  await expect(fetchJson(`${server.url}/slow`, { timeoutMs: 100 })).rejects.toMatchObject({
    code: 'peer-unreachable',
    retryable: true,
    message: expect.stringContaining('in time'),
  })
})

test('an answer that is not JSON, or comes in a body that stalls, is an error', async () => {
  await expect(fetchJson(`${server.url}/bytes/10`)).rejects.toMatchObject({
    code: 'peer-malformed',
  })
  const stalling = createServer((_, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('half')
  })
  await new Promise<void>((resolve) => stalling.listen(0, '127.0.0.1', resolve))
  const address = stalling.address()
  const port = typeof address === 'object' ? address?.port : 0
  await expect(fetchBytes(`http://127.0.0.1:${port}`, { timeoutMs: 100 })).rejects.toMatchObject({
    code: 'peer-unreachable',
  })
  stalling.closeAllConnections()
  stalling.close()
})

test.for(['file:///etc/passwd', 'ftp://example.org', 'nonsense', ''])(
  '%j is no URL to fetch',
  async (url) => {
    await expect(fetchJson(url)).rejects.toMatchObject({ code: 'malformed' })
  },
)
