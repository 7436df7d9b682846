import { parseEventLog, type TpmEvidence } from '@cloister/attest'
import { encodeHex, encodeUtf8, MalformedError, type Bytes } from '@cloister/codec'
import { expect, test } from 'vitest'
import { sampleBoot, type EmulatedTpm } from '../src/index.ts'
import { sha256 } from '../src/signing-key.ts'
import { writeAgileLog } from '../src/tpm/boot-log.ts'
import {
  anyPolicy,
  claimsOf,
  concluded,
  judge,
  nonce,
  startedTpm,
  testTpmManufacturer,
} from './tpm-world.ts'

const requireLog = anyPolicy({ tpm: { requireEventLog: true } })
const started = (): EmulatedTpm => startedTpm(testTpmManufacturer())

test.for([false, true])('a log bears out whether Secure Boot was on: %s', async (secureBoot) => {
  const tpm = startedTpm(testTpmManufacturer(), { secureBoot })
  const appraisal = await judge(tpm.evidence({ nonce }), { policy: requireLog })
  expect(concluded(appraisal)).toEqual({ authentic: true, reasons: [] })
  expect(claimsOf(appraisal).boot).toEqual({
    format: 'crypto-agile',
    matching: [0, 1, 2, 3, 4, 5, 6, 7, 9].map((pcr) => `sha256:${pcr}`),
    differing: [],
    unexplained: [],
    secureBoot,
    bootDigests: [encodeHex(sha256(encodeUtf8('boot loader 1')))],
  })
})

test('a log of SHA-1 alone bears out a SHA-1 bank, and no other', async () => {
  const tpm = started()
  const policy = anyPolicy({ tpm: { allowSha1: true, requireEventLog: true } })
  const weak = { nonce, selection: { sha1: [0, 4, 7] }, log: 'sha1' } as const
  const { boot } = claimsOf(await judge(tpm.evidence(weak), { policy }))
  expect(boot).toMatchObject({ format: 'sha1', matching: ['sha1:0', 'sha1:4', 'sha1:7'] })
  const strong = tpm.evidence({ nonce, selection: { sha256: [0, 4, 7] }, log: 'sha1' })
  expect(concluded(await judge(strong)).reasons).toEqual(['EVENT_LOG'])
})

test('a log that leaves out, adds or changes an event does not lead to the quoted PCRs', async () => {
  const told = started().evidence({ nonce })
  const others = {
    'another kernel': startedTpm(testTpmManufacturer(), { kernel: 'kernel 2' }),
    'an event more': started(),
    'nothing but its head': testTpmManufacturer().createTpm({ tpmSeed: new Uint8Array(16) }),
  }
  others['an event more'].measure(sampleBoot({ secureBoot: true, kernel: 'x' }).slice(-1))
  for (const [name, other] of Object.entries(others)) {
    const { eventLog } = other.evidence({ nonce })
    const appraisal = await judge({ ...told, eventLog: eventLog! })
    expect(concluded(appraisal), name).toEqual({ authentic: true, reasons: ['EVENT_LOG'] })
  }
  const { eventLog } = others['another kernel'].evidence({ nonce })
  const { boot } = claimsOf(await judge({ ...told, eventLog: eventLog! }))
  expect(boot?.differing).toEqual(['sha256:9'])
})

test('what an operating system measures past PCR 7 without that log is no reason; below, it is', async () => {
  const [late, early] = [started(), started()]
  late.extend(10, encodeUtf8('a list of its own'))
  early.extend(2, encodeUtf8('unsaid'))
  const appraisal = await judge(late.evidence({ nonce }), { policy: requireLog })
  expect(concluded(appraisal).reasons).toEqual([])
  expect(claimsOf(appraisal).boot?.unexplained).toEqual(['sha256:10'])
  expect(concluded(await judge(early.evidence({ nonce }))).reasons).toEqual(['EVENT_LOG'])
})

test('what is measured after the separator says nothing about Secure Boot, nor what PCR 7 does not hold', async () => {
  const enabled = sampleBoot({ secureBoot: true, kernel: 'k' })
  const late = testTpmManufacturer().createTpm({ tpmSeed: new Uint8Array(16) })
  late.measure([...enabled.filter(({ pcr, type }) => pcr !== 7 || type === 4), enabled[1]!])
  expect(claimsOf(await judge(late.evidence({ nonce }))).boot).toMatchObject({
    differing: [],
  })
  expect(claimsOf(await judge(late.evidence({ nonce }))).boot).not.toHaveProperty('secureBoot')
  const unquoted = started().evidence({ nonce, selection: { sha256: [0, 4] } })
  expect(claimsOf(await judge(unquoted)).boot).not.toHaveProperty('secureBoot')
})

test('types of events, which nobody measures, hide neither a separator nor what was measured first', async () => {
  const [off, on] = [false, true].map((secureBoot) => sampleBoot({ secureBoot, kernel: 'k' }))
  const tpm = testTpmManufacturer().createTpm({ tpmSeed: new Uint8Array(16) })
  tpm.measure(off!)
  // Whoever took over the machine extends PCR 7 with "Secure Boot is on", and PCR 4 as they please.
  const later = [on![1]!, { pcr: 4, type: 0xd, data: encodeUtf8('unsaid') }]
  tpm.measure(later)
  const evidence = tpm.evidence({ nonce })
  const honest = claimsOf(await judge(evidence)).boot!
  expect(honest).toMatchObject({ secureBoot: false, differing: [] })
  expect(honest.bootDigests).toHaveLength(2)
  const relabelled = [...off!, ...later].map((event) =>
    event === on![1]
      ? event
      : { ...event, type: 6, data: new Uint8Array(1), measured: event.measured ?? event.data },
  )
  const eventLog = writeAgileLog(relabelled, ['sha256'])
  const { secureBoot, ...told } = claimsOf(await judge({ ...evidence, eventLog })).boot!
  expect(secureBoot).toBeUndefined()
  const { secureBoot: _, ...same } = honest
  expect(told).toEqual(same)
})

test('a Secure Boot variable that no separator follows says nothing', async () => {
  const tpm = testTpmManufacturer().createTpm({ tpmSeed: new Uint8Array(16) })
  tpm.measure(sampleBoot({ secureBoot: true, kernel: 'k' }).filter(({ type }) => type !== 4))
  const { boot } = claimsOf(await judge(tpm.evidence({ nonce })))
  expect(boot).not.toHaveProperty('secureBoot')
  expect(boot).not.toHaveProperty('bootDigests')
})

test('data that are not what was measured say nothing about Secure Boot', async () => {
  const tpm = testTpmManufacturer().createTpm({ tpmSeed: new Uint8Array(16) })
  const [off, on] = [false, true].map((secureBoot) => sampleBoot({ secureBoot, kernel: 'k' }))
  // Off was measured, on is logged: the digest is that of the truth, the data are a lie.
  tpm.measure(
    on!.map((event, index) => ({ ...event, measured: off![index]!.measured ?? off![index]!.data })),
  )
  const { boot } = claimsOf(await judge(tpm.evidence({ nonce })))
  expect(boot?.differing).toEqual([])
  expect(boot).not.toHaveProperty('secureBoot')
})

test('where a log is required, none, or one without values to compare it with, is a reason', async () => {
  const { eventLog, pcrs, ...bare } = started().evidence({ nonce })
  const policy = anyPolicy({ tpm: { requireEventLog: true, allowMissingPcrs: true } })
  const reasons = async (evidence: TpmEvidence) =>
    concluded(await judge(evidence, { policy })).reasons
  expect(await reasons({ ...bare, pcrs: pcrs! })).toEqual(['EVENT_LOG'])
  expect(await reasons({ ...bare, eventLog: eventLog! })).toEqual(['EVENT_LOG'])
})

test('a log that is not in its format is malformed, and says where', async () => {
  const evidence = started().evidence({ nonce })
  const log = evidence.eventLog!
  const changed = (offset: number, value: number): Bytes => {
    const bytes = log.slice()
    bytes[offset] = value
    return bytes
  }
  for (const [eventLog, field] of [
    [log.slice(0, -1), 'event 13 data'],
    [log.slice(0, 40), 'event 1 data'],
    [changed(56, 200), 'event 1 specification id banks'],
    [changed(31, 1), 'event 1 data'],
    [new Uint8Array(64 * 1024 + 1), 'event log'],
  ] as const)
    expect(await judge({ ...evidence, eventLog }), field).toMatchObject({
      authentic: false,
      reject: 'PARSE',
      at: { field },
    })
})

test('zeros after a log are what remains of its buffer', () => {
  const log = started().evidence({ nonce }).eventLog!
  expect(parseEventLog(new Uint8Array([...log, ...new Uint8Array(512)]))).toEqual(
    parseEventLog(log),
  )
  expect(() => parseEventLog(new Uint8Array([...log, 1]))).toThrow(MalformedError)
})

test('a log of empty events, all zeros but its last byte, is read as fast as any', () => {
  const head = testTpmManufacturer()
    .createTpm({ tpmSeed: new Uint8Array(16) })
    .evidence({ nonce }).eventLog!
  const zeros = new Uint8Array(64 * 1024)
  zeros.set(head)
  zeros[zeros.length - 1] = 1
  const before = performance.now()
  expect(() => parseEventLog(zeros)).toThrow('more than 2048 events')
  expect(performance.now() - before).toBeLessThan(200) // ms; 450 where every event looks ahead.
})
