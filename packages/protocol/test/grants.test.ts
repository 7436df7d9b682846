import {
  decideGrant,
  otherOwners,
  refusalCause,
  type Grant,
  type AppFacts,
  type GrantFacts,
  type GrantNode,
  type GrantRequest,
  type GrantUse,
} from '@cloister/protocol'
import { expect, test } from 'vitest'

import { address, grant, word } from './examples.ts'

const node: GrantNode = {
  tee: 3,
  operator: address(0xb2),
  measurement: word(0x42),
  approvedUntil: 0n,
  tcb: 1,
  tier: 1,
}
const request: GrantRequest = {
  app: word(0x32),
  asset: word(0x02),
  requester: address(0xc2),
  ownersOthers: 1,
  tees: 0b1100,
  epsilonMicros: 0n,
  deltaPicos: 0n,
  manifest: {
    kind: 'infer',
    outputBytesMax: 4096,
    outputFormats: 0b1000,
    private: false,
    accelerator: 'none',
  },
  node,
  now: 1_000n,
  used: { tasks: 2, tasksToday: 1, epsilonMicros: 0n, deltaPicos: 0n },
}
const facts: GrantFacts = { assetOwner: address(0xa1), signatureValid: true, revoked: false }

type Change = {
  readonly grant?: Partial<Grant>
  readonly request?: Partial<GrantRequest>
  readonly node?: Partial<GrantNode>
  readonly used?: Partial<GrantUse>
  readonly app?: Partial<AppFacts>
  readonly facts?: Partial<GrantFacts>
}
const decide = (change: Change) =>
  decideGrant(
    { ...grant, ...change.grant },
    {
      ...request,
      manifest: { ...request.manifest, ...change.app },
      used: { ...request.used, ...change.used },
      node: { ...node, ...change.node },
      ...change.request,
    },
    { ...facts, ...change.facts },
  )
const budget = { privacyRequired: true, epsilonMicros: 1_000n, deltaPicos: 10n }

test('a request at the limit of every field is allowed', () => {
  expect(decide({})).toEqual({ kind: 'allowed' })
})

const own = { anyRequester: true, requesters: [] }
const byKey = { measurements: [], releaseKey: address(0xd1) }
const priv = { private: true, kind: 'train' }
const spend = (before: bigint, now: bigint, deltaBefore: bigint, deltaNow: bigint): Change => ({
  request: { epsilonMicros: now, deltaPicos: deltaNow },
  used: { epsilonMicros: before, deltaPicos: deltaBefore },
})

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
    allowed: { request: { asset: word(1) } },
    refused: { request: { asset: word(3) } },
    field: 'assets',
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
    allowed: { used: { tasks: 2 } },
    refused: { used: { tasks: 3 } },
    field: 'usesMax',
    reason: 3,
  },
  {
    name: 'uses of the day are left',
    allowed: { used: { tasksToday: 1 } },
    refused: { used: { tasksToday: 2 } },
    field: 'usesPerDay',
    reason: 3,
  },
  {
    name: 'enough owners come together',
    allowed: { grant: { ownersMin: 3 }, request: { ownersOthers: 3 } },
    refused: { grant: { ownersMin: 3 }, request: { ownersOthers: 2 } },
    field: 'ownersMin',
    reason: 3,
  },
  {
    name: 'owners that order themselves need nobody else',
    allowed: { request: { ownersOthers: 0, requester: address(0xa1) }, grant: own },
    refused: { request: { ownersOthers: 0 } },
    field: 'ownersMin',
    reason: 3,
  },
  {
    name: 'order and grant have a TEE in common',
    allowed: { request: { tees: 0b10_1000 } },
    refused: { request: { tees: 0b10_0010 } },
    field: 'tees',
    reason: 3,
  },
  {
    name: 'an order under a budget says what it may spend',
    allowed: { grant: budget, app: priv, request: { epsilonMicros: 1n } },
    refused: { grant: budget, app: priv },
    field: 'epsilonMicros',
    reason: 3,
  },
  {
    name: 'epsilon is left',
    allowed: { grant: budget, app: priv, ...spend(600n, 400n, 0n, 0n) },
    refused: { grant: budget, app: priv, ...spend(600n, 401n, 0n, 0n) },
    field: 'epsilonMicros',
    reason: 3,
  },
  {
    name: 'delta is left',
    allowed: { grant: budget, app: priv, ...spend(0n, 1n, 3n, 7n) },
    refused: { grant: budget, app: priv, ...spend(0n, 1n, 3n, 8n) },
    field: 'deltaPicos',
    reason: 3,
  },
  {
    name: 'the app is private where that is asked for',
    allowed: { grant: budget, app: priv, ...spend(0n, 1n, 0n, 0n) },
    refused: { grant: budget, ...spend(0n, 1n, 0n, 0n) },
    field: 'privacyRequired',
    reason: 3,
  },
  {
    name: 'the outputs are in granted formats',
    allowed: { app: { outputFormats: 0b1010 } },
    refused: { app: { outputFormats: 0b1001 } },
    field: 'outputFormats',
    reason: 3,
  },
  {
    name: 'the app counts rows where a grant wants many',
    allowed: { grant: { recordsMin: 100 }, app: { kind: 'train' } },
    refused: { grant: { recordsMin: 100 }, app: { kind: 'infer' } },
    field: 'recordsMin',
    reason: 3,
  },
  {
    name: 'the node runs in a granted TEE',
    allowed: { node: { tee: 2 } },
    refused: { node: { tee: 4 } },
    field: 'tees',
    reason: 4,
  },
  {
    name: 'the release key approves the measurement now',
    allowed: { grant: byKey, node: { approvedUntil: 1_001n, measurement: word(0x99) } },
    refused: { grant: byKey, node: { approvedUntil: 1_000n } },
    field: 'releaseKey',
    reason: 4,
  },
  {
    name: 'outputs are small enough',
    allowed: { app: { outputBytesMax: 4096 } },
    refused: { app: { outputBytesMax: 4097 } },
    field: 'outputBytesMax',
    reason: 3,
  },
  {
    name: 'the operator is listed',
    allowed: { node: { operator: address(0xb1) } },
    refused: { node: { operator: address(0xb3) } },
    field: 'operators',
    reason: 3,
  },
  {
    name: 'any node may run it',
    allowed: { grant: { anyNode: true, operators: [] }, node: { operator: address(0xb3) } },
    refused: { grant: { anyNode: false, operators: [] } },
    field: 'operators',
    reason: 3,
  },
  {
    name: 'the measurement is listed',
    allowed: { node: { measurement: word(0x41) } },
    refused: { node: { measurement: word(0x43) } },
    field: 'measurements',
    reason: 4,
  },
  {
    name: 'the TCB is good enough',
    allowed: { node: { tcb: 0 } },
    refused: { node: { tcb: 2 } },
    field: 'tcbFloor',
    reason: 4,
  },
  {
    name: 'the TCB has a rank at all',
    allowed: { grant: { tcbFloor: 5 }, node: { tcb: 5 } },
    refused: { grant: { tcbFloor: 5 }, node: { tcb: undefined } },
    field: 'tcbFloor',
    reason: 4,
  },
  {
    name: 'the tier is high enough',
    allowed: { node: { tier: 2 } },
    refused: { node: { tier: 0 } },
    field: 'tierMin',
    reason: 4,
  },
])('$name', ({ allowed, refused, field, reason }) => {
  expect(decide(allowed)).toEqual({ kind: 'allowed' })
  expect(decide(refused)).toMatchObject({ kind: 'refused', field, reason })
})

test('a malformed grant is refused whatever is asked', () => {
  expect(decide({ grant: { apps: [] } })).toMatchObject({ kind: 'refused', field: 'apps' })
})

test('addresses and digests are compared as bytes, not as text', () => {
  const operator = '0xABCDEFabcdefABCDEFabcdefABCDEFabcdefABCD'
  expect(
    decide({
      grant: { operators: [operator] },
      node: { operator: '0xabcdefabcdefabcdefabcdefabcdefabcdefabcd' },
    }),
  ).toEqual({ kind: 'allowed' })
})

test('before a draw nothing is asked of a node', () => {
  const before = { node: 'none-yet' } as const
  expect(decide({ request: before, grant: { operators: [address(0xee)] } })).toEqual({
    kind: 'allowed',
  })
})

test('a refusal says what was found, what was wanted, and what to change', () => {
  expect(decide({ app: { outputBytesMax: 5000 } })).toEqual({
    kind: 'refused',
    stage: 'run',
    reason: 3,
    field: 'outputBytesMax',
    found: 'outputs of up to 5000 bytes',
    wanted: '4096 at most',
    advice: 'order another app, or ask the owner for another grant',
    detail:
      'outputs of up to 5000 bytes, wanted 4096 at most; order another app, or ask the owner for another grant',
  })
})

test('owners are counted once, and the requester not at all', () => {
  const [a, b, c] = [address(0xaa), address(0xbb), address(0xcc)]
  expect(otherOwners([a, b, a, c], c)).toBe(2)
  expect(otherOwners([c], c)).toBe(0)
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
