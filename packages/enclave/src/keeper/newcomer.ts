import { parseHex, OperationError, type Bytes } from '@cloister/codec'
import {
  addressField,
  bytes32Field,
  hexField,
  integerField,
  keyHash,
  limits,
  listField,
  messageDigest,
  messageField,
  nodeEvidenceField,
  objectField,
  publicKeyBytes,
  reportData,
  sameHex,
  shownEvidenceField,
  signatureField,
  signerOf,
  type Field,
  type FieldValue,
} from '@cloister/protocol'
import type { Address } from 'viem'

import type { ChainView } from '../chain/chain-view.ts'
import { currentApprovals } from '../chain/approvals.ts'
import type { AssetFacts, NodeFacts } from '../chain/facts.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { judgeEvidence } from '../evidence.ts'
import type { KeepersAnswer } from '../host-calls.ts'
import { readCertified } from './certified.ts'
import { attemptFreshSeconds } from './judge-request.ts'
import type { Keepers } from './keepers.ts'

const newcomer = shownEvidenceField((collateral) =>
  objectField({
    asset: bytes32Field,
    shareIndex: integerField(0, 2),
    receiptKey: addressField,
    sharePublicKey: hexField(publicKeyBytes),
    evidence: nodeEvidenceField,
    collateral,
    checkpoint: messageField('Checkpoint'),
    checkpointSignatures: listField(signatureField, limits.committeeMembersMax),
  }),
)

/** A restarted keeper that asks for its share, and its evidence. Nothing of it is believed yet. */
export type Newcomer = FieldValue<typeof newcomer>

/** How a {@link Newcomer} stands in JSON. */
export const newcomerField: Field<Newcomer> = newcomer

/** The owner's policy, held against the digest that the chain has. @throws {OperationError} `recovery-refused`. */
export async function readPolicy(
  { config }: Pick<EnclaveContext, 'config'>,
  { policy, policySignature }: KeepersAnswer,
  facts: AssetFacts,
) {
  if (policy === undefined || policySignature === undefined)
    refuseRecovery('the host does not have the owner’s keeper policy')
  const digest = messageDigest(config.domain, 'KeeperPolicy', policy)
  if (!sameHex(digest, facts.policyDigest)) refuseRecovery('the policy is not the one on chain')
  if (!sameHex(policy.owner, await signerOf(digest, policySignature)))
    refuseRecovery('the policy is not signed by its owner')
  return policy
}

/** The certified node, of a measurement that is still approved, under a receipt key that keeps this share. @throws {OperationError} `recovery-refused`. */
export async function requireKeeper(
  context: Pick<EnclaveContext, 'facts'>,
  view: ChainView,
  keepers: Keepers,
  receiptKey: Address,
  shareIndex: number,
): Promise<NodeFacts> {
  const node = await readCertified(context, view, receiptKey)
  if (node === undefined) refuseRecovery(`${receiptKey} is not a certified node`)
  if (!sameHex(node.operator, keepers.operators[shareIndex]))
    refuseRecovery(`share ${shareIndex} is not kept by ${node.operator}`)
  return node
}

/**
 * Requires that a newcomer is what the owner's policy asks for: the certified node that keeps this share, in an enclave
 * that the policy names, with evidence made for this.
 *
 * @throws {OperationError} `recovery-refused`.
 */
export async function requireNewcomer(
  context: EnclaveContext,
  view: ChainView,
  keepers: Keepers,
  asset: AssetFacts,
  asked: Newcomer,
): Promise<Bytes> {
  const { config, appraiser, chain, facts } = context
  const policy = await readPolicy(context, keepers.told, asset)
  if (policy.expiry <= view.now) refuseRecovery('the owner’s policy has expired')
  const node = await requireKeeper(context, view, keepers, asked.receiptKey, asked.shareIndex)
  if (!sameHex(policy.operators[asked.shareIndex] ?? '', node.operator))
    refuseRecovery(`the policy does not give share ${asked.shareIndex} to ${node.operator}`)
  const publicKey = parseHex(asked.sharePublicKey, 'share key')
  if (!sameHex(node.shareKeyHash, keyHash(publicKey)))
    refuseRecovery('the share key is not the one that was admitted')
  const { checkpoint, checkpointSignatures } = asked
  await chain.requireForeign(checkpoint, checkpointSignatures, view.now, attemptFreshSeconds)

  const binding = {
    receiptKey: asked.receiptKey,
    shareKeyHash: node.shareKeyHash,
    ownerNonce: messageDigest(config.domain, 'Checkpoint', checkpoint),
    asset: asked.asset,
  }
  const evidence = await judgeEvidence(appraiser, config, asked, {
    rules: [policy],
    approvals: await currentApprovals(facts, view, [policy], node.measurement),
    floor: await facts.floor(view),
    reportData: reportData(config.domain, 'KeepBinding', binding),
    receiptKey: asked.receiptKey,
    machineId: node.machineId,
    accelerator: 'none',
    now: view.now,
  })
  if (!evidence.accepted) refuseRecovery(`its evidence: ${evidence.detail}`)
  // The owner's policy may name it, and governance have withdrawn it since.
  if (!(await facts.measurementApproved(view, evidence.measurement)))
    refuseRecovery(`measurement ${evidence.measurement} is not approved any more`)
  if (Math.min(evidence.tier, node.tier) < policy.tierMin)
    refuseRecovery('its tier is below the policy’s')
  return publicKey
}

/** @throws {OperationError} `recovery-refused`, always. */
export function refuseRecovery(detail: string): never {
  throw new OperationError('recovery-refused', `Cannot re-share: ${detail}`)
}
