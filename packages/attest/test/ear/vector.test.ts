import {
  reasonCodes,
  reasonVectors,
  rejectCodes,
  rejectVectors,
  sessionReasonCodes,
  sessionVectors,
  type Appraisal,
  type TdxClaims,
} from '@cloister/attest'
import { appraise } from '@cloister/attest'
import { expect, test } from 'vitest'
import { judgeVector, tierOfValue, worstTier } from '../../src/ear/vector.ts'
import { emulated } from '../vectors.ts'

const { quote, given } = emulated('up-to-date')
const accepted = await appraise({ tee: 'tdx', quote }, given)

function withReason(
  code: (typeof reasonCodes)[number],
  claims: Partial<TdxClaims> = {},
): Appraisal {
  if (accepted.authentic === false) throw new Error(accepted.where)
  const reason = { code, detail: '', actual: '', expected: '' }
  return { ...accepted, claims: { ...accepted.claims, ...claims }, reasons: [reason] }
}

test('tiers lie where AR4SI puts them', () => {
  const tiers = (values: readonly number[]) => [...new Set(values.map(tierOfValue))]
  const range = (from: number, to: number) =>
    Array.from({ length: to - from + 1 }, (_, index) => from + index)
  expect(tiers(range(-1, 1))).toEqual(['none'])
  expect(tiers([...range(2, 31), ...range(-32, -2)])).toEqual(['affirming'])
  expect(tiers([...range(32, 95), ...range(-96, -33)])).toEqual(['warning'])
  expect(tiers([...range(96, 127), ...range(-128, -97)])).toEqual(['contraindicated'])
})

test('every code has its vector, and no other has one', () => {
  expect(Object.keys(rejectVectors).toSorted()).toEqual([...rejectCodes].toSorted())
  expect(Object.keys(reasonVectors).toSorted()).toEqual([...reasonCodes].toSorted())
})

test('nothing that is rejected is affirmed, and nothing with a reason is', () => {
  for (const reject of rejectCodes)
    expect(judgeVector({ authentic: false, reject, where: '' }, given.policy).status).not.toBe(
      'affirming',
    )
  for (const code of reasonCodes)
    expect(judgeVector(withReason(code), given.policy).status).not.toBe('affirming')
  expect(Object.keys(sessionVectors).toSorted()).toEqual([...sessionReasonCodes].toSorted())
  for (const code of sessionReasonCodes)
    expect(judgeVector(accepted, given.policy, [code]).status).not.toBe('affirming')
  expect(judgeVector(accepted, given.policy).status).toBe('affirming')
  expect(judgeVector(accepted, given.policy, []).status).toBe('affirming')
})

test('a status is as bad as the worst claim', () => {
  for (const code of reasonCodes) {
    const { status, vector } = judgeVector(withReason(code), given.policy)
    if (status !== 'none') expect(status).toBe(worstTier(vector))
  }
})

test.for([
  ['QUOTE_SIGNATURE', 'contraindicated', { 'instance-identity': 99, hardware: 99 }],
  ['CERT_REVOKED', 'contraindicated', { 'instance-identity': 96, hardware: 96 }],
  ['UNTRUSTED_ROOT', 'contraindicated', { 'instance-identity': 97, hardware: 97 }],
  ['PARSE', 'none', { 'instance-identity': 1 }],
  ['TCB_INFO_EXPIRED', 'none', {}],
] as const)('%s is %s', ([reject, status, vector]) => {
  expect(judgeVector({ authentic: false, reject, where: '' }, given.policy)).toEqual({
    status,
    vector,
  })
})

test.for([
  ['MEASUREMENT', 'warning', { executables: 33, hardware: 2 }],
  ['TCB_STATUS', 'warning', { hardware: 32 }],
  ['DEBUG', 'contraindicated', { configuration: 96, 'runtime-opaque': 96 }],
  ['PRODUCT_LINE', 'contraindicated', { hardware: 96 }],
  ['REVOCATION_UNKNOWN', 'none', { hardware: 0 }],
] as const)('a policy that has %s against it makes it %s', ([code, status, vector]) => {
  expect(judgeVector(withReason(code), given.policy)).toMatchObject({ status, vector })
})

test('a revoked TCB is contraindicated, an outdated one a warning', () => {
  const status = (tcbStatus: TdxClaims['tcbStatus'] & string) =>
    judgeVector(withReason('TCB_STATUS', { tcbStatus }), given.policy).status
  expect([status('OutOfDate'), status('Revoked')]).toEqual(['warning', 'contraindicated'])
})
