import { releaseKeysOf, type Grant, type ReleaseApproval } from '@cloister/protocol'
import type { Hex } from 'viem'

import type { ChainFacts } from './facts.ts'
import type { ChainView } from './chain-view.ts'

/** Which of the release keys that grants or policies name approve a measurement at the view's time. */
export async function currentApprovals(
  facts: ChainFacts,
  view: ChainView,
  named: readonly Pick<Grant, 'releaseKey'>[],
  measurement: Hex,
): Promise<readonly ReleaseApproval[]> {
  const approvals = await facts.approvedUntil(view, releaseKeysOf(named), measurement)
  return approvals
    .filter(({ until }) => until > view.now)
    .map(({ releaseKey }) => ({ releaseKey, measurement }))
}
