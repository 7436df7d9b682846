import {
  isAccepted,
  parseNitroDocument,
  tierOf,
  type Anchor,
  type Appraisal,
  type Appraiser,
  type ClaimsByTee,
} from '@cloister/attest'
import {
  concatBytes,
  encodeUtf8,
  MalformedError,
  parseHex,
  unixSeconds,
  type Bytes,
  type UnixSeconds,
} from '@cloister/codec'
import { sha256, type Address, type Hex } from 'viem'

import { policyForGrants, type CollateralFloor, type ReleaseApproval } from './attest-policy.ts'
import { sameHex } from './ids.ts'
import type { Grant } from './messages.ts'
import { deviceProblems, type Accelerator } from './node-devices.ts'
import { evidenceBytes, type NodeEvidence, type ShownEvidence } from './node-evidence.ts'
import type { Problem } from './problems.ts'
import { hasTee, sayTees, teeNumbers, teeSet, type NodeTee } from './tees.ts'
import { tcbRank } from './tcb.ts'

/** What evidence of a node says. */
export type NodeClaims = ClaimsByTee[NodeTee]

/** What one grant, keeper policy or deployment demands of evidence. */
export type EvidenceRule = Pick<Grant, 'measurements' | 'releaseKey' | 'tcbFloor' | 'tees'>

/** What evidence of a node has to show, every part of it from somewhere that is believed. */
export type NodeDemand = {
  /** All of these are to be met. */
  readonly rules: readonly EvidenceRule[]
  /** Runtimes that the rules' release keys approve at this time, as the chain says. */
  readonly approvals: readonly ReleaseApproval[]
  readonly floor: CollateralFloor
  /** From `reportData`, never from the evidence. */
  readonly reportData: Bytes
  /** The key that stands in that report data. */
  readonly receiptKey: Address
  /** The machine id of the node's record; `'any'` only where there is no record yet. */
  readonly machineId: Hex | 'any'
  /** What the app uses, as its manifest says: devices are shown exactly for apps that use some. */
  readonly accelerator: Accelerator
  readonly anchors: readonly Anchor[]
  /** Time of a block, or of a client's clock. */
  readonly now: UnixSeconds
}

/** What authentic evidence shows of a node, whatever its kind. */
export type NodeFactsShown = {
  readonly tee: NodeTee
  readonly machineId: Hex
  readonly measurement: Hex
  /** The rank that a `tcbFloor` is compared with; undefined where no floor could accept it. */
  readonly tcb: number | undefined
  /** 0 under a devnet's anchor, 1 for genuine hardware. */
  readonly tier: 0 | 1
}

/** One appraisal of a node's evidence, and everything that speaks against the node. Accepted means: nothing does. */
export type NodeAppraisal =
  | {
      readonly accepted: true
      readonly appraisal: Appraisal<NodeClaims>
      readonly shown: NodeFactsShown
      readonly problems: readonly []
    }
  | {
      readonly accepted: false
      readonly appraisal: Appraisal<NodeClaims>
      /** Absent where the evidence is not authentic. */
      readonly shown: NodeFactsShown | undefined
      readonly problems: readonly Problem[]
    }

/**
 * Appraises a node's evidence of any kind: the one way in which enclaves, verifiers and owners' clients judge a node.
 *
 * Kinds that name no machine stand under an id of their receipt key's own, see {@link unnamedMachineId}.
 * Spec: docs/protocol.md sections 2 and 4.
 */
export async function appraiseNode(
  appraise: Appraiser['appraise'],
  { evidence, collateral, devices }: ShownEvidence,
  demand: NodeDemand,
): Promise<NodeAppraisal> {
  const { rules, approvals, floor, reportData, receiptKey, machineId, anchors, now } = demand
  const isUnnamed = sameHex(machineId, unnamedMachineId(receiptKey))
  const policy = policyForGrants(rules, floor, {
    reportData,
    machineId: isUnnamed ? 'any' : machineId,
    approvals,
  })
  const appraisal: Appraisal<NodeClaims> = await appraise(evidence, {
    collateral,
    anchors,
    policy,
    now: judgingTime(evidence, now),
  })
  const refused = rules.filter(({ tees }) => !hasTee(tees, teeNumbers[evidence.tee]))
  const problems: Problem[] = refused.map(({ tees }) => ({
    field: 'tees',
    detail: `the evidence is of ${sayTees(teeSet([evidence.tee]))}, accepted is ${sayTees(tees)}`,
  }))
  if (appraisal.authentic === false) {
    const { reject, where } = appraisal
    problems.push({ field: 'evidence', detail: `${reject}: ${where}` })
    return { accepted: false, appraisal, shown: undefined, problems }
  }
  if (!isAccepted(appraisal))
    problems.push(
      ...appraisal.reasons.map(({ code, detail, actual, expected }) => ({
        field: 'evidence',
        detail: `${code}: ${detail}, got ${actual.slice(0, 200)}, expected ${expected.slice(0, 400)}`,
      })),
    )
  const shown = readShown(evidence.tee, appraisal.claims, receiptKey)
  // A machine that has a name can't hide behind a record that has none.
  if (isUnnamed && !sameHex(shown.machineId, machineId))
    problems.push({
      field: 'machineId',
      detail: `the evidence names machine ${shown.machineId}, the record names none`,
    })
  const { accelerator } = demand
  const cpuEvidence = evidenceBytes(evidence)
  const beside = { cpu: appraisal, cpuEvidence, reportData, accelerator, anchors, now }
  problems.push(...(await deviceProblems(appraise, devices, beside)))
  return problems.length === 0
    ? { accepted: true, appraisal, shown, problems: [] }
    : { accepted: false, appraisal, shown, problems }
}

/**
 * The machine id of a node whose evidence names no machine (Nitro, CCA): of its receipt key, so that it is its alone
 * and says nothing. Such a node is tier 1 at most, and each of its keys counts as a machine: stake alone divides weight.
 *
 * Spec: docs/protocol.md section 2.
 */
export function unnamedMachineId(receiptKey: Address): Hex {
  const domain = encodeUtf8('cloister/machine/1\0receipt-key\0')
  return sha256(concatBytes(domain, parseHex(receiptKey, 'receipt key')))
}

/**
 * When evidence is judged: at the block's time, or where it says itself that it was signed later, at that time.
 *
 * A Nitro document holds its time under AWS's signature, by a certificate that may be seconds old. What it answers stands in
 * a block, so the document is the younger one, and a chain that is idle for a while must not make it one of the future.
 */
function judgingTime(evidence: NodeEvidence, now: UnixSeconds): UnixSeconds {
  if (evidence.tee !== 'aws-nitro') return now
  try {
    const { timestampMilliseconds } = parseNitroDocument(evidence.document)
    return unixSeconds(Math.max(now, Math.floor(timestampMilliseconds / 1000)))
  } catch (error) {
    if (error instanceof MalformedError) return now // Appraising it says where.
    throw error
  }
}

function readShown(tee: NodeTee, claims: NodeClaims, receiptKey: Address): NodeFactsShown {
  const { machineId } = claims
  return {
    tee,
    machineId: machineId === undefined ? unnamedMachineId(receiptKey) : `0x${machineId}`,
    measurement: `0x${claims.measurement}`,
    tcb: rankOf(claims),
    tier: tierOf(claims, { machineLists: [] }) === 0 ? 0 : 1,
  }
}

/** Only Intel gives statuses: other machines are current enough for the policy, or refused. */
function rankOf(claims: NodeClaims): number | undefined {
  if (claims.tee !== 'sgx' && claims.tee !== 'tdx') return 0
  return claims.tcbStatus === undefined ? undefined : tcbRank(claims.tcbStatus)
}
