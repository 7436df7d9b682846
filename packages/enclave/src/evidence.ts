import {
  isAccepted,
  tierOf,
  type Appraiser,
  type IntelCollateral,
  type Policy,
} from '@cloister/attest'
import { assert, unixSeconds, type Bytes } from '@cloister/codec'
import { tcbRank } from '@cloister/protocol'
import type { Hex } from 'viem'

import type { EnclaveConfig } from './config.ts'

/** What somebody's evidence shows, or why it shows nothing. */
export type EvidenceJudgement =
  | {
      readonly accepted: true
      readonly machineId: Hex
      readonly measurement: Hex
      readonly tcb: number | undefined
      /** 0 under a devnet's anchor, 1 for genuine hardware. */
      readonly tier: number
    }
  | { readonly accepted: false; readonly detail: string }

/** Appraises a quote at a block's time, with the anchors that are measured into this enclave. */
export async function judgeEvidence(
  appraiser: Appraiser,
  config: EnclaveConfig,
  quote: Bytes,
  given: { readonly collateral: IntelCollateral; readonly policy: Policy; readonly now: bigint },
): Promise<EvidenceJudgement> {
  const appraisal = await appraiser.appraise(
    { tee: 'tdx', quote },
    {
      collateral: { intel: given.collateral },
      anchors: config.anchors,
      policy: given.policy,
      now: unixSeconds(Number(given.now)),
    },
  )
  if (appraisal.authentic === false)
    return { accepted: false, detail: `${appraisal.reject} (${appraisal.where})` }
  if (!isAccepted(appraisal))
    return { accepted: false, detail: appraisal.reasons.map(({ code }) => code).join(', ') }
  const { claims } = appraisal
  assert(claims.machineId !== undefined, 'an accepted quote has a PCK certificate')
  return {
    accepted: true,
    machineId: `0x${claims.machineId}`,
    measurement: `0x${claims.measurement}`,
    tcb: tcbRank(claims.tcbStatus ?? ''),
    tier: tierOf(claims, { machineLists: [] }),
  }
}
