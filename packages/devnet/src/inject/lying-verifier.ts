import { setTimeout as sleep } from 'node:timers/promises'

import { accountOf } from '../accounts.ts'
import { devnetTerms } from '../deploy.ts'
import type { Injection } from './injection.ts'
import { readMoneyMoved } from './money-moved.ts'
import { isSettled, onlySlashed, runTraining } from './observe.ts'

/** One verifier votes both ways. */
export const lyingVerifier: Injection = {
  name: 'lying-verifier',
  expected: 'its vote does not stand, its stake goes by proof of its two signatures',
  devnet: { verifierFaults: [['vote-both-ways']] },
  run: async (scene) => {
    const liar = accountOf('verifier-1').address
    const task = await runTraining(scene)
    // The proof is good for as long as the stake can be reached; it usually comes within seconds.
    for (let tries = 0; tries < 50; tries++) {
      if ((await readMoneyMoved(scene.devnet)).slashes.length > 0) break
      await sleep(200)
    }
    const { equivocationWei } = devnetTerms
    const slashed = await onlySlashed(scene, liar, equivocationWei, 'the liar lost stake')
    const paid = task.events.filter((event) => event.kind === 'paid' && event.role === 'verifier')
    return {
      findings: [
        slashed.finding,
        {
          holds:
            paid.length > 0 &&
            paid.every((event) => event.kind === 'paid' && event.account !== liar),
          says: `${paid.length} verifiers are paid, the liar is not one of them`,
        },
        { holds: isSettled(task), says: 'the task was accepted and paid without it' },
      ],
      txs: slashed.txs,
      tasks: [task],
    }
  },
}
