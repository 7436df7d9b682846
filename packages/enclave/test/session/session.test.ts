import { concatBytes, encodeUtf8, type Bytes } from '@cloister/codec'
import {
  answerDigest,
  cloisterDomain,
  emptyTranscript,
  encodeSessionRequest,
  messageDigest,
  nextAnswerDigest,
  nextTranscript,
  parseAnswerEnd,
  parseAnswerHead,
  sessionContext,
  signerOf,
  type SessionRequestHead,
} from '@cloister/protocol'
import {
  createSessionReceiver,
  createSessionSender,
  generateEnvelopeKeyPair,
  type AnswerFrame,
} from '@cloister/seal'
import type { Hex } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterEach, expect, test } from 'vitest'

import { AppPipes } from '../../src/session/app-pipes.ts'
import { Session, type SessionTerms } from '../../src/session/session.ts'
import { startEchoApp, type Answering } from './echo-app.ts'

const task: Hex = `0x${'7a'.repeat(32)}`
const attempt = 1
const domain = cloisterDomain(1, '0x0000000000000000000000000000000000000001')
const account = privateKeyToAccount(`0x${'01'.repeat(32)}`)
const psk = new Uint8Array(32).fill(3)
const timers = new Set<NodeJS.Timeout>()

afterEach(() => {
  for (const timer of timers) clearTimeout(timer)
  timers.clear()
})

const after = (milliseconds: number, callback: () => void) => {
  const timer = setTimeout(callback, milliseconds)
  timers.add(timer)
  return () => clearTimeout(timer)
}

async function open(
  given: {
    readonly terms?: Partial<SessionTerms>
    readonly feeWei?: bigint
    readonly life?: number
    readonly answering?: Answering
  } = {},
) {
  const app = startEchoApp(given.answering)
  const pipes = new AppPipes(app)
  await pipes.start([])
  const pair = await generateEnvelopeKeyPair()
  const context = sessionContext(task, attempt)
  const session = new Session({
    task,
    attempt,
    terms: {
      meter: 'token',
      requestBytesMax: 10_000,
      responseBytesMax: 100_000,
      idleSeconds: 60,
      ...given.terms,
    },
    price: { unitWei: 2n, feeWei: given.feeWei ?? 1000n },
    receiver: createSessionReceiver({ key: pair.privateKey, psk, context }),
    pipes,
    sign: (usage) => account.sign({ hash: messageDigest(domain, 'Usage', usage) }),
    now: () => 1_800_000_000n,
    after,
    lifeMilliseconds: given.life ?? 60_000,
  })
  const sender = await createSessionSender({ key: pair.publicKey, psk, context })
  return { app, session, sender }
}

type Opened = Awaited<ReturnType<typeof open>>

const never = new Promise<void>(() => undefined)

function contentOf(sequence: number, body: string | Bytes, head: Partial<SessionRequestHead> = {}) {
  const bytes = typeof body === 'string' ? encodeUtf8(body) : body
  const headers = { 'content-type': undefined, accept: undefined }
  return encodeSessionRequest(
    { sequence, kind: 'request', method: 'POST', path: '/v1/echo', headers, ...head },
    bytes,
  )
}

/** Sends one request and reads its whole answer. */
async function ask({ session, sender }: Opened, content: Bytes) {
  const asked = await sender.seal(content)
  const id = await session.request(asked.sealed)
  const frames: AnswerFrame[] = []
  for (let done = false; !done;) {
    const read = await session.read(id, never)
    frames.push(...(await asked.answer.push(read.bytes)))
    done = read.done
  }
  asked.answer.finish()
  const [head, ...rest] = frames
  const data = rest.filter(({ kind }) => kind === 'data')
  let digest = answerDigest(asked.salt)
  for (const frame of frames)
    if (frame.kind !== 'end') digest = nextAnswerDigest(digest, frame.content)
  const body = concatBytes(...data.map((frame) => frame.content))
  return {
    status: parseAnswerHead(head!.content).status,
    text: new TextDecoder().decode(body),
    end: parseAnswerEnd(rest.at(-1)!.content),
    digest,
    salt: asked.salt,
    sealed: asked.sealed,
  }
}

test('requests are answered, counted, and signed for; the transcript is what both ends saw', async () => {
  const opened = await open()
  const contents = [contentOf(1, 'hello'), contentOf(2, 'and again')]
  let transcript = emptyTranscript
  let units = 0n
  for (const [index, content] of contents.entries()) {
    const { status, text, end, digest, salt } = await ask(opened, content)
    const own = [5n, 9n][index]!
    units += own
    const sequence = BigInt(index + 1)
    transcript = nextTranscript(transcript, {
      salt,
      request: content,
      answer: digest,
      sequence,
      units: own,
    })
    expect([status, text]).toEqual([200, ['hello', 'and again'][index]])
    expect(end.usage).toMatchObject({ task, attempt, sequence, units, spentWei: units * 2n })
    expect(end.usage.transcript).toBe(transcript)
    expect(await signerOf(messageDigest(domain, 'Usage', end.usage), end.signature)).toBe(
      account.address,
    )
  }
})

test('an app gets its inputs in pieces, and is ready after the last', async () => {
  const app = startEchoApp()
  const pipes = new AppPipes(app)
  const size = 9 * 1024 * 1024 + 5
  const reads: [number, number][] = []
  const read = async (offset: number, length: number) => {
    reads.push([offset, length])
    return new Uint8Array(length)
  }
  await pipes.start([{ role: 'model', size, read }])
  expect(reads.map(([, length]) => length)).toEqual([4_194_304, 4_194_304, 1_048_581])
})

test('a request is heard once, whatever its host repeats', async () => {
  const opened = await open()
  const { sealed } = await ask(opened, contentOf(1, 'once'))
  await expect(opened.session.request(sealed)).rejects.toThrow('used before')
  const again = await opened.sender.seal(contentOf(1, 'another under the same number'))
  await expect(opened.session.request(again.sealed)).rejects.toThrow('used before')
  expect((await ask(opened, contentOf(2, 'twice'))).end.usage.units).toBe(9n)
})

test('the session ends with its money, and charges no more than there was', async () => {
  const opened = await open({ feeWei: 21n })
  const first = await ask(opened, contentOf(1, '12345678901234567890'))
  expect(first.end.usage).toMatchObject({ units: 10n, spentWei: 20n })
  expect(first.end.ending).toBe('money')
  await expect(opened.session.ended).resolves.toMatchObject({
    ending: 'money',
    used: { spentWei: 20n },
  })
  const more = await opened.sender.seal(contentOf(2, 'more'))
  await expect(opened.session.request(more.sealed)).rejects.toThrow('has ended (money)')
})

test('an app that claims more units than bytes is held to the bytes', async () => {
  const opened = await open({
    feeWei: 10_000_000n,
    answering: ({ id }, _, say) => {
      say({ kind: 'head', id, status: 200, headers: {} })
      say({ kind: 'end', id, units: 1_000_000 })
    },
  })
  expect((await ask(opened, contentOf(1, 'four'))).end.units).toBe(4)
})

test('by the request, an answer costs one unit, a failure of the app and a look nothing', async () => {
  const statuses = [200, 400, 500]
  const opened = await open({
    terms: { meter: 'request' },
    answering: ({ id }, _, say) => {
      say({ kind: 'head', id, status: statuses.shift() ?? 200, headers: {} })
      say({ kind: 'end', id, units: 7 })
    },
  })
  const units: number[] = []
  for (const sequence of [1, 2, 3])
    units.push((await ask(opened, contentOf(sequence, 'x'))).end.units)
  units.push((await ask(opened, contentOf(4, '', { method: 'GET' }))).end.units)
  expect(units).toEqual([1, 1, 0, 0])
})

test('the requester’s sealed word closes it', async () => {
  const opened = await open()
  await ask(opened, contentOf(1, 'something'))
  const closed = await ask(opened, contentOf(2, '', { kind: 'close' }))
  expect(closed.end).toMatchObject({ ending: 'closed', units: 0, usage: { sequence: 1n } })
  await expect(opened.session.ended).resolves.toMatchObject({ ending: 'closed' })
})

test('it idles out, and runs out of time, also while the app works', async () => {
  const idle = await open({ terms: { idleSeconds: 0.05 } })
  await expect(idle.session.ended).resolves.toMatchObject({ ending: 'idle' })
  const late = await open({
    life: 200,
    answering: async ({ id }, _, say, cancelled) => {
      say({ kind: 'head', id, status: 200, headers: {} })
      while (!cancelled()) await new Promise((resolve) => setTimeout(resolve, 10))
      say({ kind: 'end', id, units: 3 })
    },
  })
  const answer = await ask(late, contentOf(1, 'take your time'))
  expect(answer.end).toMatchObject({ whole: 'broken-off', units: 3, ending: 'deadline' })
  await expect(late.session.ended).resolves.toMatchObject({
    ending: 'deadline',
    used: { units: 3n },
  })
})

test('a host that does not fetch makes the app wait, and what it says is not piled up', async () => {
  let said = 0
  const opened = await open({
    terms: { responseBytesMax: 2 ** 30 },
    feeWei: 10n ** 12n,
    answering: async ({ id }, _, say, cancelled) => {
      say({ kind: 'head', id, status: 200, headers: {} })
      for (let round = 0; round < 20_000 && !cancelled(); round++) {
        if (opened.app.stdout.writableNeedDrain)
          await new Promise((resolve) => setTimeout(resolve, 5))
        else {
          say({ kind: 'data', id, body: new Uint8Array(50_000) })
          said += 50_000
        }
      }
      say({ kind: 'end', id, units: 9 })
    },
  })
  const asked = await opened.sender.seal(contentOf(1, 'a lot, please'))
  const id = await opened.session.request(asked.sealed)
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(said).toBeLessThan(8_000_000)
  opened.session.cancel(id)
  const next = await ask(opened, contentOf(2, '', { kind: 'close' }))
  expect(next.end.ending).toBe('closed')
  await expect(opened.session.ended).resolves.toMatchObject({ used: { units: 9n } })
})

test('where the app ends, so does the session, and what was used before stands', async () => {
  let asked = 0
  const opened = await open({
    answering: ({ id }, body, say) => {
      asked += 1
      say({ kind: 'head', id, status: 200, headers: {} })
      if (asked === 2) opened.app.die()
      else say({ kind: 'end', id, units: body.length })
    },
  })
  await ask(opened, contentOf(1, 'fine'))
  const { end } = await ask(opened, contentOf(2, 'the last'))
  expect(end).toMatchObject({ whole: 'broken-off', units: 0, usage: { units: 4n } })
  await expect(opened.session.ended).resolves.toMatchObject({
    ending: 'app-ended',
    used: { units: 4n },
  })
})

test('an app that breaks the protocol is not heard again', async () => {
  const opened = await open({
    answering: ({ id }, _, say) => say({ kind: 'data', id, body: encodeUtf8('no head before') }),
  })
  expect((await ask(opened, contentOf(1, 'x'))).status).toBe(502)
  await expect(opened.session.ended).resolves.toMatchObject({ ending: 'app-ended' })
})

test('an app that says data without a byte is not heard again', async () => {
  const opened = await open({
    answering: ({ id }, _, say) => {
      say({ kind: 'head', id, status: 200, headers: {} })
      say({ kind: 'data', id, body: new Uint8Array(0) })
    },
  })
  expect((await ask(opened, contentOf(1, 'x'))).end.whole).toBe('broken-off')
  await expect(opened.session.ended).resolves.toMatchObject({ ending: 'app-ended' })
})

test('many small pieces wait no more cheaply than few large ones', async () => {
  let said = 0
  const opened = await open({
    terms: { responseBytesMax: 2 ** 30 },
    feeWei: 10n ** 12n,
    answering: async ({ id }, _, say, cancelled) => {
      say({ kind: 'head', id, status: 200, headers: {} })
      for (let round = 0; round < 200_000 && !cancelled(); round++) {
        if (opened.app.stdout.writableNeedDrain)
          await new Promise((resolve) => setTimeout(resolve, 1))
        else {
          say({ kind: 'data', id, body: Uint8Array.of(1) })
          said += 1
        }
      }
      say({ kind: 'end', id, units: 9 })
    },
  })
  const asked = await opened.sender.seal(contentOf(1, 'byte by byte'))
  const id = await opened.session.request(asked.sealed)
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const before = said
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(said).toBe(before)
  expect(said).toBeLessThan(10_000)
  opened.session.cancel(id)
})

test('too large a request and too large an answer are bounded', async () => {
  const opened = await open({ terms: { requestBytesMax: 100, responseBytesMax: 50 } })
  expect((await ask(opened, contentOf(1, 'y'.repeat(101)))).status).toBe(413)
  expect((await ask(opened, contentOf(2, 'y'.repeat(100)))).end.whole).toBe('broken-off')
})

test('a request that nobody waits for any more is stopped, and what was done is counted', async () => {
  const opened = await open({
    answering: async ({ id, path }, body, say, cancelled) => {
      say({ kind: 'head', id, status: 200, headers: {} })
      const polls = path === '/slow' ? 1000 : 0
      for (let poll = 0; poll < polls && !cancelled(); poll++)
        await new Promise((resolve) => setTimeout(resolve, 5))
      say({ kind: 'end', id, units: body.length })
    },
  })
  const slow = await opened.sender.seal(contentOf(1, 'slow', { path: '/slow' }))
  const id = await opened.session.request(slow.sealed)
  opened.session.cancel(id)
  const next = await ask(opened, contentOf(2, 'next'))
  expect(next.end.usage).toMatchObject({ sequence: 2n, units: 8n })
  await expect(opened.session.read(id, never)).rejects.toThrow('was dropped')
})
