import { concatBytes, encodeUtf8, type Bytes } from '@cloister/codec'
import { beforeAll, expect, test } from 'vitest'

import {
  createSessionReceiver,
  createSessionSender,
  generateEnvelopeKeyPair,
  type AnswerFrame,
  type EnvelopeKeyPair,
} from '../src/index.ts'

const psk = new Uint8Array(32).fill(7)
const context = encodeUtf8('task 1, attempt 1')
let pair: EnvelopeKeyPair

beforeAll(async () => {
  pair = await generateEnvelopeKeyPair()
})

const sender = (other: { readonly psk?: Bytes; readonly context?: Bytes } = {}) =>
  createSessionSender({ key: pair.publicKey, psk, context, ...other })
const receiver = () => createSessionReceiver({ key: pair.privateKey, psk, context })

const frame = (kind: AnswerFrame['kind'], text: string): AnswerFrame => ({
  kind,
  content: encodeUtf8(text),
})

/** One request and its answer of four frames, sealed. */
async function exchange() {
  const asked = await (await sender()).seal(encodeUtf8('a question'))
  const opened = await receiver().open(asked.sealed)
  const frames: Bytes[] = []
  for (const each of [
    frame('head', '200'),
    frame('data', 'first'),
    frame('data', 'second'),
    frame('end', 'bye'),
  ])
    frames.push(await opened.answer.seal(each))
  return { asked, opened, frames }
}

test('a request and its streamed answer arrive as they were', async () => {
  const { asked, opened, frames } = await exchange()
  expect(opened.content).toEqual(encodeUtf8('a question'))
  expect(opened.salt).toEqual(asked.salt)
  const all = concatBytes(...frames)
  const got: AnswerFrame[] = []
  for (let at = 0; at < all.length; at += 100)
    got.push(...(await asked.answer.push(all.subarray(at, at + 100))))
  asked.answer.finish()
  expect(got.map(({ kind, content }) => [kind, new TextDecoder().decode(content)])).toEqual([
    ['head', '200'],
    ['data', 'first'],
    ['data', 'second'],
    ['end', 'bye'],
  ])
})

test('who does not know the session’s secret is not heard, nor is who speaks of another session', async () => {
  for (const other of [{ psk: new Uint8Array(32) }, { context: encodeUtf8('task 2') }]) {
    const { sealed } = await (await sender(other)).seal(encodeUtf8('a question'))
    await expect(receiver().open(sealed)).rejects.toThrow('not sealed for this session')
  }
})

test('a request that was changed in any part is refused', async () => {
  const { sealed } = await (await sender()).seal(encodeUtf8('a question'))
  for (const at of [0, 1100, 1119, 1120, sealed.length - 1]) {
    const changed = sealed.slice()
    changed[at]! ^= 1
    await expect(receiver().open(changed)).rejects.toThrow(/Cannot open the request/)
  }
  await expect(receiver().open(sealed.subarray(0, 1000))).rejects.toThrow('at least')
})

test('frames that are left out, swapped, repeated, changed or foreign are noticed', async () => {
  const cases: readonly ((own: readonly Bytes[], other: readonly Bytes[]) => Bytes[])[] = [
    ([a, , c, d]) => [a!, c!, d!],
    ([a, b, c, d]) => [a!, c!, b!, d!],
    ([a, b, c, d]) => [a!, b!, b!, c!, d!],
    ([a, b, c], [, , , d]) => [a!, b!, c!, d!],
    ([a, b, c, d]) => [a!, b!, c!, d!, b!],
    (_, other) => [...other],
    ([a, b, c, d]) => [a!, flipped(b!), c!, d!],
  ]
  for (const change of cases) {
    const [own, other] = [await exchange(), await exchange()]
    await expect(
      own.asked.answer.push(concatBytes(...change(own.frames, other.frames))),
    ).rejects.toThrow(/Cannot open/)
  }
})

test('an answer that breaks off is not taken for whole', async () => {
  for (const kept of [0, 1, 2, 3]) {
    const { asked, frames } = await exchange()
    await asked.answer.push(concatBytes(...frames.slice(0, kept)))
    expect(() => asked.answer.finish()).toThrow('breaks off')
  }
})

test('sizes tell no more than their step', async () => {
  const sizes = async (content: number) => {
    const asked = await (await sender()).seal(new Uint8Array(content))
    const opened = await receiver().open(asked.sealed)
    await opened.answer.seal(frame('head', ''))
    const data = await opened.answer.seal({ kind: 'data', content: new Uint8Array(content) })
    return [asked.sealed.length, data.length]
  }
  const overhead = 1120 + 16
  expect(await sizes(0)).toEqual([overhead + 1024, 512 + 20])
  expect(await sizes(400)).toEqual([overhead + 1024, 512 + 20])
  expect(await sizes(1020)).toEqual([overhead + 1024, 2048 + 20])
  expect(await sizes(1021)).toEqual([overhead + 2048, 2048 + 20])
  expect(await sizes(65_000)).toEqual([overhead + 65_536, 65_536 + 20])
})

test('a frame that claims to be too long is refused before it is waited for', async () => {
  const { asked, frames } = await exchange()
  const first = frames[0]!.slice()
  first.set([0xff, 0xff, 0xff, 0xff], 32)
  await expect(asked.answer.push(first)).rejects.toThrow('frame length')
})

function flipped(bytes: Bytes): Bytes {
  const changed = bytes.slice()
  changed[changed.length - 1]! ^= 1
  return changed
}
