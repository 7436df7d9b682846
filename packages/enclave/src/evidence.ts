import type { Appraiser } from '@cloister/attest'
import { unixSeconds } from '@cloister/codec'
import {
  appraiseNode,
  type NodeDemand,
  type NodeFactsShown,
  type ShownEvidence,
} from '@cloister/protocol'

import type { EnclaveConfig } from './config.ts'

/** What somebody's evidence shows, or why it shows nothing. */
export type EvidenceJudgement =
  | ({ readonly accepted: true } & NodeFactsShown)
  | { readonly accepted: false; readonly detail: string }

/** Appraises evidence of a node at a block's time, with the anchors that are measured into this enclave. */
export async function judgeEvidence(
  appraiser: Appraiser,
  config: EnclaveConfig,
  shown: ShownEvidence,
  demand: Omit<NodeDemand, 'anchors' | 'now'> & { readonly now: bigint },
): Promise<EvidenceJudgement> {
  const judged = await appraiseNode(appraiser.appraise, shown, {
    ...demand,
    anchors: config.anchors,
    now: unixSeconds(Number(demand.now)),
  })
  return judged.accepted
    ? { accepted: true, ...judged.shown }
    : { accepted: false, detail: judged.problems.map(({ detail }) => detail).join('; ') }
}
