import { appFactsOf, checkGrant, type Grant } from '@cloister/protocol'
import { expect, test } from 'vitest'

import { address, grant, word } from './examples.ts'

const byKey = { measurements: [], releaseKey: address(0xd1) }
const budget = { privacyRequired: true, epsilonMicros: 1_000n, deltaPicos: 10n }
const long = Array.from({ length: 17 }, (_, index) => word(0x60 + index))

test.for<{ name: string; good: Partial<Grant>; bad: Partial<Grant>; field: keyof Grant }>([
  { name: 'apps are named', good: {}, bad: { apps: [] }, field: 'apps' },
  { name: 'measurements are named', good: {}, bad: { measurements: [] }, field: 'measurements' },
  { name: 'at most 16 apps', good: { apps: long.slice(1) }, bad: { apps: long }, field: 'apps' },
  {
    name: 'at most 16 measurements',
    good: { measurements: long.slice(1) },
    bad: { measurements: long },
    field: 'measurements',
  },
  {
    name: 'operators are empty exactly when any node may',
    good: { anyNode: true, operators: [] },
    bad: { anyNode: true },
    field: 'operators',
  },
  {
    name: 'requesters are empty exactly when any requester may',
    good: { anyRequester: true, requesters: [] },
    bad: { anyRequester: true },
    field: 'requesters',
  },
  { name: 'a floor is a rank', good: { tcbFloor: 5 }, bad: { tcbFloor: 6 }, field: 'tcbFloor' },
  {
    name: 'a purpose has at most 200 bytes',
    good: { purpose: 'ü'.repeat(100) },
    bad: { purpose: `${'ü'.repeat(100)}.` },
    field: 'purpose',
  },
  {
    name: 'a purpose is well-formed',
    good: { purpose: '😀' },
    bad: { purpose: '\ud83d' },
    field: 'purpose',
  },
  { name: 'assets are named', good: {}, bad: { assets: [] }, field: 'assets' },
  {
    name: 'at most 16 assets',
    good: { assets: long.slice(1) },
    bad: { assets: long },
    field: 'assets',
  },
  { name: 'the version is 2', good: { version: 2 }, bad: { version: 3 }, field: 'version' },
  {
    name: 'a release key or measurements',
    good: byKey,
    bad: { releaseKey: address(1) },
    field: 'measurements',
  },
  { name: 'a TEE is named', good: { tees: 2 }, bad: { tees: 0 }, field: 'tees' },
  { name: 'no TEE without a name', good: { tees: 62 }, bad: { tees: 64 }, field: 'tees' },
  { name: 'TEE 0 is none', good: { tees: 32 }, bad: { tees: 1 }, field: 'tees' },
  {
    name: 'one use a day at least',
    good: { usesPerDay: 1 },
    bad: { usesPerDay: 0 },
    field: 'usesPerDay',
  },
  {
    name: 'one owner at least',
    good: { ownersMin: 255 },
    bad: { ownersMin: 0 },
    field: 'ownersMin',
  },
  {
    name: 'a format is named',
    good: { outputFormats: 63 },
    bad: { outputFormats: 0 },
    field: 'outputFormats',
  },
  {
    name: 'no format without a name',
    good: { outputFormats: 1 },
    bad: { outputFormats: 64 },
    field: 'outputFormats',
  },
  {
    name: 'privacy has a budget',
    good: budget,
    bad: { ...budget, epsilonMicros: 0n },
    field: 'epsilonMicros',
  },
  {
    name: 'no budget without privacy',
    good: {},
    bad: { epsilonMicros: 1n },
    field: 'epsilonMicros',
  },
  { name: 'no delta without privacy', good: {}, bad: { deltaPicos: 1n }, field: 'deltaPicos' },
  {
    name: 'a delta is below 1',
    good: { ...budget, deltaPicos: 999_999_999_999n },
    bad: { ...budget, deltaPicos: 1_000_000_000_000n },
    field: 'deltaPicos',
  },
  { name: 'one use at least', good: { usesMax: 1 }, bad: { usesMax: 0 }, field: 'usesMax' },
  {
    name: 'it ends after it begins',
    good: { expiry: 1_001n },
    bad: { expiry: 1_000n },
    field: 'expiry',
  },
])('structure: $name', ({ good, bad, field }) => {
  expect(checkGrant({ ...grant, ...good })).toEqual([])
  expect(checkGrant({ ...grant, ...bad }).map((problem) => problem.field)).toEqual([field])
})

test('a manifest that says less than it must is covered by no grant', () => {
  expect(appFactsOf(undefined)).toMatchObject({ outputFormats: 63, private: false })
  expect(appFactsOf({ outputs: [{ name: 'x' }] }).outputBytesMax).toBe(Number.POSITIVE_INFINITY)
  const outputs = [
    { name: 'a', bytesMax: 3, format: 'json' },
    { name: 'b', bytesMax: 4, format: 'onnx' },
  ]
  expect(appFactsOf({ kind: 'train', outputs, privacy: 'dp-sgd' })).toEqual({
    accelerator: 'none',
    kind: 'train',
    outputBytesMax: 7,
    outputFormats: 10,
    private: true,
  })
  expect(appFactsOf({ outputs: [{ bytesMax: 1, format: 'exe' }] }).outputFormats).toBe(63)
  expect(appFactsOf({ outputs: [{ bytesMax: 1 }] }).outputFormats).toBe(1)
})
