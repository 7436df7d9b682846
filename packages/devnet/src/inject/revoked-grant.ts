import { balances } from '@cloister/sdk'

import { accountOf } from '../accounts.ts'
import { orderTrainingAndRevoke } from '../demo/story.ts'
import type { Injection } from './injection.ts'
import { readMoneyMoved } from './money-moved.ts'
import { nobodySlashed, releasesRecorded } from './observe.ts'

const grantRevoked = 1

/** A clinic revokes after the order was placed. */
export const revokedGrant: Injection = {
  name: 'revoked-grant',
  expected: 'keepers refuse for the revocation, and the requester gets everything back',
  run: async (scene) => {
    const { client, devnet } = scene
    const company = accountOf('company').address
    const { ledgerWei: before } = await balances(client, company)
    const { follower, revocation, asset } = await orderTrainingAndRevoke(scene)
    const task = await follower.ended
    const refusals = task.events.filter(
      (event) => event.kind === 'release-refused' && event.reason === grantRevoked,
    )
    const { ledgerWei: after } = await balances(client, company)
    const { refundedWei } = await readMoneyMoved(devnet)
    const released = releasesRecorded(scene, task.id, 1).filter((each) => each.asset === asset)
    return {
      findings: [
        {
          holds: refusals.length >= 1,
          says: `keepers’ signed refusals for the revoked grant stand on chain (${refusals.length})`,
        },
        {
          holds: task.events.at(-1)?.kind === 'refunded' && after === before && refundedWei > 0n,
          says: 'the company has its whole fee back',
        },
        { holds: released.length === 0, says: 'no share of the revoked records was released' },
        await nobodySlashed(scene),
      ],
      txs: [revocation, ...refusals.map(({ transaction }) => transaction)],
      tasks: [task],
    }
  },
}
