import { appraise } from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import { expect, test, vi } from 'vitest'
import { testArmCorpus } from './arm-corpus.ts'
import { readArmSample } from './arm-evidence.ts'
import { anyPolicy, hasEvidence } from './evidence.ts'

// The implementation that browsers get, in place of Node's.
vi.mock('../src/crypto-node.ts', () => import('../src/crypto-web.ts'))

testArmCorpus('WebCrypto')

test.skipIf(!hasEvidence(1))('it is WebCrypto that computes both signatures', async () => {
  const verify = vi.spyOn(crypto.subtle, 'verify')
  const { token, collateral } = readArmSample('arm-cca/veraison-good')
  const given = { collateral, anchors: [], policy: anyPolicy(), now: unixSeconds(0) }
  expect(await appraise({ tee: 'arm-cca', token }, given)).toMatchObject({ authentic: true })
  expect(verify).toHaveBeenCalledTimes(2)
  verify.mockRestore()
})
