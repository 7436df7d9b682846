import { appraise } from '@cloister/attest'
import { expect, test, vi } from 'vitest'
import { testEveryCorpus } from './every-corpus.ts'
import { hasEvidence } from './evidence.ts'
import { emulated } from './vectors.ts'
import { appraiseCase, readCorpus } from './whole-corpus.ts'

// The implementation that browsers get, in place of Node's.
vi.mock('../src/crypto-node.ts', () => import('../src/crypto-web.ts'))

testEveryCorpus('WebCrypto')

test('it is WebCrypto that computes every one of the ten signatures', async () => {
  const verify = vi.spyOn(crypto.subtle, 'verify')
  const { quote, given } = emulated('up-to-date')
  expect(await appraise({ tee: 'tdx', quote }, given)).toMatchObject({ authentic: true })
  // Root, PCK authority, PCK, TCB signer, two lists, TCB info, QE identity, QE report, quote.
  expect(verify).toHaveBeenCalledTimes(10)
  verify.mockRestore()
})

/** Samples, and how many signatures have to be computed to judge each. */
const signatures = [
  ['snp/oak-genoa-v5-real-crl', 5], // VCEK, ASK, ARK, revocation list, report.
  ['nitro/dstack-a', 6], // Leaf, instance, zone, region, root, document.
  ['arm-cca/veraison-good', 2], // Platform, realm.
  // Five certificates and the report; the manifest and its four certificates.
  ['nvidia/h100-580.159.03', 11],
] as const

test.skipIf(!hasEvidence(signatures.length)).for(signatures)(
  'it is WebCrypto that computes every signature of %s: %i',
  async ([name, count]) => {
    const sample = (await readCorpus()).find((each) => each.name === name)
    const verify = vi.spyOn(crypto.subtle, 'verify')
    expect(await appraiseCase(sample!)).toMatchObject({ authentic: true })
    expect(verify).toHaveBeenCalledTimes(count)
    verify.mockRestore()
  },
)
