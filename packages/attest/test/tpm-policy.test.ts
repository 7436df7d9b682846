import type { TpmClaims } from '@cloister/attest'
import { expect, test } from 'vitest'
import { judgeTpmClaims, type TpmCircumstances } from '../src/tpm/policy.ts'
import { anyPolicy } from './evidence.ts'

/** What a policy has against hardware below a key that `anchor` vouches for. */
function judge(
  anchor: string,
  hardware: TpmCircumstances['hardware'],
  tpm: NonNullable<Parameters<typeof anyPolicy>[0]>['tpm'] = {},
) {
  const claims: TpmClaims = {
    tee: 'tpm2',
    format: 'tpm2-quote',
    anchor,
    productLine: 'tpm',
    measurement: '00'.repeat(32),
    reportData: '',
    debug: null,
    revocation: 'not-checked',
    endorsement: 'pinned',
    signature: { scheme: 'rsassa', hash: 'sha256' },
    attestationKey: { spkiSha256: '00'.repeat(32) },
    qualifiedSigner: '',
    clock: 0,
    resetCount: 0,
    restartCount: 0,
    safe: true,
    firmwareVersion: '',
    selection: [],
    pcrDigest: '',
  }
  const circumstances: TpmCircumstances = {
    missingPcrs: [],
    hasEventLog: false,
    hardware,
    listsExist: false,
    chainOnly: false,
    hardwareReasons: [],
  }
  return judgeTpmClaims(claims, circumstances, anyPolicy({ tpm })).map(({ code }) => code)
}

const azure = 'azure-virtual-tpm-root-ca-2023'
const google = 'google-tpm-ek-root-1'

test("a vTPM of Azure's has to show its hardware unless that is given up by name, others only where it is wanted", () => {
  expect(judge(azure, undefined)).toEqual(['HARDWARE'])
  expect(judge(azure, undefined, { hardwareMeasurements: 'any' })).toEqual(['HARDWARE'])
  expect(judge(azure, undefined, { requireHardware: 'never' })).toEqual([])
  expect(judge(azure, 'authentic')).toEqual([])
  expect(judge(google, undefined)).toEqual([])
  expect(judge(google, undefined, { requireHardware: 'always' })).toEqual(['HARDWARE'])
})

test('hardware that is shown and could not be judged in full is a reason, whatever is wanted', () => {
  for (const hardware of ['not judged', 'chain-only'] as const)
    for (const requireHardware of ['always', 'azure', 'never'] as const)
      expect(judge(google, hardware, { requireHardware })).toEqual(['HARDWARE'])
})
