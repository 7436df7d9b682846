import type { Machine } from '@cloister/emulator'

import { machineOf, type Vendors } from '../vendors.ts'
import type { Injection } from './injection.ts'
import { nobodySlashed, releasesRecorded, runTraining, secondNodeFinished } from './observe.ts'

const evidenceRefused = 4

/**
 * A machine as good as any node's, that nobody admitted. While it relays, it signs whatever a node's enclave asks its own machine to
 * sign: right program, right report data, and nothing but the machine differs.
 */
const otherMachine = {
  relays: false,
  evidenceFrom: (own: Machine, vendors: Vendors): Machine =>
    otherMachine.relays ? machineOf(vendors, own.tee, 'that nobody admitted', 'UpToDate') : own,
}

/**
 * The drawn node's attempt evidence is genuine but comes from another machine. All nodes are of kinds whose evidence names its
 * machine: that of a Nitro enclave names none.
 */
export const relayedEvidence: Injection = {
  name: 'relayed-evidence',
  expected: 'keepers refuse with signed refusals, attempt 2 finishes on another node',
  devnet: { nodes: ['tdx', 'sev-snp', 'tdx'], evidenceFrom: otherMachine.evidenceFrom },
  run: async (scene) => {
    const task = await runTraining(scene, async (_, follower) => {
      otherMachine.relays = true
      await follower.until(({ kind }) => kind === 'attempt-ended' || kind === 'posted')
      otherMachine.relays = false
    })
    const refusals = task.events.filter(
      (event) => event.kind === 'release-refused' && event.attempt === 1,
    )
    const forEvidence = refusals.filter(
      (event) => event.kind === 'release-refused' && event.reason === evidenceRefused,
    )
    const released = releasesRecorded(scene, task.id, 1)
    return {
      findings: [
        {
          holds: forEvidence.length >= 1 && forEvidence.length === refusals.length,
          says: `keepers’ signed refusals stand on chain (${refusals.length}, all of them about the evidence)`,
        },
        { holds: released.length === 0, says: 'no keeper recorded a release for attempt 1' },
        ...secondNodeFinished(task, ['refused-by-keepers']),
        await nobodySlashed(scene),
      ],
      txs: [...new Set(refusals.map(({ transaction }) => transaction))],
      tasks: [task],
    }
  },
}
