import { expect, test } from 'vitest'
import type { Hex } from 'viem'

import { ShareStore } from '../src/keeper/share-store.ts'

const word = (value: number): Hex => `0x${value.toString(16).padStart(64, '0')}`
const placeOf = (asset: number, policy = 1) => ({
  asset: word(asset),
  shareIndex: 0,
  commitment: word(2),
  policyDigest: word(policy),
})
const held = (asset: number, policy = 1) => ({
  ...placeOf(asset, policy),
  share: Uint8Array.of(asset & 255, policy),
  xs: new Uint8Array(3),
})

test('what nobody has proven gives way to what comes later', () => {
  const store = new ShareStore()
  store.keep(held(1))
  for (let asset = 10; asset < 10 + 256; asset++) store.keep(held(asset))
  expect(store.prove(placeOf(1))).toBeUndefined()
  expect(store.prove(placeOf(11))).toBeDefined()
})

test('what is proven stays, whatever strangers deposit', () => {
  const store = new ShareStore()
  store.keep(held(1))
  expect(store.prove(placeOf(1))).toMatchObject({ share: Uint8Array.of(1, 1) })
  store.keepProven(held(2))
  for (let asset = 10; asset < 10 + 60_000; asset++) store.keep(held(asset))
  store.keep({ ...held(1), share: Uint8Array.of(9, 9) })
  expect(store.prove(placeOf(1))).toMatchObject({ share: Uint8Array.of(1, 1) })
  expect(store.prove(placeOf(2))).toBeDefined()
})

test('a deposit under another policy lies beside', () => {
  const store = new ShareStore()
  store.keep(held(1, 1))
  store.keep(held(1, 2))
  expect(store.prove(placeOf(1, 1))).toMatchObject({ share: Uint8Array.of(1, 1) })
  expect(store.prove(placeOf(1, 2))).toMatchObject({ share: Uint8Array.of(1, 2) })
})
