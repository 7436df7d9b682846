import {
  decideGrant,
  otherOwners,
  sameHex,
  teeNumbers,
  type Bundle,
  type NodeFactsShown,
  type Problem,
  type ReleaseApproval,
} from '@cloister/protocol'
import type { Address } from 'viem'

import type { PostingFacts } from './judge.ts'

/** Which grants of a bundle do not cover what its evidence shows. Their signatures and owners were checked before. */
export function grantProblems(
  facts: PostingFacts,
  bundle: Bundle,
  shown: NodeFactsShown,
  approvals: readonly ReleaseApproval[],
): readonly Problem[] {
  const { order, checkpoint } = bundle
  const { app, requester, tees, epsilonMicros, deltaPicos } = order
  const owners = facts.assets.map(({ owner }) => owner)
  const { operator, tier } = facts.node
  return bundle.grants.flatMap((grant, index) => {
    const asset = facts.assets[index]
    const id = bundle.order.assets[index]
    if (asset === undefined || id === undefined)
      return [{ field: `grants[${index}]`, detail: 'there is no such asset' }]
    const decision = decideGrant(
      grant,
      {
        ...{ app, asset: id, requester, tees, epsilonMicros, deltaPicos },
        ownersOthers: otherOwners(owners, requester),
        manifest: facts.manifest,
        node: {
          ...{ operator, tier },
          tee: teeNumbers[shown.tee],
          measurement: shown.measurement,
          approvedUntil: approves(approvals, grant.releaseKey) ? checkpoint.blockTime + 1n : 0n,
          tcb: shown.tcb,
        },
        now: checkpoint.blockTime,
        // Counted by the contract when it took the order, and tasks by the keepers, whose releases are checked.
        used: { tasks: 0, tasksToday: 0, epsilonMicros: 0n, deltaPicos: 0n },
      },
      // Both were checked before, and a revocation stops releases only.
      { assetOwner: asset.owner, signatureValid: true, revoked: false },
    )
    return decision.kind === 'allowed'
      ? []
      : [{ field: `grants[${index}].${decision.field}`, detail: decision.detail }]
  })
}

function approves(approvals: readonly ReleaseApproval[], releaseKey: Address): boolean {
  return approvals.some((approval) => sameHex(approval.releaseKey, releaseKey))
}
