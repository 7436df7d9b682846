import { expect, test } from 'vitest'
import type { Hex } from 'viem'

import { SeenRecords } from '../src/keeper/seen-records.ts'

const word = (value: number): Hex => `0x${value.toString(16).padStart(64, '0')}`
const keeper = `0x${'aa'.repeat(20)}` as const
const operator = `0x${'bb'.repeat(20)}` as const

/** Record `number` of one history: its digest is 100 times the history plus the number. */
function take(
  seen: SeenRecords,
  number: number,
  history = 1,
  previous = history * 100 + number - 1,
) {
  const release = {
    ...{ task: word(1), attempt: 1, asset: word(2), grant: word(3), shareIndex: 0, keeper },
    ...{ quoteDigest: word(4), checkpoint: word(5), time: 1n },
    previous: word(previous),
    sequence: BigInt(number),
  }
  seen.take(release, word(history * 100 + number), operator)
}

test('records of one history are taken in any order, some left out, one twice', () => {
  const seen = new SeenRecords()
  for (const number of [5, 4, 9, 4, 6, 20]) take(seen, number)
  expect(() => take(seen, 7)).not.toThrow()
})

test('a second record with one number is a fork', () => {
  const seen = new SeenRecords()
  take(seen, 5)
  expect(() => take(seen, 5, 2)).toThrow('does not fit')
})

test('a record that does not name its neighbour is a fork, before or after it', () => {
  const seen = new SeenRecords()
  take(seen, 5)
  expect(() => take(seen, 6, 2)).toThrow('does not fit')
  expect(() => take(seen, 4, 2)).toThrow('does not fit')
})

test('memory is bounded: what is older than the newest 256 is not taken any more', () => {
  const seen = new SeenRecords()
  for (let number = 1000; number < 1256; number++) take(seen, number)
  expect(() => take(seen, 1256)).not.toThrow()
  expect(() => take(seen, 3)).toThrow('does not fit')
})
