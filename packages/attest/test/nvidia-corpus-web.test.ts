import { appraise, productionAnchors } from '@cloister/attest'
import { expect, test, vi } from 'vitest'
import { anyPolicy, hasEvidence } from './evidence.ts'
import { testNvidiaCorpus } from './nvidia-corpus.ts'
import { readNvidiaSample } from './nvidia-evidence.ts'

// The implementation that browsers get, in place of Node's.
vi.mock('../src/crypto-node.ts', () => import('../src/crypto-web.ts'))

testNvidiaCorpus('WebCrypto')

test.skipIf(!hasEvidence(1))('it is WebCrypto that computes every signature', async () => {
  const verify = vi.spyOn(crypto.subtle, 'verify')
  const { evidence, rims, verifyAt } = readNvidiaSample('nvswitch-ls10-96.10.55-rim-match')
  const collateral = { nvidia: { rims: rims.slice(0, 1), ocspResponses: [] } }
  const given = { collateral, anchors: productionAnchors(), policy: anyPolicy(), now: verifyAt }
  expect(await appraise(evidence, given)).toMatchObject({ authentic: true })
  // Five certificates and the report; the manifest and its four certificates.
  expect(verify).toHaveBeenCalledTimes(11)
  verify.mockRestore()
})
