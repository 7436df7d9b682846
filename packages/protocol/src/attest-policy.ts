import { strictPolicy, type Policy } from '@cloister/attest'
import { encodeHex, type Bytes } from '@cloister/codec'
import { zeroAddress, type Address, type Hex } from 'viem'

import { sameHex } from './ids.ts'
import type { Grant, Message } from './messages.ts'
import { tcbStatusesUpTo } from './tcb.ts'

/** The least collateral numbers that evidence must reach, as the committee signed them last. */
export type CollateralFloor = Omit<Message<'Floor'>, 'sequence'>

/** What evidence must show besides what grants ask: the binding that its verifier recomputed, and its machine. */
export type ExpectedEvidence = {
  /** From {@link reportData}, never from the evidence. */
  readonly reportData: Bytes
  /** The machine id of the node's record; `'any'` where there is no record yet, or the evidence names no machine. */
  readonly machineId: Hex | 'any'
  /** Runtimes that release keys approve at this time, as the chain says. A key that is not here approves nothing. */
  readonly approvals: readonly ReleaseApproval[]
}

/** What one release key approves. */
export type ReleaseApproval = { readonly releaseKey: Address; readonly measurement: Hex }

type Runtimes = Pick<Grant, 'measurements' | 'releaseKey' | 'tcbFloor'>

/**
 * The policy that attempt evidence is appraised by: what all of `grants` accept, the strictest floor,
 * and everything unsafe refused.
 *
 * Advisories are let through: a grant names statuses, and every status but the best comes with some. Statuses and the
 * floor's numbers are Intel's: of AMD's machines the least security versions of attest's strict policy are asked, of
 * Nitro enclaves and CCA realms nothing that has a number.
 * Spec: docs/protocol.md section 4.
 */
export function policyForGrants(
  grants: readonly Runtimes[],
  floor: CollateralFloor,
  expected: ExpectedEvidence,
): Policy {
  const [first, ...others] = grants.map((grant) => runtimesOf(grant, expected.approvals))
  const shared = (first ?? []).filter((measurement) =>
    others.every((list) => list.some((other) => sameHex(other, measurement))),
  )
  // No grant: nothing is accepted. Math.min of nothing would be infinite, hence the -1.
  const worst = grants.length === 0 ? -1 : Math.min(...grants.map((grant) => grant.tcbFloor))
  return strictPolicy({
    measurements: shared.map(bare),
    reportData: encodeHex(expected.reportData),
    machineIds: expected.machineId === 'any' ? 'any' : [bare(expected.machineId)],
    tcbStatuses: tcbStatusesUpTo(worst),
    advisories: 'any',
    minTcbEvaluationDataNumber: floor.tcbEvaluationDataNumber,
    minRootCrlNumber: Number(floor.rootCrlNumber),
    minPckCrlNumber: Number(floor.pckCrlNumber),
  })
}

/** The release keys that grants leave the choice of runtimes to, without repeats. */
export function releaseKeysOf(grants: readonly Pick<Grant, 'releaseKey'>[]): readonly Address[] {
  return grants
    .map(({ releaseKey }) => releaseKey)
    .filter((key) => !sameHex(key, zeroAddress))
    .filter((key, index, keys) => keys.findIndex((other) => sameHex(other, key)) === index)
}

function runtimesOf(
  { measurements, releaseKey }: Runtimes,
  approvals: readonly ReleaseApproval[],
): readonly Hex[] {
  if (sameHex(releaseKey, zeroAddress)) return measurements
  return approvals
    .filter((approval) => sameHex(approval.releaseKey, releaseKey))
    .map(({ measurement }) => measurement)
}

function bare(hex: Hex): string {
  return hex.slice(2).toLowerCase()
}
