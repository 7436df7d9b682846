import { createAppraiser, encodeAppraisal } from '@cloister/attest'
import { encodeHex } from '@cloister/codec'
import { expect, test } from 'vitest'
import { testArmCorpus } from './arm-corpus.ts'
import { anyPolicy, hasEvidence } from './evidence.ts'
import { testNitroCorpus } from './nitro-corpus.ts'
import { testNvidiaCorpus } from './nvidia-corpus.ts'
import { testSgxCorpus } from './sgx-corpus.ts'
import { testSnpCorpus } from './snp-corpus.ts'
import { testTdxCorpus } from './tdx-corpus.ts'
import { testTpmCorpus } from './tpm-corpus.ts'
import { appraiseCase, readCorpus, readMutatedCorpus } from './whole-corpus.ts'

/** Everything that is real, field by field, with whichever crypto the caller has chosen. */
export function testEveryCorpus(crypto: string): void {
  testSgxCorpus(crypto)
  testTdxCorpus(crypto)
  testSnpCorpus(crypto)
  testNvidiaCorpus(crypto)
  testNitroCorpus(crypto)
  testArmCorpus(crypto)
  testTpmCorpus(crypto)

  test.skipIf(!hasEvidence(1))(
    `a warm appraiser gives the same bytes as a stateless one, ${crypto}`,
    async () => {
      const { appraise: warm } = createAppraiser()
      const cases = [...(await readCorpus()), ...readMutatedCorpus()]
      const policy = anyPolicy()
      const anew = new Map<string, string>()
      for (const each of [...cases, ...cases]) {
        const { name, evidence, given } = each
        const expected = anew.get(name) ?? encodeHex(encodeAppraisal(await appraiseCase(each)))
        anew.set(name, expected)
        const kept = await warm(evidence, { ...given, policy })
        expect(encodeHex(encodeAppraisal(kept)), name).toBe(expected)
      }
    },
  )
}
