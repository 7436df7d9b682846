import { describeGrant, messageTypes, type Grant } from '@cloister/protocol'
import { expect, test } from 'vitest'

import { address, grant, word } from './examples.ts'

const apps = [{ id: word(0x31), name: 'tabular-train' }]
const say = (change: Partial<Grant> = {}): string =>
  describeGrant({ ...grant, ...change }, apps).join('\n')

// One other value for each field; nothing is left out, or the first test below fails.
const others: { readonly [F in keyof Grant]: readonly Grant[F][] } = {
  version: [3],
  owner: [address(0xa9)],
  assets: [[word(0x01)], [word(0x01), word(0x09)]],
  apps: [[word(0x31)], [word(0x39), word(0x32)]],
  measurements: [[], [word(0x41)], [word(0x41), word(0x49)]],
  releaseKey: [address(0xd1), address(0xd2)],
  tcbFloor: [0, 2, 5],
  tierMin: [0, 2, 3],
  tees: [0b10, 0b1000, 0b11_1110],
  anyNode: [true],
  operators: [[], [address(0xb9), address(0xb2)]],
  anyRequester: [true],
  requesters: [[], [address(0xc1), address(0xc9)]],
  purpose: ['', 'Train a tumour classifier', '\u202egnihtemos'],
  priceWei: [0n, 299n, 10n ** 18n],
  usesMax: [1, 4],
  usesPerDay: [1, 3],
  notBefore: [0n, 1_001n],
  expiry: [2_001n, 2n ** 64n - 1n, 2n ** 64n - 2n],
  ownersMin: [2, 3],
  recordsMin: [1, 1000],
  outputBytesMax: [0, 4095],
  outputFormats: [1, 2, 63],
  privacyRequired: [true],
  epsilonMicros: [1n, 10n ** 6n],
  deltaPicos: [1n, 10n],
  reviewKeyHash: [word(0x88), word(0x89)],
  nonce: [8n],
}

test('every field of a grant is tried', () => {
  expect(Object.keys(others)).toEqual(messageTypes.Grant.map(({ name }) => name))
})

test('no two grants that differ in one field read the same', () => {
  for (const name of messageTypes.Grant.map((field) => field.name)) {
    const texts = [say(), ...others[name].map((value) => say({ [name]: value }))]
    expect(new Set(texts).size, name).toBe(texts.length)
  }
})

test('what it permits is said with units, dates and names', () => {
  const text = say({
    ...{ priceWei: 1_500_000_000_000_000_000n, anyRequester: true, requesters: [] },
    ...{ privacyRequired: true, epsilonMicros: 500_000n, deltaPicos: 10_000_000n },
    ...{ notBefore: 1_772_707_803n, expiry: 1_775_300_000n, ownersMin: 2, recordsMin: 1000 },
  })
  for (const part of [
    '1.5 CLST (1500000000000000000 wei)',
    'Anyone may ask',
    'Intel TDX or AMD SEV-SNP only',
    'from 2026-03-05T10:50:03Z until 2026-04-04T10:53:20Z',
    'epsilon 0.5 and delta 0.00001',
    '2 different owners',
    'at least 1000 rows',
    'tabular-train (0x3131',
    '4096 bytes together, in these formats: json, onnx',
    '3 tasks in all, and 2 tasks on any one day',
    'not listed by this deployment',
  ])
    expect(text).toContain(part)
})

test('a purpose can neither hide nor move what stands beside it', () => {
  const text = say({ purpose: 'a\u202eb\u200bc\nd\u009be"' })
  expect(text).toContain('"a\\u202eb\\u200bc\\nd\\u009be\\""')
})
