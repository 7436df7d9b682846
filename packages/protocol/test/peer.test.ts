import { OperationError, type Bytes } from '@cloister/codec'
import { AnswerError, createPeer, encodeFrame, type Handler, type Peer } from '@cloister/protocol'
import { expect, test, vi } from 'vitest'

type End = { peer: Peer; sent: Bytes[]; closed: Error[]; timers: Map<number, () => void> }

/** One end whose clock the test owns; `deliver` carries what it sends. */
function end(
  handlers: Readonly<Record<string, Handler>>,
  deliver: (frame: Bytes) => void = () => {},
): End {
  const sent: Bytes[] = []
  const closed: Error[] = []
  const timers = new Map<number, () => void>()
  let count = 0
  const peer = createPeer({
    send: (frame) => {
      sent.push(frame)
      deliver(frame)
    },
    handlers,
    hello: async () => ({ receiptKey: '0x01' }),
    after: (_, callback) => {
      const id = count++
      timers.set(id, callback)
      return () => timers.delete(id)
    },
    timeoutMilliseconds: 1000,
    frameBytesMax: 100_000,
    closed: (reason) => closed.push(reason),
  })
  return { peer, sent, closed, timers }
}

function pair(handlersOfA: Record<string, Handler>, handlersOfB: Record<string, Handler>) {
  const a: End = end(handlersOfA, (frame) => queueMicrotask(() => b.peer.receive(frame)))
  const b: End = end(handlersOfB, (frame) => queueMicrotask(() => a.peer.receive(frame)))
  return { a, b }
}

const never: Handler = () => new Promise(() => {})
const echo: Handler = async (params, bytes) => ({ result: params, bytes })

test('both sides greet, then ask in both directions', async () => {
  const { a, b } = pair({ echo }, { echo })
  expect(await a.peer.greet()).toEqual({ receiptKey: '0x01', version: 1 })
  await b.peer.greet()
  const bytes = Uint8Array.of(1, 2, 3)
  expect(await a.peer.request('echo', { x: [1] }, { bytes })).toEqual({ result: { x: [1] }, bytes })
  expect((await b.peer.request('echo', 'back')).result).toBe('back')
  expect([...a.timers.keys(), ...b.timers.keys()]).toEqual([])
})

test('answers find their requests in any order', async () => {
  const waiting: (() => void)[] = []
  const slow: Handler = (params) =>
    new Promise((resolve) => waiting.push(() => resolve({ result: params })))
  const { a } = pair({}, { slow })
  await a.peer.greet()
  const first = a.peer.request('slow', 1)
  const second = a.peer.request('slow', 2)
  await vi.waitFor(() => expect(waiting.length).toBe(2))
  waiting[1]!()
  expect((await second).result).toBe(2)
  waiting[0]!()
  expect((await first).result).toBe(1)
})

test('errors cross by code, with their data; what is not ours crosses without its text', async () => {
  const { a } = pair(
    {},
    {
      refused: async () => {
        throw new AnswerError('refused', 'two keepers refused', { data: [{ reason: 1 }] })
      },
      busy: async () => {
        throw new OperationError('busy', 'try again', { retryable: true })
      },
      broken: async () => {
        throw new TypeError('secret is 42')
      },
    },
  )
  await a.peer.greet()
  await expect(a.peer.request('refused', {})).rejects.toMatchObject({
    code: 'refused',
    data: [{ reason: 1 }],
    retryable: false,
  })
  await expect(a.peer.request('busy', {})).rejects.toMatchObject({ code: 'busy', retryable: true })
  const broken = await a.peer.request('broken', {}).catch((error: unknown) => error)
  expect(broken).toMatchObject({ code: 'internal' })
  expect(String(broken)).not.toContain('42')
  await expect(a.peer.request('missing', {})).rejects.toMatchObject({ code: 'unknown-method' })
  await expect(a.peer.request('toString', {})).rejects.toMatchObject({ code: 'unknown-method' })
})

test('nothing is asked or answered before the hello', async () => {
  const { a, b } = pair({ echo }, { echo })
  await expect(a.peer.request('echo', 1)).rejects.toMatchObject({ code: 'not-greeted' })
  b.peer.receive(encodeFrame({ id: 0, method: 'echo', params: 1 }))
  expect(b.closed[0]).toMatchObject({ field: 'request.method' })
})

test.for([
  ['another version', { id: 0, method: 'hello', params: { version: 2 } }, 'hello.version'],
  ['an answer never asked for', { id: 0, result: 1 }, 'answer.id'],
  ['a request without params', { id: 0, method: 'hello' }, 'request.params'],
  ['a bare number', 5, 'answer'],
] as const)('%s closes the stream', ([, json, field]) => {
  const { peer, closed } = end({})
  peer.receive(encodeFrame(json))
  expect(closed).toMatchObject([{ field }])
  peer.receive(encodeFrame(json)) // What comes later is not looked at.
  expect(closed.length).toBe(1)
})

test('an answer that comes too late is dropped, and the stream lives on', async () => {
  const only = end({})
  const greeting = only.peer.greet()
  only.peer.receive(encodeFrame({ id: 0, result: { version: 1 } }))
  await greeting
  const asked = only.peer.request('slow', {})
  ;[...only.timers.values()][0]!()
  await expect(asked).rejects.toMatchObject({ code: 'timeout', retryable: true })
  only.peer.receive(encodeFrame({ id: 1, result: 'late' }))
  expect(only.closed).toEqual([])
})

test('64 requests may be open each way, not one more', async () => {
  const { a, b } = pair({}, { never })
  await a.peer.greet()
  const open = Array.from({ length: 64 }, () => a.peer.request('never', {}))
  const settled = Promise.allSettled(open)
  await expect(a.peer.request('never', {})).rejects.toMatchObject({ code: 'too-many-requests' })
  await new Promise((resolve) => setTimeout(resolve, 5))
  // A peer that does not keep to the limit is answered, not obeyed.
  const before = b.sent.length
  b.peer.receive(encodeFrame({ id: 900, method: 'never', params: {} }))
  expect(new TextDecoder().decode(b.sent[before])).toContain('too-many-requests')
  a.peer.close(new OperationError('stopped', 'Stopped'))
  expect((await settled).every((each) => each.status === 'rejected')).toBe(true)
  expect(a.timers.size).toBe(0)
})

test('an answer too large for a frame becomes an error', async () => {
  const { a } = pair({}, { large: async () => ({ result: {}, bytes: new Uint8Array(200_000) }) })
  await a.peer.greet()
  await expect(a.peer.request('large', {})).rejects.toMatchObject({ code: 'malformed' })
})

test('a transport that throws closes the peer', async () => {
  const broken = end({}, () => {
    throw new Error('EPIPE')
  })
  await expect(broken.peer.greet()).rejects.toMatchObject({ code: 'greeting-failed' })
  expect(broken.closed).toMatchObject([{ code: 'stream-failed' }])
})
