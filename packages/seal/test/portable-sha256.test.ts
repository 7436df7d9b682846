import { createHash, randomBytes } from 'node:crypto'

import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { PortableSha256 } from '../src/portable-sha256.ts'

test('agrees with OpenSSL for every size around the block boundaries', () => {
  const message = randomBytes(200)
  for (let size = 0; size <= message.length; size++)
    expect(digest([message.subarray(0, size)])).toBe(expected(message.subarray(0, size)))
})

test('agrees with OpenSSL for any pieces', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }), (parts) => {
      expect(digest(parts)).toBe(expected(Buffer.concat(parts)))
    }),
  )
})

test('counts bits beyond 32 bits of length', () => {
  const piece = new Uint8Array(1 << 24)
  const reference = createHash('sha256')
  const hash = new PortableSha256()
  for (let index = 0; index < 33; index++) {
    reference.update(piece)
    hash.update(piece)
  }
  expect(Buffer.from(hash.digest()).toString('hex')).toBe(reference.digest('hex'))
})

function digest(parts: readonly Uint8Array[]): string {
  const hash = new PortableSha256()
  for (const part of parts) hash.update(part)
  return Buffer.from(hash.digest()).toString('hex')
}

function expected(message: Uint8Array): string {
  return createHash('sha256').update(message).digest('hex')
}
