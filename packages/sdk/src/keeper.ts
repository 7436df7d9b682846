import { appraise, type Appraisal } from '@cloister/attest'
import { encodeHex, parseHex, type Bytes } from '@cloister/codec'
import {
  addressField,
  appraiseNode,
  appRegistryAbi,
  hexField,
  keyHash,
  nodeEvidenceField,
  nodeRegistryAbi,
  objectField,
  publicKeyBytes,
  reportData,
  sameHex,
  shownEvidenceField,
  type CollateralFloor,
  type KeeperPolicy,
  type NodeAppraisal,
  type NodeClaims,
  type NodeFactsShown,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

import { askChain } from './chain.ts'
import type { Client } from './client.ts'
import { approvedUntil } from './grant-standing.ts'
import { askPeer, peerUrl } from './peer.ts'
import { sdkError } from './sdk-error.ts'

declare const appraised: unique symbol

/**
 * A keeper whose evidence was appraised for one asset, and accepted. Only {@link appraiseKeeper} makes one, and
 * nothing is sealed to a keeper without one.
 */
export type AppraisedKeeper = {
  readonly [appraised]: true
  readonly asset: Hex
  readonly url: string
  readonly operator: Address
  readonly receiptKey: Address
  readonly sharePublicKey: Bytes
  /** What was concluded, with all claims and when it ends. */
  readonly appraisal: Appraisal<NodeClaims>
}

/** What an owner demands of a keeper's enclave. Its operators and expiry are checked elsewhere. */
export type KeeperDemand = Pick<
  KeeperPolicy,
  'measurements' | 'releaseKey' | 'tcbFloor' | 'tierMin' | 'tees'
>

// The type's brand ends where JavaScript begins; this does not.
const genuine = new WeakSet<object>()

/** Whether `keeper` was made by {@link appraiseKeeper} in this program. */
export function isAppraisedKeeper(keeper: object): keeper is AppraisedKeeper {
  return genuine.has(keeper)
}

const evidenceField = shownEvidenceField((collateral) =>
  objectField({
    receiptKey: addressField,
    sharePublicKey: hexField(publicKeyBytes),
    operator: addressField,
    evidence: nodeEvidenceField,
    collateral,
  }),
)

/**
 * Asks a node for evidence made for this asset and a fresh nonce, and appraises it. No secret is sent.
 *
 * Accepted means: an enclave of a measurement that the demand names *and* the deployment lists *and* the chain approves, on an authentic platform whose TCB is
 * good enough, of a tier that the demand takes, holds the share key; and its record on chain is live, and names the same
 * operator, share key, machine and measurement.
 *
 * @throws {OperationError} `keeper-refused` with every reason, `peer-unreachable`, `peer-refused`, `peer-malformed`, `chain-down`.
 */
export async function appraiseKeeper(
  client: Client,
  url: string,
  asset: Hex,
  demand: KeeperDemand,
  operator?: Address,
): Promise<AppraisedKeeper> {
  const ownerNonce: Hex = `0x${encodeHex(crypto.getRandomValues(new Uint8Array(32)))}`
  const evidence = await askPeer(client.fetch, peerUrl(url, '/v1/keep-evidence'), evidenceField, {
    asset,
    ownerNonce,
  })
  const { receiptKey } = evidence
  const sharePublicKey = parseHex(evidence.sharePublicKey, 'sharePublicKey')
  const shareKeyHash = keyHash(sharePublicKey)
  const facts = await readRecord(client, receiptKey)
  const binding = { receiptKey, shareKeyHash, ownerNonce, asset }
  const measurements = demand.measurements.filter((measurement) =>
    client.deployment.measurements.some((listed) => sameHex(listed, measurement)),
  )
  const judged = await appraiseNode(appraise, evidence, {
    rules: [{ ...demand, measurements }],
    approvals: await approvalsOf(client, demand, facts.record.measurement),
    floor: strictest(client, facts.floor),
    reportData: reportData(client.domain, 'KeepBinding', binding),
    receiptKey,
    machineId: facts.record.machineId,
    accelerator: 'none',
    anchors: client.deployment.anchors,
    now: client.clock(),
  })
  const { appraisal, shown } = judged
  const approved = await measurementApproved(client, shown)
  const problems = [
    ...evidenceProblems(judged),
    ...(approved ? [] : ['the chain does not approve its measurement']),
    ...recordProblems(facts, { shareKeyHash, operator: evidence.operator, demand }),
    ...(shown === undefined ? [] : claimProblems(facts, shown, demand)),
    ...(operator === undefined || sameHex(operator, evidence.operator)
      ? []
      : [`its operator is ${evidence.operator}, expected ${operator}`]),
  ]
  if (problems.length > 0)
    throw sdkError(
      'keeper-refused',
      `Cannot trust the keeper at ${url} with a share: ${problems.join('; ')}; nothing was sent to it, choose another keeper`,
    )
  return brand({ asset, url, operator: evidence.operator, receiptKey, sharePublicKey, appraisal })
}

type RecordFacts = Awaited<ReturnType<typeof readRecord>>

/** What the chain has of a node, and the least collateral numbers it accepts. @throws {OperationError} `chain-down`. */
export async function readRecord(client: Client, receiptKey: Address) {
  const address = client.deployment.home.contracts.nodeRegistry
  const call = { address, abi: nodeRegistryAbi } as const
  return askChain(client.chain, `read the record of node ${receiptKey}`, async (reader) => {
    const [record, certified, floor] = await Promise.all([
      reader.readContract({ ...call, functionName: 'recordOf', args: [receiptKey] }),
      reader.readContract({ ...call, functionName: 'certified', args: [receiptKey] }),
      reader.readContract({ ...call, functionName: 'floor' }),
    ])
    return { record, certified, floor }
  })
}

// A release key chooses among what the deployment lists, no further.
async function approvalsOf(client: Client, { releaseKey }: KeeperDemand, measurement: Hex) {
  const isListed = client.deployment.measurements.some((each) => sameHex(each, measurement))
  const until = await approvedUntil(client, releaseKey, measurement)
  return isListed && until > BigInt(client.clock()) ? [{ releaseKey, measurement }] : []
}

/** The manifest's numbers and the chain's: whichever asks for more. */
export function strictest(client: Client, floor: RecordFacts['floor']): CollateralFloor {
  const { policy } = client.deployment
  return {
    tcbEvaluationDataNumber: Math.max(
      policy.tcbEvaluationDataNumber,
      floor.tcbEvaluationDataNumber,
    ),
    rootCrlNumber: larger(policy.rootCrlNumber, floor.rootCrlNumber),
    pckCrlNumber: larger(policy.pckCrlNumber, floor.pckCrlNumber),
  }
}

function larger(a: bigint, b: bigint): bigint {
  return a > b ? a : b
}

/** Whether the chain approves what evidence shows to run. @throws {OperationError} `chain-down`. */
export async function measurementApproved(
  client: Client,
  shown: NodeFactsShown | undefined,
): Promise<boolean> {
  if (shown === undefined) return true // Refused already, and there is no measurement to ask for.
  return askChain(client.chain, 'ask for approved measurements', (reader) =>
    reader.readContract({
      address: client.deployment.home.contracts.appRegistry,
      abi: appRegistryAbi,
      functionName: 'approved',
      args: [shown.measurement],
    }),
  )
}

/** Everything that speaks against evidence, in words. */
export function evidenceProblems({ appraisal, problems }: NodeAppraisal): readonly string[] {
  if (appraisal.authentic === false)
    return [`its evidence is not authentic: ${appraisal.reject} (${appraisal.where})`]
  return problems.map(({ detail }) => detail)
}

function recordProblems(
  { record, certified }: RecordFacts,
  expected: {
    readonly shareKeyHash: Hex
    readonly operator: Address
    readonly demand: KeeperDemand
  },
): readonly string[] {
  if (!certified) return ['the chain has no live record of its receipt key']
  return [
    ...(sameHex(record.shareKeyHash, expected.shareKeyHash)
      ? []
      : ['its share key is not the one in its record on chain']),
    ...(sameHex(record.operator, expected.operator)
      ? []
      : [`it names operator ${expected.operator}, its record says ${record.operator}`]),
    ...(record.tier >= expected.demand.tierMin
      ? []
      : [`its tier is ${record.tier}, at least ${expected.demand.tierMin} is asked for`]),
  ]
}

// What the evidence itself shows: a record says only what the committee saw when it was made.
function claimProblems(
  { record, certified }: RecordFacts,
  { tier, measurement }: NodeFactsShown,
  demand: KeeperDemand,
): readonly string[] {
  return [
    ...(tier >= demand.tierMin
      ? []
      : [`its evidence is of tier ${tier}, at least ${demand.tierMin} is asked for`]),
    ...(!certified || sameHex(record.measurement, measurement)
      ? []
      : [`its measurement is ${measurement}, its record says ${record.measurement}`]),
  ]
}

function brand(keeper: Omit<AppraisedKeeper, typeof appraised>): AppraisedKeeper {
  const frozen = Object.freeze({ ...keeper, sharePublicKey: keeper.sharePublicKey.slice() })
  genuine.add(frozen)
  if (!isAppraisedKeeper(frozen)) throw new TypeError('Cannot brand what was just added')
  return frozen
}
