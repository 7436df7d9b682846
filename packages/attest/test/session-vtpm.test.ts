import {
  appraise,
  judgeSession,
  parseHclBlob,
  productionAnchors,
  type Appraisal,
  type AuthenticAppraisal,
  type SnpEvidence,
} from '@cloister/attest'
import { expect, test } from 'vitest'
import { anyPolicy, hasEvidence } from './evidence.ts'
import { readTpmSample } from './tpm-samples.ts'

/** A real vTPM on Azure, and the evidence of the CPU below it: its SNP report. */
async function azureVm(name: string) {
  const { evidence, collateral, now } = readTpmSample(name)
  const { hardware } = parseHclBlob(evidence.hcl!)
  if (hardware.kind !== 'snp') throw new Error('The sample is an SNP guest')
  const cpu: SnpEvidence = { tee: 'sev-snp', report: hardware.report }
  const given = { collateral, anchors: productionAnchors(), policy: anyPolicy(), now }
  return {
    cpu: authentic(await appraise(cpu, given)),
    vtpm: authentic(await appraise(evidence, given)),
  }
}

function authentic(appraisal: Appraisal): AuthenticAppraisal {
  if (appraisal.authentic !== true) throw new Error(JSON.stringify(appraisal))
  return appraisal
}

function against(cpu: AuthenticAppraisal, vtpm: AuthenticAppraisal) {
  const { reportData: nonce } = vtpm.claims
  const reasons = judgeSession(
    { cpu, devices: [], vtpm },
    { nonce, challenge: '', expected: { gpus: 0, switches: 0 } },
  )
  return reasons.map(({ code, detail }) => `${code} ${detail}`)
}

test.skipIf(!hasEvidence(1))(
  "a real vTPM is of the machine whose report names its key, and of no other's",
  async () => {
    const genoa = await azureVm('azure-snp-vtpm-genoa')
    const milan = await azureVm('azure-snp-vtpm-v2')
    expect(against(genoa.cpu, genoa.vtpm)).toEqual([])
    expect(against(milan.cpu, milan.vtpm)).toEqual([])
    const elsewhere = [expect.stringMatching(/^NOT_BOUND the vTPM is on another machine/)]
    expect(against(genoa.cpu, milan.vtpm)).toEqual(elsewhere)
    expect(against(milan.cpu, genoa.vtpm)).toEqual(elsewhere)
    const withClaims = (change: object): AuthenticAppraisal => {
      const claims = { ...genoa.cpu.claims, ...change }
      return { ...genoa.cpu, claims }
    }
    // The same report data from another guest on the machine: any guest signs what it is given.
    expect(against(withClaims({ reportId: '00'.repeat(32) }), genoa.vtpm)).toEqual([
      'NOT_BOUND the vTPM is beside another guest of this machine',
    ])
    for (const name of ['reportData', 'measurement', 'machineId'])
      expect(against(withClaims({ [name]: '00' }), genoa.vtpm)).toEqual([
        expect.stringContaining(`its hardware report has ${name} `),
      ])
  },
)
