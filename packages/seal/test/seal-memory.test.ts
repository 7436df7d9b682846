import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { expect, test } from 'vitest'

import { createSealer, openStream, sealedSize } from '../src/index.ts'

const mebibyte = 1 << 20
const streamMebibytes = 256

/** What is in use at once is about a mebibyte. The rest is garbage: it is collected only every 4 MiB. */
const growthMebibytesMax = 64

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

test('256 MiB are sealed and opened in a stream with bounded memory', async () => {
  const [key, context] = [Uint8Array.from(randomBytes(32)), new Uint8Array(1)]
  const piece = randomBytes(mebibyte)
  const source = async function* () {
    await Promise.resolve()
    for (let index = 0; index < streamMebibytes; index++) yield piece
  }
  collectGarbage()
  const before = process.memoryUsage().rss
  let [sealedBytes, plainBytes, peak] = [0, 0, before]
  const counted = async function* () {
    for await (const sealed of createSealer(key, context).sealStream(source())) {
      sealedBytes += sealed.length
      yield sealed
    }
  }
  for await (const plain of openStream(key, context, counted())) {
    plainBytes += plain.length
    if (plainBytes % (4 * mebibyte) === 0) collectGarbage()
    peak = Math.max(peak, process.memoryUsage().rss)
  }
  expect(plainBytes).toBe(streamMebibytes * mebibyte)
  expect(sealedBytes).toBe(sealedSize(plainBytes))
  expect((peak - before) / mebibyte).toBeLessThan(growthMebibytesMax)
})
