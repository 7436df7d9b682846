import { appraise } from '@cloister/attest'
import { expect, test, vi } from 'vitest'
import { anyPolicy, hasEvidence } from './evidence.ts'
import { testNitroCorpus } from './nitro-corpus.ts'
import { aws, readNitroSample } from './nitro-evidence.ts'

// The implementation that browsers get, in place of Node's.
vi.mock('../src/crypto-node.ts', () => import('../src/crypto-web.ts'))

testNitroCorpus('WebCrypto')

test.skipIf(!hasEvidence(1))('it is WebCrypto that computes all six signatures', async () => {
  const verify = vi.spyOn(crypto.subtle, 'verify')
  const { document, now } = readNitroSample('dstack-a')
  const given = { collateral: {}, anchors: aws, policy: anyPolicy(), now }
  expect(await appraise({ tee: 'aws-nitro', document }, given)).toMatchObject({ authentic: true })
  // Leaf, instance, zone, region, root, document.
  expect(verify).toHaveBeenCalledTimes(6)
  verify.mockRestore()
})
