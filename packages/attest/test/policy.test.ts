import { createHash } from 'node:crypto'
import {
  adviseReason,
  adviseReject,
  appraise,
  describeAppraisal,
  isAccepted,
  policyDigest,
  reasonCodes,
  rejectCodes,
  strictPolicy,
  type PolicyOverrides,
  type ReasonCode,
  type TdxClaims,
} from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import { expect, test } from 'vitest'
import { judgeTdxClaims } from '../src/tdx/policy.ts'
import { anyPolicy } from './evidence.ts'
import { emulated } from './vectors.ts'

const { quote, given } = emulated('up-to-date')
const genuine = await appraise({ tee: 'tdx', quote }, given)
if (genuine.authentic !== true) throw new Error('The vector up-to-date is authentic')
const tcbDate = unixSeconds(1_700_000_000)
const { machineId = '', fmspc = '' } = genuine.claims
const base = {
  ...genuine.claims,
  machineId,
  fmspc,
  tcbDate: '2023-11-14T22:13:20Z',
} satisfies TdxClaims
const now = unixSeconds(tcbDate + 1000)

function codes(
  claims: Partial<TdxClaims>,
  policy: Partial<PolicyOverrides>,
): readonly ReasonCode[] {
  const { reasons } = judgeTdxClaims({ ...base, ...claims }, anyPolicy(policy), now)
  return reasons.map(({ code }) => code)
}

const attributes = (flags: Partial<TdxClaims['tdAttributes']>): Partial<TdxClaims> => ({
  tdAttributes: { ...base.tdAttributes, ...flags },
})

type Rule = {
  readonly code: ReasonCode
  readonly claims?: Partial<TdxClaims>
  readonly refuses: Partial<PolicyOverrides>
  readonly allows: Partial<PolicyOverrides>
}
const other = '11'.repeat(32)
const rules: readonly Rule[] = [
  {
    code: 'MEASUREMENT',
    refuses: { measurements: [other] },
    allows: { measurements: [other, base.measurement] },
  },
  { code: 'MEASUREMENT', refuses: { measurements: [] }, allows: { measurements: 'any' } },
  {
    code: 'REPORT_DATA',
    refuses: { reportData: '11'.repeat(64) },
    allows: { reportData: `0x${base.reportData.toUpperCase()}` },
  },
  { code: 'REPORT_DATA', refuses: { reportData: '' }, allows: { reportData: base.reportData } },
  { code: 'MACHINE', refuses: { machineIds: [other] }, allows: { machineIds: [base.machineId] } },
  { code: 'TIER', refuses: { minTier: 1 }, allows: { minTier: 0 } }, // An emulator's machine.
  {
    code: 'PRODUCT_LINE',
    refuses: { deniedProductLines: [base.fmspc.toUpperCase()] },
    allows: { deniedProductLines: ['Milan'] },
  },
  {
    code: 'ENDORSEMENT',
    claims: { endorsement: 'supplied' },
    refuses: {},
    allows: { allowSuppliedKeys: true },
  },
  {
    code: 'TCB_STATUS',
    claims: { tcbStatus: 'OutOfDate' },
    refuses: {},
    allows: { tcbStatuses: ['OutOfDate'] },
  },
  {
    code: 'TCB_STATUS',
    claims: { tcbStatus: 'SWHardeningNeeded' },
    refuses: { graceSeconds: 1e9 },
    allows: { tcbStatuses: ['SWHardeningNeeded'] },
  },
  {
    code: 'TCB_STATUS',
    claims: { tcbStatus: 'OutOfDate', platformTcbStatus: 'OutOfDate' },
    refuses: { graceSeconds: 1000 },
    allows: { graceSeconds: 1001 },
  },
  {
    code: 'ADVISORY',
    claims: { advisoryIds: ['A', 'B'] },
    refuses: { advisories: ['A'] },
    allows: { advisories: ['B', 'A'] },
  },
  { code: 'ADVISORY', claims: { advisoryIds: ['A'] }, refuses: {}, allows: { advisories: 'any' } },
  {
    code: 'TCB_EVALUATION_DATA_NUMBER',
    claims: { tcbEvaluationDataNumber: 17 },
    refuses: { minTcbEvaluationDataNumber: 18 },
    allows: { minTcbEvaluationDataNumber: 17 },
  },
  {
    code: 'TCB_EVALUATION_DATA_NUMBER',
    claims: { qeIdentityEvaluationDataNumber: 17 },
    refuses: { minTcbEvaluationDataNumber: 18 },
    allows: { minTcbEvaluationDataNumber: 17 },
  },
  {
    code: 'TCB_EVALUATION_DATA_NUMBER',
    refuses: { minTcbEvaluationDataNumber: Number.NaN },
    allows: {},
  },
  {
    code: 'ROOT_CRL_NUMBER',
    claims: { rootCrlNumber: 4 },
    refuses: { minRootCrlNumber: 5 },
    allows: { minRootCrlNumber: 4 },
  },
  {
    code: 'PCK_CRL_NUMBER',
    claims: { pckCrlNumber: 4 },
    refuses: { minPckCrlNumber: 5 },
    allows: { minPckCrlNumber: 4 },
  },
  { code: 'DEBUG', claims: { debug: true }, refuses: {}, allows: { allowDebug: true } },
  {
    code: 'MIGRATABLE',
    claims: attributes({ migratable: true }),
    refuses: {},
    allows: { tdx: { allowMigratable: true } },
  },
  {
    code: 'SERVICE_TD',
    claims: { mrServiceTd: `${'00'.repeat(47)}01` },
    refuses: {},
    allows: { tdx: { allowServiceTd: true } },
  },
  {
    code: 'SEPT_VE_ENABLED',
    claims: attributes({ septVeDisable: false }),
    refuses: {},
    allows: { tdx: { allowSeptVeEnabled: true } },
  },
  {
    code: 'PKS',
    claims: attributes({ pks: true }),
    refuses: {},
    allows: { tdx: { allowPks: true } },
  },
  {
    code: 'KEY_LOCKER',
    claims: attributes({ keyLocker: true }),
    refuses: {},
    allows: { tdx: { allowKeyLocker: true } },
  },
  {
    code: 'PERFMON',
    claims: attributes({ perfmon: true }),
    refuses: {},
    allows: { tdx: { allowPerfmon: true } },
  },
]

test.for(rules)('$code: refused for that alone, and accepted once it is spelled', (rule) => {
  expect(codes(rule.claims ?? {}, rule.refuses)).toEqual([rule.code])
  expect(codes(rule.claims ?? {}, rule.allows)).toEqual([])
})

const everything: Partial<PolicyOverrides> = {
  tcbStatuses: [
    'UpToDate',
    'SWHardeningNeeded',
    'ConfigurationNeeded',
    'ConfigurationAndSWHardeningNeeded',
    'OutOfDate',
    'OutOfDateConfigurationNeeded',
    'TDRelaunchAdvised',
    'TDRelaunchAdvisedConfigurationNeeded',
  ],
  advisories: 'any',
  graceSeconds: 1e9,
  allowDebug: true,
  allowExtractableKeys: ['Milan'],
  allowUnknownRevocation: true,
  allowSuppliedKeys: true,
  tdx: {
    allowMigratable: true,
    allowServiceTd: true,
    allowSeptVeEnabled: true,
    allowPks: true,
    allowKeyLocker: true,
    allowPerfmon: true,
  },
}

test.for([
  ['TCB_STATUS', { tcbStatus: 'Revoked' }],
  ['SGX_TCB_REVOKED', { sgxTcbStatus: 'Revoked' }],
  ['RESERVED_ATTRIBUTES', attributes({ reserved: '2' })],
] as const)('%s can not be allowed by any policy', ([code, claims]) => {
  expect(codes(claims, everything)).toEqual([code])
})

test('without collateral there is CHAIN_ONLY, whatever the policy', async () => {
  const appraisal = await appraise(
    { tee: 'tdx', quote },
    { ...given, collateral: 'none', policy: anyPolicy(everything) },
  )
  expect(appraisal).toMatchObject({ authentic: 'chain-only', reasons: [{ code: 'CHAIN_ONLY' }] })
  expect(isAccepted(appraisal)).toBe(false)
})

test('every reason code that a TD can have is reached by a test above', () => {
  const reached = new Set<string>([
    ...rules.map(({ code }) => code),
    'CHAIN_ONLY',
    'SGX_TCB_REVOKED',
    'RESERVED_ATTRIBUTES',
    // Intel's lists are part of its collateral: without them evidence is CHAIN_ONLY, or refused.
    'REVOCATION_UNKNOWN',
  ])
  const ofTds = reasonCodes.slice(0, reasonCodes.indexOf('PROVISION_KEY'))
  expect(ofTds.filter((code) => !reached.has(code))).toEqual([])
})

test('all reasons are given, not the first', () => {
  const { reasons } = judgeTdxClaims(
    { ...base, ...attributes({ pks: true }), debug: true, tcbStatus: 'OutOfDate' },
    anyPolicy({ measurements: [other] }),
    now,
  )
  expect(reasons.map(({ code }) => code)).toEqual(['MEASUREMENT', 'DEBUG', 'TCB_STATUS', 'PKS'])
  expect(reasons[2]).toMatchObject({ actual: 'OutOfDate', expected: 'UpToDate' })
})

test('a grace period ends an appraisal early', () => {
  const late: TdxClaims = { ...base, tcbStatus: 'OutOfDate', platformTcbStatus: 'OutOfDate' }
  const { graceUntil } = judgeTdxClaims(late, anyPolicy({ graceSeconds: 5000 }), now)
  expect(graceUntil).toBe(tcbDate + 5000)
})

test('a policy spelled in one member is strict about all others, in groups too', () => {
  const { allowPks, ...others } = anyPolicy({ tdx: { allowPks: true } }).tdx
  expect(allowPks).toBe(true)
  expect(new Set(Object.values(others))).toEqual(new Set([false]))
  const spelled = {
    measurements: [],
    reportData: '',
    machineIds: [],
    minTcbEvaluationDataNumber: 1,
    minRootCrlNumber: 2,
    minPckCrlNumber: 3,
  }
  expect(strictPolicy(spelled)).toMatchObject({
    ...spelled,
    machineLists: [],
    minTier: 0,
    deniedProductLines: [],
    allowExtractableKeys: [],
    tcbStatuses: ['UpToDate'],
    advisories: [],
    graceSeconds: 0,
    allowDebug: false,
    allowUnknownRevocation: false,
    allowSuppliedKeys: false,
    tdx: {
      allowMigratable: false,
      allowServiceTd: false,
      allowSeptVeEnabled: false,
      allowPks: false,
      allowKeyLocker: false,
      allowPerfmon: false,
    },
  })
})

/** A group as JSON, its members and lists in order. */
function ordered(group: object): string {
  const before = (a: unknown, b: unknown) => (String(a) < String(b) ? -1 : 1)
  return JSON.stringify(group, (_, value: unknown) => {
    if (Array.isArray(value)) return value.toSorted(before)
    const isObject = typeof value === 'object' && value !== null
    return isObject ? Object.fromEntries(Object.entries(value).toSorted(before)) : value
  })
}

test('a policy digest is of its canonical JSON, and depends on no order', async () => {
  const [low, high] = [
    { tier: 2, machineIds: ['cc'] },
    { tier: 3, machineIds: ['ee', 'dd'] },
  ] as const
  const policy = anyPolicy({ measurements: ['bb', 'aa'], machineLists: [high, low] })
  const [arm, nitro, nvidia, sgx, snp, tpm] = (
    ['arm', 'nitro', 'nvidia', 'sgx', 'snp', 'tpm'] as const
  ).map((group) => ordered(policy[group]))
  const text =
    `{"advisories":[],"allowDebug":false,"allowExtractableKeys":[],"allowSuppliedKeys":false,"allowUnknownRevocation":false,"arm":${arm},` +
    '"deniedProductLines":[],"graceSeconds":0,"machineIds":"any",' +
    '"machineLists":[{"machineIds":["cc"],"tier":2},{"machineIds":["dd","ee"],"tier":3}],' +
    '"measurements":["aa","bb"],"minPckCrlNumber":0,"minRootCrlNumber":0,"minTcbEvaluationDataNumber":0,"minTier":0,' +
    `"nitro":${nitro},"nvidia":${nvidia},"reportData":"any","sgx":${sgx},"snp":${snp},"tcbStatuses":["UpToDate"],` +
    '"tdx":{"allowKeyLocker":false,"allowMigratable":false,"allowPerfmon":false,"allowPks":false,' +
    `"allowSeptVeEnabled":false,"allowServiceTd":false},"tpm":${tpm}}`
  const digest = createHash('sha256').update(text).digest('hex')
  expect(await policyDigest(policy)).toBe(digest)
  const turned = { ...high, machineIds: high.machineIds.toReversed() }
  const reordered = anyPolicy({ measurements: ['aa', 'bb'], machineLists: [low, turned] })
  expect(await policyDigest(reordered)).toBe(digest)
  for (const change of [
    { measurements: ['aa'] },
    { machineLists: [low, { ...high, tier: 2 } as const] },
    { tdx: { allowPks: true } },
  ])
    expect(await policyDigest(anyPolicy({ ...policy, ...change }))).not.toBe(digest)
})

test('an appraisal in words names the verdict, the end and each reason', async () => {
  expect(describeAppraisal(genuine)).toMatch(
    /^Accepted: tdx of [0-9a-f]{12}, TCB UpToDate, valid until \d{4}-/,
  )
  const refused = await appraise(
    { tee: 'tdx', quote },
    { ...given, policy: anyPolicy({ machineIds: [other] }) },
  )
  expect(describeAppraisal(refused)).toContain(
    `- MACHINE: which machine; got ${base.machineId}, expected ${other}`,
  )
  const forged = await appraise({ tee: 'tdx', quote }, { ...given, anchors: [] })
  expect(describeAppraisal(forged)).toMatch(
    /^Not authentic: UNTRUSTED_ROOT \(PCK chain: root key .* is not an anchor\); pass the anchor/,
  )
})

test('there is advice for every reason and every reject code', () => {
  for (const advice of [...reasonCodes.map(adviseReason), ...rejectCodes.map(adviseReject)])
    expect(advice).toMatch(/^\w.{10,}$/)
})
