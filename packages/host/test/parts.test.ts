import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { appraise, insecureDevnetAnchor, strictPolicy } from '@cloister/attest'
import { OperationError, unixSeconds } from '@cloister/codec'
import {
  createManufacturer,
  createNitroCloud,
  createSnpManufacturer,
  serveSnpKeys,
} from '@cloister/emulator'
import { ObjectStore, sha256Of } from './objects.ts'
import {
  cloisterDomain,
  messageDigest,
  nodeCollateralField,
  type Message,
  type NodeEvidence,
} from '@cloister/protocol'
import { zeroHash, type Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterEach, beforeEach, expect, test } from 'vitest'

import { CollateralClient } from '../src/collateral.ts'
import { decideDuty, type DutyGiven, type TaskFacts } from '../src/duties.ts'
import { faultsOf } from '../src/index.ts'
import { readRange } from '../src/object-routes.ts'
import { collectQuorum, type Member } from '../src/quorum.ts'
import { Uploads } from '../src/uploads.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clo-parts-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const node: Hex = `0x${'aa'.repeat(20)}`
const task: TaskFacts = {
  state: 1,
  node,
  seedBlock: 10n,
  expiry: 1_000n,
  attemptDeadline: 500n,
  postedAt: 400n,
  judgedAt: 450n,
  replicas: 1,
  replica: 0,
}
const given: DutyGiven = {
  receiptKey: node,
  head: { number: 11n, timestamp: 300n },
  judgeSeconds: 60n,
  challengeSeconds: 10n,
}

test.for([
  [
    'a placed task waits for its seed block',
    { state: 1 },
    { number: 10n, timestamp: 300n },
    'none',
  ],
  [
    'a placed task is drawn one block after it',
    { state: 1 },
    { number: 11n, timestamp: 300n },
    'draw',
  ],
  [
    'an expired order is refunded, seed or not',
    { state: 1 },
    { number: 11n, timestamp: 1_000n },
    'refundExpired',
  ],
  ['the drawn node runs', { state: 2 }, { number: 11n, timestamp: 500n }, 'run'],
  ['another node does not', { state: 2, node: zeroHash }, { number: 11n, timestamp: 500n }, 'none'],
  ['past the deadline anybody ends it', { state: 2 }, { number: 11n, timestamp: 501n }, 'timeout'],
  ['a posted task waits for its judgement', { state: 3 }, { number: 11n, timestamp: 460n }, 'none'],
  ['which must come in time', { state: 3 }, { number: 11n, timestamp: 461n }, 'expireJudgement'],
  ['an accepted task waits for the window', { state: 4 }, { number: 11n, timestamp: 460n }, 'none'],
  ['and is settled after it', { state: 4 }, { number: 11n, timestamp: 461n }, 'settle'],
  ['a settled task is over', { state: 5 }, { number: 11n, timestamp: 9_999n }, 'none'],
  ['a refunded task is over', { state: 6 }, { number: 11n, timestamp: 9_999n }, 'none'],
  ['a task that is none is nothing', { state: 0 }, { number: 11n, timestamp: 9_999n }, 'none'],
] as const)('%s', ([, changes, head, duty]) => {
  expect(decideDuty({ ...task, ...changes }, { ...given, head })).toBe(duty)
})

test('the first of several replicas settles all, and only when the last one can be', () => {
  const head = { number: 11n, timestamp: 461n }
  const first = { ...task, state: 4, replicas: 2 }
  const second = { ...first, replica: 1 }
  const duty = (own: TaskFacts, all: readonly TaskFacts[]) =>
    decideDuty(own, { ...given, head }, all)
  expect(duty(first, [first, second])).toBe('settleReplicas')
  expect(duty(second, [first, second])).toBe('none')
  expect(duty(first, [first])).toBe('none')
  expect(duty(first, [first, { ...second, state: 3 }])).toBe('none')
  expect(duty(first, [first, { ...second, judgedAt: 451n }])).toBe('none')
})

test('a production host takes no faults', () => {
  expect(() => faultsOf(['go-silent'], true)).toThrow(
    expect.objectContaining({ code: 'faults-in-production' }),
  )
  expect(faultsOf([], true)).toEqual({})
})

test.for([
  ['bytes=0-9', { offset: 0, length: 10 }],
  ['bytes=90-', { offset: 90, length: 10 }],
  ['bytes=-5', { offset: 95, length: 5 }],
  ['bytes=-500', { offset: 0, length: 100 }],
  ['bytes=99-500', { offset: 99, length: 1 }],
  [undefined, undefined],
  ['bytes=0-1,5-6', undefined],
  ['items=0-1', undefined],
] as const)('of 100 bytes, %s gives %j', ([header, range]) => {
  expect(readRange(header, 100)).toEqual(range)
})

test.for(['bytes=100-', 'bytes=50-40', 'bytes=-0'])('of 100 bytes, %s gives nothing', (header) => {
  expect(() => readRange(header, 100)).toThrow(expect.objectContaining({ code: 'bad-range' }))
})

test('an upload takes its parts in order and leaves nothing behind when one is wrong', async () => {
  const store = await ObjectStore.open(folder)
  const uploads = new Uploads(store)
  await uploads.take('a', 0, Uint8Array.of(1, 2), undefined)
  await uploads.take('a', 2, Uint8Array.of(3), sha256Of([1, 2, 3]))
  expect([...(await store.get(sha256Of([1, 2, 3])))]).toEqual([1, 2, 3])
  await uploads.take('b', 0, Uint8Array.of(1), undefined)
  await expect(uploads.take('b', 5, Uint8Array.of(1), undefined)).rejects.toMatchObject({
    code: 'upload-order',
  })
  await expect(uploads.take('b', 1, Uint8Array.of(1), undefined)).rejects.toMatchObject({
    code: 'upload-order',
  })
  await expect(uploads.take('c', 0, Uint8Array.of(9), sha256Of([1]))).rejects.toMatchObject({
    code: 'digest-mismatch',
  })
  expect(store.usedBytes).toBe(3)
})

test('no more than sixteen uploads are open at once', async () => {
  const uploads = new Uploads(await ObjectStore.open(folder))
  for (let index = 0; index < 16; index++)
    await uploads.take(`${index}`, 0, Uint8Array.of(1), undefined)
  await expect(uploads.take('17', 0, Uint8Array.of(1), undefined)).rejects.toMatchObject({
    code: 'upload-limit',
  })
  await uploads.close()
})

const domain = cloisterDomain(1, '0x1111111111111111111111111111111111111111')
const accounts = [1, 2, 3, 4].map(() => privateKeyToAccount(generatePrivateKey()))
const members = accounts.map(({ address }) => ({ address, url: '' }))
const handover: Message<'Handover'> = { epoch: 1n, membersHash: zeroHash }
const other: Message<'Handover'> = { epoch: 2n, membersHash: zeroHash }

function askEach(answers: readonly (Message<'Handover'> | 'silent' | 'error' | 'foreign')[]) {
  return async ({ address }: Member) => {
    const index = members.findIndex((member) => member.address === address)
    const answer = answers[index]!
    if (answer === 'error') throw new OperationError('peer-refused', 'it says no')
    if (answer === 'silent') return new Promise<never>(() => undefined)
    const message = answer === 'foreign' ? handover : answer
    const signer = answer === 'foreign' ? accounts[(index + 1) % 4]! : accounts[index]!
    const signature = await signer.sign({ hash: messageDigest(domain, 'Handover', message) })
    return { message, signature }
  }
}

test.for([
  ['all agree', [handover, handover, handover, handover], 3],
  ['one is silent', [handover, 'silent', handover, handover], 3],
  ['one fails', ['error', handover, handover, handover], 3],
  ['one says otherwise', [handover, other, handover, handover], 3],
] as const)('a quorum is found where %s', async ([, answers, signers]) => {
  const agreed = await collectQuorum({
    domain,
    name: 'Handover',
    members,
    deadlineMs: 2_000,
    ask: askEach(answers),
  })
  expect(agreed.message).toEqual(handover)
  expect(agreed.signatures.length).toBeGreaterThanOrEqual(signers)
})

test.for([
  [
    'two are silent',
    [handover, 'silent', 'silent', handover],
    /2 of 4 verifiers agree, 3 are needed/,
  ],
  ['they disagree', [handover, handover, other, other], /2 of 4/],
  [
    'two sign with keys of others',
    ['foreign', 'foreign', handover, handover],
    /its signature is not its own/,
  ],
  ['all fail', ['error', 'error', 'error', 'error'], /0 of 4.*it says no/],
] as const)('no quorum is found where %s', async ([, answers, message]) => {
  const asking = collectQuorum({
    domain,
    name: 'Handover',
    members,
    deadlineMs: 200,
    ask: askEach(answers),
  })
  await expect(asking).rejects.toMatchObject({
    code: 'no-quorum',
    retryable: true,
    message: expect.stringMatching(message),
  })
})

test('collateral that is not there, or not in form, is blamed on the service', async () => {
  await expect(collateralFrom('http://127.0.0.1:9')).rejects.toMatchObject({
    code: 'collateral-unavailable',
    message: expect.stringContaining('http://127.0.0.1:9'),
  })
  const server = createServer((_, response) => response.end('{"tcbInfo":{}}'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  await expect(collateralFrom(`http://127.0.0.1:${port}`)).rejects.toMatchObject({
    code: 'collateral-unavailable',
  })
  server.close()
})

test('for evidence that does not hold nobody is asked', async () => {
  const evidence = { tee: 'tdx', quote: new Uint8Array(1_000) } as const
  await expect(collateralFrom('http://127.0.0.1:9', evidence)).rejects.toMatchObject({
    code: 'evidence-refused',
    message: expect.stringContaining('Intel TDX: it is not authentic, '),
  })
})

test('an SNP report gets AMD’s certificates and list, and a Nitro document needs nothing', async () => {
  const now = unixSeconds(Math.floor(Date.now() / 1000))
  const seed = new Uint8Array(32).fill(3)
  const amd = createSnpManufacturer({ seed, now: unixSeconds(now - 3600) })
  const keys = await serveSnpKeys(amd)
  const machineSeed = new Uint8Array(16)
  const platform = amd.createPlatform({ machineSeed, line: 'Genoa' })
  const report = platform.report({
    measurement: new Uint8Array(48),
    reportData: new Uint8Array(64),
  })
  const cloud = createNitroCloud(seed)
  const document = cloud.startEnclave({ enclaveSeed: machineSeed }).document({ now })
  const roots = [amd.anchorSpkiSha256('Genoa'), cloud.anchorSpkiSha256]
  const urls = { intel: 'http://127.0.0.1:9', amd: keys.url }
  const client = new CollateralClient(
    urls,
    roots.map((root) => insecureDevnetAnchor(root)),
  )
  const evidence = { tee: 'sev-snp', report } as const
  const fetched = nodeCollateralField('sev-snp').parse(await client.get(evidence), 'collateral')
  const appraisal = await appraise(evidence, {
    collateral: fetched,
    anchors: roots.map((root) => insecureDevnetAnchor(root)),
    policy: strictPolicy({ measurements: 'any', reportData: 'any', machineIds: 'any' }),
    now,
  })
  expect(appraisal).toMatchObject({ authentic: true, reasons: [] })
  expect(await client.get({ tee: 'aws-nitro', document })).toEqual({})
  await keys.close()
  // Without its service the certificate is kept, and its address named where it is not.
  const unserved = new CollateralClient(
    { ...urls, amd: 'http://127.0.0.1:9' },
    roots.map((root) => insecureDevnetAnchor(root)),
  )
  await expect(unserved.get(evidence)).rejects.toMatchObject({ code: 'collateral-unavailable' })
})

const manufacturer = createManufacturer({
  seed: new Uint8Array(32).fill(3),
  now: unixSeconds(Math.floor(Date.now() / 1000) - 3600),
})
const quote = manufacturer.createPlatform({ machineSeed: new Uint8Array(16) }).quote({
  mrtd: new Uint8Array(48),
  rtmrs: [new Uint8Array(48), new Uint8Array(48), new Uint8Array(48), new Uint8Array(48)],
  reportData: new Uint8Array(64),
})

function collateralFrom(url: string, evidence: NodeEvidence = { tee: 'tdx', quote }) {
  const anchor = insecureDevnetAnchor(manufacturer.anchorSpkiSha256)
  return new CollateralClient({ intel: url, amd: url }, [anchor]).get(evidence)
}
