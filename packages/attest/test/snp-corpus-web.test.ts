import { appraise } from '@cloister/attest'
import { expect, test, vi } from 'vitest'
import { anyPolicy, hasEvidence } from './evidence.ts'
import { testSnpCorpus } from './snp-corpus.ts'
import { amd, readSnpSample } from './snp-evidence.ts'

// The implementation that browsers get, in place of Node's.
vi.mock('../src/crypto-node.ts', () => import('../src/crypto-web.ts'))

testSnpCorpus('WebCrypto')

test.skipIf(!hasEvidence(1))('it is WebCrypto that computes all five signatures', async () => {
  const verify = vi.spyOn(crypto.subtle, 'verify')
  const { report, amd: documents, now } = readSnpSample('oak-genoa-v5-real-crl')
  const given = { collateral: { amd: documents }, anchors: amd, policy: anyPolicy(), now }
  expect(await appraise({ tee: 'sev-snp', report }, given)).toMatchObject({ authentic: true })
  // VCEK, ASK, ARK, revocation list, report.
  expect(verify).toHaveBeenCalledTimes(5)
  verify.mockRestore()
})
