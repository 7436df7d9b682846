import { compareTcbRecovery, insecureDevnetAnchor, type Policy } from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import { createManufacturer } from '@cloister/emulator'
import { expect, test } from 'vitest'
import { anyPolicy } from '../evidence.ts'

const now = unixSeconds(1_780_000_000)
const manufacturer = createManufacturer({ seed: new Uint8Array(32).fill(3), now })
const zeros = (size: number) => new Uint8Array(size)
const registers = {
  reportData: zeros(64),
  mrtd: zeros(48),
  rtmrs: [zeros(48), zeros(48), zeros(48), zeros(48)] as const,
}

function machine(name: string, tcb: 'UpToDate' | 'OutOfDate' | 'Revoked', seed: number) {
  const machineSeed = new Uint8Array(16).fill(seed)
  const quote = manufacturer.createPlatform({ machineSeed, tcb }).quote(registers)
  return { name, evidence: { tee: 'tdx', quote } as const }
}

const machines = [
  machine('fine today', 'UpToDate', 1),
  machine('late already', 'OutOfDate', 2),
  machine('beyond help', 'Revoked', 3),
]
const announced = { tcbEvaluationDataNumber: 18, earlyTcbEvaluationDataNumber: 19 }
const current = manufacturer.collateral(announced)
const newer = manufacturer.collateral({ ...announced, update: 'early' })

const compare = (policy: Policy, sets = { current, newer }) =>
  compareTcbRecovery({
    machines,
    ...sets,
    anchors: [insecureDevnetAnchor(manufacturer.anchorSpkiSha256)],
    policy,
    now,
  })

test('a newer set demotes a machine that is up to date: who, to what, why and when', async () => {
  const { currentNumber, newerNumber, machines: found } = await compare(anyPolicy())
  expect([currentNumber, newerNumber]).toEqual([18, 19])
  const [fine] = found
  expect(fine).toMatchObject({
    name: 'fine today',
    machineId: expect.stringMatching(/^[0-9a-f]{64}$/),
    from: 'UpToDate',
    to: 'OutOfDate',
    acceptedNow: true,
    acceptedThen: false,
  })
  expect(fine?.advisories.length).toBeGreaterThan(0)
  // Everything that the emulator issues is valid for 30 days.
  expect(fine?.when.currentEnds).toBe(now + 30 * 86_400)
  expect(fine?.when.tcbDate).toBeDefined()
  expect(fine?.when.graceEnds, 'the policy grants no grace').toBeUndefined()
})

test('a machine that is late or revoked stays so', async () => {
  const { machines: found } = await compare(anyPolicy())
  expect(found.slice(1).map(({ name, from, to }) => [name, from, to])).toEqual([
    ['late already', 'OutOfDate', 'OutOfDate'],
    ['beyond help', 'Revoked', 'Revoked'],
  ])
})

test('a grace period keeps a demoted machine accepted, and says until when', async () => {
  const graceSeconds = 10 * 365 * 86_400
  const { machines: found } = await compare(anyPolicy({ graceSeconds }))
  const [fine] = found
  expect([fine?.acceptedNow, fine?.acceptedThen]).toEqual([true, true])
  expect(fine?.when.graceEnds).toBe(Date.parse(fine?.when.tcbDate ?? '') / 1000 + graceSeconds)
})

test('equal sets change nothing', async () => {
  const { machines: found, newerNumber } = await compare(anyPolicy(), { current, newer: current })
  expect(newerNumber).toBe(18)
  for (const { from, to, advisories } of found) expect([to, advisories]).toEqual([from, []])
})

test('a newer set that does not verify shows as that', async () => {
  const forged = { ...newer, tcbInfo: newer.tcbInfo.replace('OutOfDate', 'UpToDate') }
  const { machines: found, newerNumber } = await compare(anyPolicy(), { current, newer: forged })
  expect(newerNumber).toBeUndefined()
  expect(found.map(({ to }) => to)).toEqual(found.map(() => 'TCB_INFO_SIGNATURE'))
})
