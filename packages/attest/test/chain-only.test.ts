import { appraise, appraiseChainOnly, isAccepted, productionAnchors } from '@cloister/attest'
import { expect, test } from 'vitest'

import { anyPolicy, hasEvidence } from './evidence.ts'
import { readCorpus } from './whole-corpus.ts'

const here = hasEvidence(1)

test.skipIf(!here)(
  'signatures alone are chain-only at best, and a bad one is refused as ever',
  async () => {
    for (const { name, evidence, given } of await readCorpus()) {
      const collateral = given.collateral === 'none' ? {} : given.collateral
      const asked = { anchors: productionAnchors(), policy: anyPolicy(), now: given.now }
      const chain = await appraiseChainOnly(evidence, { ...asked, collateral })
      expect(chain.authentic, name).not.toBe(true)
      expect(isAccepted(chain), name).toBe(false)
      if (chain.authentic !== false) expect(chain.reasons[0]?.code, name).toBe('CHAIN_ONLY')
      const full = await appraise(evidence, { ...asked, collateral })
      // What is authentic with all documents has signatures that hold without them.
      if (full.authentic === true) expect(chain.authentic, name).toBe('chain-only')
    }
  },
)
