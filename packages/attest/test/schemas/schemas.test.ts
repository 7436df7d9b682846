import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  appraise,
  createEar,
  encodeAppraisal,
  encodeCollateral,
  parseCollateral,
  parseDeviceKey,
  productionAnchors,
  reasonCodes,
  rejectCodes,
  sessionReasonCodes,
  strictPolicy,
  tees,
  trustTiers,
  vectorMembers,
  type Collateral,
} from '@cloister/attest'
import { readEvidence } from '@cloister/io'
import { parseUtf8, unixSeconds } from '@cloister/codec'
import { expect, test } from 'vitest'
import { anyPolicy, evidenceRoot, hasEvidence } from '../evidence.ts'
import { emulated } from '../vectors.ts'
import { readSchema, validate } from './validator.ts'

/** Every list of allowed values in a schema. */
function enumsIn(value: unknown): readonly (readonly unknown[])[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, member]) =>
    key === 'enum' && Array.isArray(member) ? [member] : enumsIn(member),
  )
}

test('the schemas list exactly the codes, kinds and members that there are', () => {
  const lists = {
    appraisal: [tees, rejectCodes, reasonCodes],
    ear: [tees, rejectCodes, reasonCodes, sessionReasonCodes, trustTiers],
  }
  for (const [name, expected] of Object.entries(lists)) {
    const found = enumsIn(readSchema(name)).map((list) => new Set(list))
    for (const list of expected) expect(found, name).toContainEqual(new Set(list))
  }
  expect(readSchema('ear')).toMatchObject({
    $defs: {
      submod: {
        properties: {
          'ear.trustworthiness-vector': {
            properties: Object.fromEntries(
              vectorMembers.map((member) => [member, { minimum: -128, maximum: 127 }]),
            ),
          },
        },
      },
    },
  })
})

const { quote, given } = emulated('up-to-date')
const written = async (...[evidence, more]: Parameters<typeof appraise>): Promise<unknown> =>
  JSON.parse(parseUtf8(encodeAppraisal(await appraise(evidence, more))))

/** Evidence of every kind that lies beside this repository, judged once. */
async function realAppraisals(): Promise<readonly unknown[]> {
  const folders = ['sgx', 'tdx', 'snp', 'nvidia', 'nitro', 'arm-cca', 'arm-psa', 'tpm']
  const paths = folders.flatMap((kind) =>
    readdirSync(join(evidenceRoot, kind))
      .filter((name) => name !== 'rims' && name !== 'nras')
      .map((name) => join(evidenceRoot, kind, name)),
  )
  return await Promise.all(
    paths.map(async (path) => {
      const { evidence, collateral } = readEvidence(path)
      const { verifyAt } = JSON.parse(readFileSync(join(path, 'expected.json'), 'utf8'))
      const now = unixSeconds(Date.parse(verifyAt ?? '2026-06-30T00:00:00Z') / 1000)
      const anchors = productionAnchors()
      const isTold = Object.keys(collateral).length > 0 || evidence.tee === 'aws-nitro'
      return await written(evidence, {
        collateral: isTold ? collateral : 'none',
        anchors,
        policy: anyPolicy(),
        now,
      })
    }),
  )
}

test('appraisals of every outcome are as their schema says', async () => {
  const tdx = { tee: 'tdx', quote } as const
  const values = [
    await written(tdx, given),
    await written(tdx, { ...given, collateral: 'none' }),
    await written(tdx, { ...given, anchors: [] }),
    await written({ tee: 'tdx', quote: quote.slice(0, 40) }, given),
  ]
  expect(validate('appraisal', values)).toEqual([[], [], [], []])
  const bad = [
    { ...Object(values[0]), claims: {} },
    { ...Object(values[0]), surprise: 1 },
    { authentic: false, reject: 'BECAUSE', where: '' },
  ]
  for (const problems of validate('appraisal', bad)) expect(problems).not.toEqual([])
})

test.skipIf(!hasEvidence(1))(
  'appraisals of all real evidence are as their schema says',
  async () => {
    const values = await realAppraisals()
    const problems = validate('appraisal', values)
    expect(problems.flat()).toEqual([])
    const seen = values.map((value) => Object(value).claims?.tee).filter(Boolean)
    expect(new Set(seen)).toEqual(new Set(tees))
  },
)

test('a policy has exactly the members of its schema', () => {
  const policy = anyPolicy()
  const spelled = {
    ...policy,
    machineLists: [{ tier: 2, machineIds: ['ab'] }],
    measurements: ['ab'],
  }
  const { allowDebug: _, ...shorter } = policy
  const wider = { ...policy, tdx: { ...policy.tdx, allowEverything: true } }
  const revoked = { ...policy, tcbStatuses: ['Revoked'] }
  const [first, second, ...bad] = validate('policy', [policy, spelled, shorter, wider, revoked])
  expect([first, second]).toEqual([[], []])
  for (const problems of bad) expect(problems).not.toEqual([])
  expect(validate('policy', [strictPolicy(policy)])).toEqual([[]])
})

test('collateral is as its schema says, and is read as it was written', () => {
  if (given.collateral === 'none') throw new Error('The vector has collateral')
  const key = {
    kty: 'EC',
    crv: 'P-256',
    x: 'A'.repeat(43),
    y: 'A'.repeat(43),
  }
  const collateral: Collateral = {
    ...given.collateral,
    amd: { certificateChain: 'pem', crl: '3000' },
    nvidia: { rims: ['<xml/>'], ocspResponses: ['3000'] },
    deviceKeys: [parseDeviceKey(key)],
  }
  const text = encodeCollateral(collateral)
  expect(parseCollateral(text)).toEqual(collateral)
  expect(parseCollateral(encodeCollateral({}) === '{}' ? text : '')).toEqual(collateral)
  const value = JSON.parse(text)
  expect(validate('collateral', [value, given.collateral])).toEqual([[], []])
  for (const problems of validate('collateral', [
    { ...value, intel: { tcbInfo: '' } },
    { ...value, extra: 1 },
    { ...value, amd: { certificateChain: 'pem', crl: 'xyz' } },
  ]))
    expect(problems).not.toEqual([])
})

test('EARs are as their schema says', async () => {
  const tdx = { tee: 'tdx', quote } as const
  const verifier = { developer: 'https://example.org', build: '1' }
  const ears = await Promise.all(
    [given, { ...given, anchors: [] }, { ...given, collateral: 'none' } as const].map(
      async (more) => {
        const cpu = { appraisal: await appraise(tdx, more), evidence: quote, policy: more.policy }
        return await createEar({
          appraisals: { cpu, 'gpu-0': cpu },
          verifier,
          now: given.now,
          nonce: 'eight or more',
          rawEvidence: quote,
        })
      },
    ),
  )
  expect(validate('ear', ears)).toEqual([[], [], []])
  const [ear] = ears
  for (const problems of validate('ear', [
    { ...ear, submods: {} },
    { ...ear, eat_profile: 'another' },
    { ...ear, submods: { cpu: { ...ear?.submods['cpu'], 'ear.status': 'fine' } } },
  ]))
    expect(problems).not.toEqual([])
})
