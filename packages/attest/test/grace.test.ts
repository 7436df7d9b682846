import { unixSeconds } from '@cloister/codec'
import { expect, test } from 'vitest'
import { graceEnd, type GraceClaims } from '../src/dcap/grace.ts'
import { judgeIntelTcb } from '../src/dcap/judge-tcb.ts'
import { anyPolicy } from './evidence.ts'

const [platform, quoting, module] = [1_700_000_000, 1_600_000_000, 1_500_000_000]
const iso = (seconds: number) => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
const current = {
  anchor: 'intel-sgx-root-ca',
  tcbStatus: 'UpToDate',
  platformTcbStatus: 'UpToDate',
  tcbDate: iso(platform),
  qeTcbStatus: 'UpToDate',
  qeTcbDate: iso(quoting),
  tdxModule: { tcbStatus: 'UpToDate', tcbDate: iso(module) },
  rootCrlNumber: 1,
  pckCrlNumber: 1,
} as const satisfies GraceClaims & { readonly anchor: string }
const latePlatform = { platformTcbStatus: 'OutOfDate' } as const
const lateQuoting = { qeTcbStatus: 'OutOfDate' } as const
const lateModule = { tdxModule: { ...current.tdxModule, tcbStatus: 'OutOfDate' } } as const

test.for<[string, Partial<GraceClaims>, number | undefined]>([
  ['nothing', {}, undefined],
  ['the platform', latePlatform, platform],
  ['a platform to be configured', { platformTcbStatus: 'OutOfDateConfigurationNeeded' }, platform],
  ['the quoting enclave', lateQuoting, quoting],
  ['the module', lateModule, module],
  ['platform and quoting enclave', { ...latePlatform, ...lateQuoting }, quoting],
  ['all', { ...latePlatform, ...lateQuoting, ...lateModule }, module],
])('grace counts from the earliest date of what is out of date: %s', ([, late, from]) => {
  const expected = from === undefined ? undefined : from + 500
  expect(graceEnd({ ...current, ...late }, 500)).toBe(expected)
})

test('a quoting enclave of long ago is not excused by a platform level of today', () => {
  const claims = { ...current, ...lateQuoting, tcbStatus: 'OutOfDate' } as const
  const codes = (graceSeconds: number) =>
    judgeIntelTcb(claims, anyPolicy({ graceSeconds }), unixSeconds(platform)).reasons.map(
      ({ code }) => code,
    )
  expect(codes(platform - quoting)).toEqual(['TCB_STATUS'])
  expect(codes(platform - quoting + 1)).toEqual([])
})

test.for([
  [0.5, platform],
  [1e12, 253_402_300_799],
  [Number.POSITIVE_INFINITY, 253_402_300_799],
  [Number.NaN, platform],
  [-1, platform],
] as const)('a grace period of %d seconds ends at %d', ([graceSeconds, expected]) => {
  const claims = { ...current, ...latePlatform, tcbStatus: 'OutOfDate' } as const
  expect(graceEnd(claims, graceSeconds)).toBe(expected)
  const { graceUntil } = judgeIntelTcb(claims, anyPolicy({ graceSeconds }), unixSeconds(platform))
  expect(graceUntil).toBe(expected > platform ? expected : undefined)
})
