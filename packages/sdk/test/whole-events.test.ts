import { concatBytes, encodeUtf8, OperationError, type Bytes } from '@cloister/codec'
import { expect, test } from 'vitest'

import { wholeEvents } from '../src/proxy/whole-events.ts'

const describeError = () => ({ code: 'session-broken', message: 'a check failed' })

async function* piecesOf(texts: readonly string[], fails: boolean): AsyncGenerator<Bytes> {
  for (const text of texts) yield encodeUtf8(text)
  if (fails) throw new OperationError('session-broken', 'a check failed')
}

async function read(texts: readonly string[], fails = false): Promise<string> {
  const parts: Bytes[] = []
  for await (const part of wholeEvents(piecesOf(texts, fails), describeError)) parts.push(part)
  return new TextDecoder().decode(concatBytes(...parts))
}

test('a stream that ends well is handed out as it is', async () => {
  const texts = ['data: {"a"', ':"é"}\n\ndata: 2\n', '\n', 'data: [DONE]\n\n']
  expect(await read(texts)).toBe(texts.join(''))
})

test.each([
  ['alone', ['data: 1\n\n', 'data: [DONE]\n\n']],
  ['beside the last event', ['data: 1\n\ndata: [DONE]\n\n']],
  ['in two pieces', ['data: 1\n\ndata: [DO', 'NE]\n\n']],
  ['and more after it', ['data: 1\n\ndata: [DONE]\n\n', 'data: 2\n\n']],
])('the word that ends it, %s, is held back where a check fails', async (_how, texts) => {
  const text = await read(texts, true)
  expect(text).toMatch(/^data: 1\n\ndata: \{"error"/)
  expect(text).not.toContain('DONE')
  expect(text).not.toContain('data: 2')
})
