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

test.for<[string, readonly string[]]>([
  ['00806f050000', ['00806F050000']],
  ['GH100', ['gh100']],
  ['Genoa', ['genoa ', 'GENOA', 'Genoa-B1', 'Bergamo', 'siena']],
  ['11'.repeat(32), ['11'.repeat(32)]],
])('a denied line %s is denied in every spelling, and Milan besides', ([productLine, names]) => {
  for (const name of names) {
    const denied = { deniedProductLines: [name] }
    expect(codes({ ...base, productLine }, denied)).toEqual(['PRODUCT_LINE'])
    expect(codes({ ...base, productLine: 'Milan' }, denied)).toEqual(['PRODUCT_LINE'])
    expect(codes({ ...base, productLine: 'Turin' }, denied)).toEqual([])
  }
})

test('a line whose keys can be extracted is believed where a policy names it, and nowhere else', () => {
  const milan = { ...base, productLine: 'Milan' }
  for (const name of ['Milan', 'milan ', 'MILAN-B0'])
    expect(codes(milan, { allowExtractableKeys: [name] })).toEqual([])
  expect(codes(milan, { deniedProductLines: [] })).toEqual(['PRODUCT_LINE'])
  expect(codes(milan, { allowExtractableKeys: ['Genoa'] })).toEqual(['PRODUCT_LINE'])
  const both = { deniedProductLines: ['Milan'], allowExtractableKeys: ['Milan'] }
  expect(codes(milan, both)).toEqual(['PRODUCT_LINE'])
})

test('a policy that was made without its types denies what it spells', () => {
  const policy = {
    ...anyPolicy(),
    deniedProductLines: [' milan-b0'],
    allowExtractableKeys: ['Milan'],
  }
  const milan = { ...base, productLine: 'Milan' }
  expect(judgeCommonClaims(milan, policy, 'lists exist')).toHaveLength(1)
})

test.for(['', 'Milano', 'EPYC', 'Milan-', '00806f05', '0x00806f050000', 'GH'])(
  'no policy can be made that names the product line %j',
  (name) => {
    for (const member of ['deniedProductLines', 'allowExtractableKeys'])
      expect(() => anyPolicy({ [member]: ['Genoa', name] })).toThrow(
        expect.objectContaining({ name: 'MalformedError', field: `policy.${member}[1]` }),
      )
  },
)

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
