import type { PolicyOverrides, SnpTcb } from '@cloister/attest'
import { expect, test } from 'vitest'
import type { SnpPlatformOptions } from '../src/snp/platform.ts'
import type { SnpReportRequest } from '../src/snp/report.ts'
import { machine, outcome, request } from './snp-machine.ts'

const lines = ['Genoa', 'Milan', 'Turin'] as const

type Rule = readonly [
  code: string,
  machine: Partial<SnpPlatformOptions>,
  guest: Partial<SnpReportRequest>,
  allowedBy: Partial<PolicyOverrides> | undefined,
]

const old: SnpTcb = { bootLoader: 10, tee: 0, snp: 0x16, microcode: 84 }
const good: SnpTcb = { ...old, snp: 0x17 }
const none: SnpTcb = { bootLoader: 0, tee: 0, snp: 0, microcode: 0 }
const turin: SnpTcb = { fmc: 1, bootLoader: 1, tee: 1, snp: 3, microcode: 0x51 }
const snp = (group: NonNullable<PolicyOverrides['snp']>): Partial<PolicyOverrides> => ({
  snp: group,
})
const leastTcb = snp({ minTcb: { Milan: none, Genoa: none, Turin: none } })

const rules: readonly Rule[] = [
  ['PRODUCT_LINE', { line: 'Milan' }, {}, { allowExtractableKeys: ['Milan'] }],
  ['MIN_TCB', { reportedTcb: old }, {}, leastTcb],
  ['MIN_TCB', { line: 'Turin', reportedTcb: turin }, {}, leastTcb],
  ['TCB_ORDER', { reportedTcb: good, committedTcb: old }, {}, undefined],
  ['TCB_ORDER', { reportedTcb: good, currentTcb: { ...good, bootLoader: 9 } }, {}, undefined],
  ['VLEK', { signingKey: 'VLEK' }, {}, snp({ allowVlek: true })],
  ['VMPL', {}, { vmpl: 2 }, snp({ vmplMax: 2 })],
  ['VMPL', {}, { vmpl: 0xffff_ffff }, undefined],
  ['MIGRATION_AGENT', {}, { policy: 0x7_0000n }, snp({ allowMigrationAgent: true })],
  [
    'MIGRATION_AGENT',
    {},
    { reportIdMa: new Uint8Array(32).fill(3) },
    snp({ allowMigrationAgent: true }),
  ],
  ['ALIAS_CHECK', { platformInfo: 5n }, {}, snp({ requireAliasCheck: false })],
  ['RESERVED_POLICY', {}, { policy: 0x1_0000n }, undefined],
  ['RESERVED_POLICY', {}, { policy: 0x400_0000_0003_0000n }, undefined],
  ['DEBUG', {}, { policy: 0xb_0000n }, { allowDebug: true }],
]

test.for(rules)('%s, of %o, and nothing else', async ([code, options, guest, allowedBy]) => {
  const platform = machine(options)
  const report = platform.report(request(guest))
  expect(await outcome(platform, report)).toEqual([code])
  if (allowedBy !== undefined)
    expect(await outcome(platform, report, { policy: allowedBy })).toEqual([])
})

test.for<[string, Partial<PolicyOverrides>, Partial<SnpReportRequest>]>([
  ['PRODUCT_LINE', snp({ allowedProducts: ['Turin'] }), {}],
  ['SMT', snp({ allowSmt: false }), { policy: 0x2_0000n }],
  ['POLICY_ABI', snp({ minPolicyAbi: { major: 1, minor: 55 } }), { policy: 0x3_0137n }],
  ['POLICY_ABI', snp({ minPolicyAbi: { major: 0, minor: 1 } }), { policy: 0x3_0100n }],
  [
    'ID_KEY',
    snp({ idKeyDigests: ['C4'.repeat(48)] }),
    { idKeyDigest: new Uint8Array(48).fill(0xc4) },
  ],
  [
    'ID_KEY',
    snp({ authorKeyDigests: ['d5'.repeat(48)] }),
    { authorKeyDigest: new Uint8Array(48).fill(0xd5) },
  ],
])('%s, where a policy asks for more than the strict one', async ([code, policy, guest]) => {
  const platform = machine()
  expect(await outcome(platform, undefined, { policy })).toEqual([code])
  if (code !== 'PRODUCT_LINE')
    expect(await outcome(platform, platform.report(request(guest)), { policy })).toEqual([])
})

test('each component of the least TCB counts, and none makes up for another', async () => {
  for (const line of lines)
    for (const component of ['fmc', 'bootLoader', 'tee', 'snp', 'microcode'] as const) {
      const platform = machine({ line })
      const has = platform.reportedTcb[component]
      if (has === undefined) continue
      const least = (more: number): Partial<PolicyOverrides> => {
        const tcb = { ...none, [component]: has + more }
        return {
          allowExtractableKeys: ['Milan'],
          ...snp({ minTcb: { Milan: tcb, Genoa: tcb, Turin: tcb } }),
        }
      }
      expect(await outcome(platform, undefined, { policy: least(0) })).toEqual([])
      expect(await outcome(platform, undefined, { policy: least(1) })).toEqual(['MIN_TCB'])
    }
})

test('no author key is not an author key of zeros', async () => {
  const policy = snp({ authorKeyDigests: ['00'.repeat(48)] })
  expect(await outcome(machine(), undefined, { policy })).toEqual(['ID_KEY'])
})

test('what the firmware says without a name decides nothing', async () => {
  expect(await outcome(machine({ platformInfo: 0xff00_0000_0000_0125n }))).toEqual([])
})
