// What the page of browser.test.ts runs. It holds no keys of the chain's: a wallet signs, as in any browser.
import {
  appraise,
  encodeAppraisal,
  parseCollateral,
  strictPolicy,
  insecureDevnetAnchor,
} from '@cloister/attest'
import { encodeHex, encodeUtf8, OperationError, parseHex, unixSeconds } from '@cloister/codec'
import type { Address, EIP1193Provider } from 'viem'

import { connect, shareAsset } from '../src/index.ts'

declare const window: { cloisterPage: typeof page; ethereum: EIP1193Provider }

/** What the test asks the page for. */
export const page = {
  /** Seals a record, appraises three keepers, and shares it. */
  async share(given: { manifest: string; address: Address; record: string }) {
    const client = await connect({
      deployment: given.manifest,
      wallet: { provider: window.ethereum, address: given.address },
    })
    try {
      const { nodes } = client.deployment
      const shared = await shareAsset(client, {
        plaintext: encodeUtf8(given.record),
        keepers: nodes,
        stores: nodes.map((node) => node.url),
        save: () => undefined,
      })
      return { asset: shared.asset, root: shared.root, salt: shared.salt, error: undefined }
    } catch (error) {
      if (!(error instanceof OperationError)) throw error
      return { asset: '', root: '', salt: '', error: { code: error.code, message: error.message } }
    }
  },

  /** The canonical appraisal of a quote, as the page computes it. */
  async appraise(given: { quote: string; collateral: string; anchor: string; now: number }) {
    const policy = strictPolicy({
      measurements: 'any',
      reportData: 'any',
      machineIds: 'any',
    })
    const appraisal = await appraise(
      { tee: 'tdx', quote: parseHex(given.quote) },
      {
        collateral: parseCollateral(given.collateral),
        anchors: [insecureDevnetAnchor(given.anchor)],
        policy,
        now: unixSeconds(given.now),
      },
    )
    return encodeHex(encodeAppraisal(appraisal))
  },
}

if (typeof window !== 'undefined') window.cloisterPage = page
