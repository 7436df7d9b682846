import { policyForGrants, tcbRank } from '@cloister/protocol'
import { expect, test } from 'vitest'

import { grant, word } from './examples.ts'

const floor = { tcbEvaluationDataNumber: 17, rootCrlNumber: 2n, pckCrlNumber: 3n }
const expected = { reportData: new Uint8Array(64).fill(0xab), machineId: word(0x77), approvals: [] }

// What other kinds of evidence are asked for: no node is one of them.
const others = Object.fromEntries(
  ['sgx', 'snp', 'nvidia', 'nitro', 'arm', 'tpm'].map((group) => [group, expect.any(Object)]),
)

test('the policy is what all grants accept, and strict about everything else', () => {
  const other = { ...grant, measurements: [word(0x42), word(0x43)], tcbFloor: 4 }
  expect(policyForGrants([grant, other], floor, expected)).toEqual({
    measurements: ['42'.repeat(32)],
    reportData: 'ab'.repeat(64),
    machineIds: ['77'.repeat(32)],
    tcbStatuses: ['UpToDate', 'SWHardeningNeeded'],
    advisories: 'any',
    graceSeconds: 0,
    minTcbEvaluationDataNumber: 17,
    minRootCrlNumber: 2,
    minPckCrlNumber: 3,
    machineLists: [],
    minTier: 0,
    deniedProductLines: [],
    allowExtractableKeys: [],
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
    ...others,
  })
})

test('no grant, or grants without a common measurement, accept nothing', () => {
  expect(policyForGrants([], floor, expected)).toMatchObject({ measurements: [], tcbStatuses: [] })
  const other = { ...grant, measurements: [word(0x43)] }
  expect(policyForGrants([grant, other], floor, expected).measurements).toEqual([])
})

test('statuses rank as the protocol lists them; revoked and unknown ones have no rank', () => {
  expect(
    [
      'UpToDate',
      'SWHardeningNeeded',
      'ConfigurationNeeded',
      'ConfigurationAndSWHardeningNeeded',
      'OutOfDate',
      'OutOfDateConfigurationNeeded',
      'Revoked',
      'TDRelaunchAdvised',
      '',
    ].map(tcbRank),
  ).toEqual([0, 1, 2, 3, 4, 5, undefined, undefined, undefined])
})
