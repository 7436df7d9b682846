import {
  checkGrant,
  decideGrant,
  refusalCause,
  type Grant,
  type GrantFacts,
  type GrantRequest,
} from '@cloister/protocol'
import { expect, test } from 'vitest'

import { address, grant, word } from './examples.ts'

const request: GrantRequest = {
  app: word(0x32),
  asset: word(0x01),
  requester: address(0xc2),
  operator: address(0xb2),
  measurement: word(0x42),
  tcb: 1,
  tier: 1,
  outputBytesMax: 4096,
  now: 1_000n,
  usesBefore: 2,
}
const facts: GrantFacts = { assetOwner: address(0xa1), signatureValid: true, revoked: false }

type Change = {
  readonly grant?: Partial<Grant>
  readonly request?: Partial<GrantRequest>
  readonly facts?: Partial<GrantFacts>
}
const decide = (change: Change) =>
  decideGrant(
    { ...grant, ...change.grant },
    { ...request, ...change.request },
    { ...facts, ...change.facts },
  )

test('a request at the limit of every field is allowed', () => {
  expect(decide({})).toEqual({ kind: 'allowed' })
})

const long = Array.from({ length: 17 }, (_, index) => word(0x60 + index))

test.for<{ name: string; allowed: Change; refused: Change; field: keyof Grant; reason: number }>([
  {
    name: 'the owner signed it',
    allowed: { facts: { signatureValid: true } },
    refused: { facts: { signatureValid: false } },
    field: 'owner',
    reason: 3,
  },
  {
    name: 'the owner owns the asset',
    allowed: { grant: { owner: address(0xa2) }, facts: { assetOwner: address(0xa2) } },
    refused: { grant: { owner: address(0xa2) } },
    field: 'owner',
    reason: 3,
  },
  {
    name: 'it is for this asset',
    allowed: { grant: { asset: word(2) }, request: { asset: word(2) } },
    refused: { request: { asset: word(2) } },
    field: 'asset',
    reason: 3,
  },
  {
    name: 'it is not revoked',
    allowed: { facts: { revoked: false } },
    refused: { facts: { revoked: true } },
    field: 'nonce',
    reason: 1,
  },
  {
    name: 'its time has begun',
    allowed: { request: { now: 1_000n } },
    refused: { request: { now: 999n } },
    field: 'notBefore',
    reason: 2,
  },
  {
    name: 'its time has not ended',
    allowed: { request: { now: 1_999n } },
    refused: { request: { now: 2_000n } },
    field: 'expiry',
    reason: 2,
  },
  {
    name: 'the app is listed',
    allowed: { request: { app: word(0x31) } },
    refused: { request: { app: word(0x33) } },
    field: 'apps',
    reason: 3,
  },
  {
    name: 'the requester is listed',
    allowed: { request: { requester: address(0xc1) } },
    refused: { request: { requester: address(0xc3) } },
    field: 'requesters',
    reason: 3,
  },
  {
    name: 'any requester may ask',
    allowed: {
      grant: { anyRequester: true, requesters: [] },
      request: { requester: address(0xc3) },
    },
    refused: { grant: { anyRequester: false, requesters: [] } },
    field: 'requesters',
    reason: 3,
  },
  {
    name: 'uses are left',
    allowed: { request: { usesBefore: 2 } },
    refused: { request: { usesBefore: 3 } },
    field: 'usesMax',
    reason: 3,
  },
  {
    name: 'outputs are small enough',
    allowed: { request: { outputBytesMax: 4096 } },
    refused: { request: { outputBytesMax: 4097 } },
    field: 'outputBytesMax',
    reason: 3,
  },
  {
    name: 'the operator is listed',
    allowed: { request: { operator: address(0xb1) } },
    refused: { request: { operator: address(0xb3) } },
    field: 'operators',
    reason: 3,
  },
  {
    name: 'any node may run it',
    allowed: { grant: { anyNode: true, operators: [] }, request: { operator: address(0xb3) } },
    refused: { grant: { anyNode: false, operators: [] } },
    field: 'operators',
    reason: 3,
  },
  {
    name: 'the measurement is listed',
    allowed: { request: { measurement: word(0x41) } },
    refused: { request: { measurement: word(0x43) } },
    field: 'measurements',
    reason: 4,
  },
  {
    name: 'the TCB is good enough',
    allowed: { request: { tcb: 0 } },
    refused: { request: { tcb: 2 } },
    field: 'tcbFloor',
    reason: 4,
  },
  {
    name: 'the TCB has a rank at all',
    allowed: { grant: { tcbFloor: 5 }, request: { tcb: 5 } },
    refused: { grant: { tcbFloor: 5 }, request: { tcb: undefined } },
    field: 'tcbFloor',
    reason: 4,
  },
  {
    name: 'the tier is high enough',
    allowed: { request: { tier: 2 } },
    refused: { request: { tier: 0 } },
    field: 'tierMin',
    reason: 4,
  },
])('$name', ({ allowed, refused, field, reason }) => {
  expect(decide(allowed)).toEqual({ kind: 'allowed' })
  expect(decide(refused)).toMatchObject({ kind: 'refused', field, reason })
})

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

test('a malformed grant is refused whatever is asked', () => {
  expect(decide({ grant: { apps: [] } })).toMatchObject({ kind: 'refused', field: 'apps' })
})

test('addresses and digests are compared as bytes, not as text', () => {
  const operator = '0xABCDEFabcdefABCDEFabcdefABCDEFabcdefABCD'
  expect(
    decide({
      grant: { operators: [operator] },
      request: { operator: '0xabcdefabcdefabcdefabcdefabcdefabcdefabcd' },
    }),
  ).toEqual({ kind: 'allowed' })
})

test('a refusal is charged as the protocol says', () => {
  expect(([1, 2, 3, 4, 5, 6, 7, 8] as const).map(refusalCause)).toEqual([
    'owner',
    'owner',
    'owner',
    'node',
    'nobody',
    'node',
    'keeper',
    'keeper',
  ])
})
