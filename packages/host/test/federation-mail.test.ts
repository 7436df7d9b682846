import type { Json } from '@cloister/codec'
import { federationNoteDigest, federationNoteField } from '@cloister/protocol'
import type { Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { beforeEach, expect, test } from 'vitest'

import type { OpenTask } from '../src/chain-facts.ts'
import { FederationMail, type RunningTask } from '../src/federation-mail.ts'

const hex = (digit: string): Hex => `0x${digit.repeat(64)}`
const plan = hex('a')
const member = hex('1')
const lead = hex('2')
const stranger = hex('3')
const app = hex('c')
const memberKey = privateKeyToAccount(generatePrivateKey())
const leadKey = privateKeyToAccount(generatePrivateKey())

let running: Map<Hex, RunningTask>
let mail: FederationMail

beforeEach(() => {
  running = new Map([
    [member, { attempt: 1, node: memberKey.address, running: true }],
    [lead, { attempt: 2, node: leadKey.address, running: true }],
    [stranger, { attempt: 1, node: memberKey.address, running: true }],
  ])
  const tasks = new Map<Hex, OpenTask>([
    [member, taskWith([hex('d'), plan])],
    [lead, taskWith([plan])],
    [stranger, taskWith([hex('e')])],
  ])
  mail = new FederationMail({
    deployment: hex('f'),
    receiptKey: leadKey.address,
    tasks: () => tasks,
    taskOf: async (task) =>
      running.get(task) ?? { attempt: 0, node: memberKey.address, running: false },
    urlOf: () => undefined,
  })
})

function taskWith(assets: readonly Hex[]): OpenTask {
  const order = {
    requester: memberKey.address,
    app,
    assets,
    grants: [],
    recipientKeyHash: plan,
    tierMin: 0,
    tags: 0,
    replicas: 1,
    feeWei: 1n,
    attemptSeconds: 60,
    attemptsMax: 1,
    expiry: 1n,
    nonce: 1n,
    tees: 0b100,
    unitWei: 0n,
    epsilonMicros: 0n,
    deltaPicos: 0n,
  }
  return { block: 1n, order, grants: [], grantSignatures: [] }
}

const header = {
  deployment: hex('f'),
  plan,
  from: member,
  fromAttempt: 1,
  to: lead,
  toAttempt: 2,
  kind: 'hello',
  round: 0,
  bundle: hex('b'),
  content: undefined,
  envelope: undefined,
} as const

async function noteWith(changed: Partial<typeof header> | object = {}, key = memberKey) {
  const note = { ...header, ...changed }
  const signature = await key.sign({ hash: federationNoteDigest(note) })
  return federationNoteField.encode({ ...note, signature })
}

test('a note of a sibling waits for the enclave of its task, and is given once', async () => {
  const note = await noteWith()
  await mail.accept(note)
  expect(await mail.take(lead, 1, 0)).toEqual([])
  expect(await mail.take(lead, 2, 0)).toEqual([note])
  expect(await mail.take(lead, 2, 60)).toEqual([])
})

test.each<[string, object, typeof memberKey]>([
  ['another deployment', { deployment: hex('9') }, memberKey],
  ['a task of another plan', { from: stranger }, memberKey],
  ['an earlier attempt of its sender', { fromAttempt: 9 }, memberKey],
  ['another attempt of its receiver', { toAttempt: 1 }, memberKey],
  ['a key that the chain does not run the task on', {}, leadKey],
])('a note with %s is not taken', async (_what, changed, key) => {
  await expect(noteWith(changed, key).then((note) => mail.accept(note))).rejects.toMatchObject({
    code: 'mail-refused',
  })
})

test('one sender fills its own part of a box and no more', async () => {
  const note = await noteWith()
  for (let count = 0; count < 32; count++) await mail.accept(note)
  await expect(mail.accept(note)).rejects.toMatchObject({ code: 'mail-full', retryable: true })
  const taken: Json[] = []
  while (taken.length < 32) taken.push(...(await mail.take(lead, 2, 0)))
  await mail.accept(note)
})

test('the coordinator is the running task whose order has the plan and nothing else', async () => {
  expect(await mail.coordinator(app, plan)).toEqual({ task: lead, attempt: 2 })
  expect(await mail.coordinator(hex('7'), plan)).toBeUndefined()
  running.set(lead, { attempt: 2, node: leadKey.address, running: false })
  expect(await mail.coordinator(app, plan)).toBeUndefined()
})

test('a note to a task that no node runs says so', async () => {
  running.set(lead, { attempt: 2, node: leadKey.address, running: false })
  await expect(noteWith().then((note) => mail.send(note))).rejects.toMatchObject({
    code: 'mail-undeliverable',
  })
})
