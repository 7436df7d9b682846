import { concatBytes, encodeUtf8, OperationError, type Bytes } from '@cloister/codec'
import type { AttemptBinding, SessionStatus, Usage } from '@cloister/protocol'
import { parseEther } from 'viem'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

import {
  checkManifest,
  createOpenAiProxy,
  generateEnvelopeKeyPair,
  InferenceSession,
  openSession,
  placeOrder,
  prepareOrder,
  shareAsset,
  signGrant,
  type Client,
  type SharedAsset,
} from '../src/index.ts'
import { drawNode } from './attempt.ts'
import { registers } from './keeper-node.ts'
import { serveManifest } from './manifest.ts'
import { playSession, type SessionTamper } from './session-node.ts'
import { startWorld, type World } from './world.ts'

const app = checkManifest(serveManifest)
const unitWei = parseEther('0.01')
let world: World
let owner: Client
let requester: Client
let data: SharedAsset
let ordered: Awaited<ReturnType<typeof order>>

beforeAll(async () => {
  world = await startWorld()
  owner = await world.client(world.owner)
  requester = await world.client(world.requester)
  data = await shareAsset(owner, {
    plaintext: encodeUtf8('a model'),
    keepers: world.deployment.nodes,
    stores: world.nodes.map((node) => node.url),
    save: () => undefined,
  })
  ordered = await order()
}, 120_000)
afterAll(async () => world?.close())
beforeEach(() => {
  for (const node of world.nodes) node.tamper = {}
})

/** An order by the unit, and the node that was drawn for it. */
async function order() {
  const recipient = await generateEnvelopeKeyPair()
  const grant = await signGrant(owner, {
    assets: [data.asset],
    tees: ['tdx', 'sev-snp', 'aws-nitro'],
    outputFormats: ['json'],
    privacy: 'none',
    apps: [app.id],
    operators: 'any',
    requesters: [world.requester.address],
    purpose: 'questions',
    priceWei: 0n,
    usesMax: 1,
    expiry: 4_000_000_000n,
    outputBytesMax: app.outputBytesMax,
  })
  const prepared = await prepareOrder(requester, {
    app,
    grants: [grant],
    recipientPublicKey: recipient.publicKey,
    unitWei,
    feeWei: parseEther('1'),
  })
  const { task } = await placeOrder(requester, prepared, { depositMissing: true })
  return { task, prepared, recipient, node: await drawNode(world, task) }
}

/** A session of the order, anew, that its node plays as `tamper` says. */
async function start(tamper: SessionTamper = {}, nodeTamper: TestNodeTamper = {}) {
  const { task, prepared, recipient, node } = ordered
  node.tamper = nodeTamper
  const played = await playSession(world, prepared, node, tamper)
  const open = () =>
    openSession(requester, task, recipient.privateKey, { timeoutMs: 2_000, pollMs: 50 })
  return { task, node, played, recipient, open }
}

type TestNodeTamper = World['nodes'][number]['tamper']

const ask = (session: InferenceSession, text: string) =>
  session.request({ method: 'POST', path: '/v1/x', body: encodeUtf8(text) })

async function read(answer: { readonly body: AsyncIterable<Bytes> }): Promise<string> {
  const parts: Bytes[] = []
  for await (const part of answer.body) parts.push(part)
  return new TextDecoder().decode(concatBytes(...parts))
}

async function codeOf(action: Promise<unknown>): Promise<string> {
  return action.then(
    () => 'none',
    (error: unknown) => (error instanceof OperationError ? error.code : String(error)),
  )
}

test('a session is found by the chain, verified, and answers; its usage adds up', async () => {
  const { open, node } = await start()
  const session = await open()
  expect(session.attestation).toMatchObject({
    tee: expect.stringContaining('TDX'),
    operator: node.operator.address,
    receiptKey: node.receiptAccount.address,
    app: app.id,
  })
  const first = await ask(session, 'hello')
  expect([first.status, first.contentType]).toEqual([200, 'text/plain'])
  expect(await read(first)).toBe('POST /v1/x hello')
  expect(await read(await session.request({ method: 'GET', path: '/v1/models' }))).toBe(
    'GET /v1/models ',
  )
  expect(session.usage).toMatchObject({ sequence: 2n, units: 5n, spentWei: unitWei * 5n })
})

test('nothing of a request or its answer is on the wire', async () => {
  const { open, played } = await start()
  const session = await open()
  const secret = 'the patient’s name is a secret'
  expect(await read(await ask(session, secret))).toContain(secret)
  const wire = Buffer.from(concatBytes(...played.arrived, ...played.sent))
  for (const needle of [secret, 'patient', '/v1/x', 'POST', 'text/plain'])
    expect(wire.includes(needle)).toBe(false)
})

test('wrong evidence: not one byte is sent', async () => {
  const other = registers(7)
  const flip = (bytes: Bytes) => bytes.map((byte, index) => (index === 700 ? byte ^ 1 : byte))
  const zero: `0x${string}` = `0x${'00'.repeat(32)}`
  const bound = (change: Partial<AttemptBinding>) => ({
    binding: (binding: AttemptBinding) => ({ ...binding, ...change }),
  })
  const shown = (change: (status: SessionStatus) => Partial<SessionStatus['evidence']>) => ({
    status: (status: SessionStatus) => ({
      ...status,
      evidence: { ...status.evidence, ...change(status) },
    }),
  })
  const fresh = await generateEnvelopeKeyPair()
  const key: `0x${string}` = `0x${Buffer.from(fresh.publicKey).toString('hex')}`
  const cases: readonly [string, SessionTamper, TestNodeTamper][] = [
    ['another runtime', {}, { quote: (request) => ({ ...request, ...other }) }],
    ['a changed quote', {}, { bytes: flip }],
    ['another task', bound({ task: zero }), {}],
    ['another attempt', bound({ attempt: 2 }), {}],
    ['another app', bound({ app: zero }), {}],
    ['another machine', bound({ machineId: zero }), {}],
    ['a key that is not bound', shown(() => ({ freshPublicKey: key })), {}],
    [
      'another order',
      shown(({ evidence }) => ({
        order: { ...evidence.order, feeWei: evidence.order.feeWei + 1n },
      })),
      {},
    ],
    [
      'a binding that was not quoted',
      shown(({ evidence }) => ({ binding: { ...evidence.binding, notAfter: 4_000_000_000n } })),
      {},
    ],
  ]
  for (const [name, tamper, nodeTamper] of cases) {
    const { open, played } = await start(tamper, nodeTamper)
    expect([name, await codeOf(open())]).toEqual([name, 'session-refused'])
    expect([name, played.arrived]).toEqual([name, []])
  }
})

test('only who has the order’s recipient key can speak', async () => {
  const { task, played } = await start()
  const stranger = await generateEnvelopeKeyPair()
  expect(await codeOf(openSession(requester, task, stranger.privateKey))).toBe('wrong-key')
  expect(played.arrived).toEqual([])
})

test('a session that was not verified is not opened, whatever it looks like', async () => {
  const { open, recipient } = await start()
  const { verified } = await open()
  const copy = { ...verified }
  expect(await codeOf(InferenceSession.open(requester, copy, recipient.privateKey))).toBe(
    'session-refused',
  )
})

test('frames that are swapped, dropped, repeated, changed or from another answer end the session', async () => {
  const flipped = (bytes: Bytes | undefined) =>
    (bytes ?? new Uint8Array()).map((byte, index, all) =>
      index === all.length - 1 ? byte ^ 1 : byte,
    )
  const cases: Readonly<
    Record<string, (own: readonly Bytes[], before: readonly Bytes[]) => readonly Bytes[]>
  > = {
    dropped: ([a, , c, d]) => [a!, c!, d!],
    swapped: ([a, b, c, d]) => [a!, c!, b!, d!],
    repeated: ([a, b, c, d]) => [a!, b!, b!, c!, d!],
    changed: ([a, b, c, d]) => [a!, flipped(b), c!, d!],
    'of the answer before': (_, before) => before,
    'the end of another': (own, before) => [...own.slice(0, 3), before[3]!],
    'after the end': (own) => [...own, own[1]!],
  }
  for (const [name, frames] of Object.entries(cases)) {
    const { open, played } = await start()
    const session = await open()
    await read(await ask(session, 'an honest exchange'))
    Object.assign(played.tamper, { frames })
    const code = await codeOf(ask(session, 'the next').then(read))
    expect([name, code]).toEqual([name, 'session-broken'])
    const { length } = played.arrived
    expect([name, await codeOf(ask(session, 'and on').then(read))]).toEqual([
      name,
      'session-broken',
    ])
    expect([name, played.arrived.length]).toEqual([name, length])
  }
})

test('an answer that breaks off is no answer, and the session may go on', async () => {
  const { open, played } = await start()
  const session = await open()
  for (const kept of [0, 1, 2, 3]) {
    Object.assign(played.tamper, { frames: (own: readonly Bytes[]) => own.slice(0, kept) })
    expect(await codeOf(ask(session, 'cut').then(read))).toBe('peer-unreachable')
  }
  Object.assign(played.tamper, { frames: undefined })
  expect(await read(await ask(session, 'whole'))).toContain('whole')
  expect(session.usage?.units).toBe(17n)
})

test('an answer that its session’s end cut short is not taken for a whole one', async () => {
  for (const ending of ['app-ended', 'deadline'] as const) {
    const { open } = await start({ end: (end) => ({ ...end, whole: 'broken-off', ending }) })
    const session = await open()
    expect(await codeOf(ask(session, 'half').then(read))).toBe('session-ended')
    expect([session.ending, session.failure, session.usage?.units]).toEqual([ending, undefined, 4n])
  }
})

test('a usage that is not signed by the attested key, costs wrongly, goes back or claims too much is refused', async () => {
  let first: Usage | undefined
  const cases: Readonly<Record<string, SessionTamper>> = {
    'another signer': { end: (end) => ({ ...end, signature: `0x${'11'.repeat(64)}1b` }) },
    'another session': { usage: (usage) => ({ ...usage, attempt: 2 }) },
    'a higher price': { usage: (usage) => ({ ...usage, spentWei: usage.spentWei + 1n }) },
    'units from nowhere': { end: (end) => ({ ...end, units: 5000 }) },
    'another transcript': { usage: (usage) => ({ ...usage, transcript: `0x${'22'.repeat(32)}` }) },
    'a step back': {
      usage: (usage) => {
        if (first !== undefined) return { ...first, sequence: usage.sequence }
        first = usage
        return usage
      },
    },
    'more exchanges than were asked': {
      usage: (usage) => ({ ...usage, sequence: usage.sequence + (usage.sequence > 1n ? 50n : 0n) }),
    },
  }
  for (const [name, tamper] of Object.entries(cases)) {
    const { open } = await start(tamper)
    const session = await open()
    const code = await codeOf(
      (async () => {
        await read(await ask(session, 'one'))
        await read(await ask(session, 'and two'))
      })(),
    )
    expect([name, code]).toEqual([name, 'session-broken'])
    expect([name, session.failure?.code]).toEqual([name, 'session-broken'])
  }
})

// ---- The proxy.

const proxyOf = (session: InferenceSession, origins: readonly string[] = []) =>
  createOpenAiProxy({ session: async () => session, hosts: ['127.0.0.1:8411'], origins })

const local = (init: RequestInit & { readonly headers?: Record<string, string> } = {}) =>
  new Request('http://127.0.0.1:8411/v1/x', init)

test('the proxy says which enclave answered, and hands out no answer whose check failed', async () => {
  const { open, played } = await start()
  const session = await open()
  const proxy = proxyOf(session)
  const answer = await proxy(local({ method: 'POST', body: 'hello' }))
  expect([answer.status, await answer.text()]).toEqual([200, 'POST /v1/x hello'])
  expect(answer.headers.get('x-cloister-verified')).toBe('true')
  expect(answer.headers.get('x-cloister-measurement')).toBe(session.attestation.measurement)
  expect(answer.headers.get('x-cloister-units')).toBe('5')
  Object.assign(played.tamper, {
    usage: (usage: Usage) => ({ ...usage, spentWei: usage.spentWei + 1n }),
  })
  for (const _ of ['the failing one', 'every later one']) {
    const failed = await proxy(local({ method: 'POST', body: 'secret' }))
    const { error } = JSON.parse(await failed.text())
    expect([failed.status, error.code]).toEqual([503, 'session_broken'])
    expect(error.message).toContain('wei')
    expect(failed.headers.get('x-should-retry')).toBe('false')
  }
})

test('no web page and no foreign name reaches the proxy, unless its origin is allowed', async () => {
  const { open, played } = await start()
  const session = await open()
  const evil = { origin: 'https://evil.example' }
  const refused = await proxyOf(session)(local({ method: 'POST', body: 'x', headers: evil }))
  expect(refused.status).toBe(403)
  const renamed = new Request('http://evil.example:8411/v1/x', { method: 'POST', body: 'x' })
  expect((await proxyOf(session)(renamed)).status).toBe(403)
  expect(played.arrived).toEqual([])
  const allowed = await proxyOf(session, [evil.origin])(
    local({ method: 'POST', body: 'x', headers: evil }),
  )
  expect(allowed.headers.get('access-control-allow-origin')).toBe(evil.origin)
  expect(allowed.status).toBe(200)
})
