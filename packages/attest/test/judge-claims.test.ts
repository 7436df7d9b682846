import { tierOf, type CommonClaims, type PolicyOverrides } from '@cloister/attest'
import { expect, test } from 'vitest'
import { judgeCommonClaims } from '../src/judge-claims.ts'
import { anyPolicy } from './evidence.ts'

const machineId = 'ab'.repeat(32)
const other = 'cd'.repeat(32)
const base: CommonClaims = {
  tee: 'sev-snp',
  format: 'amd-sev-snp-v3',
  anchor: 'amd-ark-genoa',
  productLine: 'Genoa',
  machineId,
  measurement: '11'.repeat(32),
  reportData: '22'.repeat(64),
  debug: false,
  revocation: 'good',
  endorsement: 'pinned',
}
const { machineId: _, ...nameless } = base
const devnet = { ...base, anchor: `insecure-devnet:${other}` }

function codes(
  claims: CommonClaims,
  policy: Partial<PolicyOverrides> = {},
  revocation: Parameters<typeof judgeCommonClaims>[2] = 'lists exist',
): readonly string[] {
  return judgeCommonClaims(claims, anyPolicy(policy), revocation).map(({ code }) => code)
}

test('a genuine machine with a current list has nothing against it', () => {
  expect(codes(base)).toEqual([])
})

test.for<[string, CommonClaims, Partial<PolicyOverrides>, readonly string[]]>([
  ['another measurement', base, { measurements: [other] }, ['MEASUREMENT']],
  ['no measurement accepted', base, { measurements: [] }, ['MEASUREMENT']],
  ['report data that is shorter', base, { reportData: '22'.repeat(32) }, ['REPORT_DATA']],
  ['another machine', base, { machineIds: [other] }, ['MACHINE']],
  ['a machine without a name, where one is asked for', nameless, { machineIds: [''] }, ['MACHINE']],
  ['a machine without a name, where any will do', nameless, {}, []],
  ['a denied line', { ...base, productLine: 'Milan' }, {}, ['PRODUCT_LINE']],
  [
    'a denied line in other letters',
    { ...base, productLine: '00806f050000' },
    { deniedProductLines: ['00806F050000'] },
    ['PRODUCT_LINE'],
  ],
  [
    'a line that is denied by default, allowed',
    { ...base, productLine: 'Milan' },
    { deniedProductLines: [] },
    [],
  ],
  ['a debugged machine', { ...base, debug: true }, {}, ['DEBUG']],
  ['a debugged machine, allowed', { ...base, debug: true }, { allowDebug: true }, []],
  ['a key out of the evidence', { ...base, endorsement: 'supplied' }, {}, ['ENDORSEMENT']],
  [
    'a key out of the evidence, allowed',
    { ...base, endorsement: 'supplied' },
    { allowSuppliedKeys: true },
    [],
  ],
  [
    'everything at once',
    { ...devnet, productLine: 'Milan', debug: true, endorsement: 'supplied' },
    { measurements: [], reportData: '', machineIds: [], minTier: 1 },
    ['MEASUREMENT', 'REPORT_DATA', 'MACHINE', 'TIER', 'PRODUCT_LINE', 'ENDORSEMENT', 'DEBUG'],
  ],
])('%s', ([, claims, policy, expected]) => {
  expect(codes(claims, policy)).toEqual(expected)
})

test('revocation that was not checked counts where the vendor has lists, unless allowed', () => {
  const unchecked: CommonClaims = { ...base, revocation: 'not-checked' }
  expect(codes(unchecked, {}, 'lists exist')).toEqual(['REVOCATION_UNKNOWN'])
  expect(codes(unchecked, { allowUnknownRevocation: true }, 'lists exist')).toEqual([])
  expect(codes(unchecked, {}, 'no lists exist')).toEqual([])
  expect(codes(base, {}, 'no lists exist')).toEqual([])
})

test('a machine is of the highest tier that a list gives it; a devnet is of none', () => {
  const second = { tier: 2, machineIds: [other, machineId] } as const
  const third = { tier: 3, machineIds: [`0x${machineId.toUpperCase()}`] } as const
  const none = { tier: 3, machineIds: [other, ''] } as const
  const tiers = [base, nameless, devnet].map((claims) =>
    [[], [none], [second], [third], [third, second], [second, third, none]].map((machineLists) =>
      tierOf(claims, { machineLists }),
    ),
  )
  expect(tiers).toEqual([
    [1, 1, 2, 3, 3, 3],
    [1, 1, 1, 1, 1, 1],
    [0, 0, 0, 0, 0, 0],
  ])
})

test('a policy refuses each tier below its least', () => {
  const machineLists = [{ tier: 2, machineIds: [machineId] }] as const
  const accepted = (claims: CommonClaims) =>
    ([0, 1, 2, 3] as const).map((minTier) => codes(claims, { machineLists, minTier }).length === 0)
  expect(accepted(base)).toEqual([true, true, true, false])
  expect(accepted(nameless)).toEqual([true, true, false, false])
  expect(accepted(devnet)).toEqual([true, false, false, false])
})
