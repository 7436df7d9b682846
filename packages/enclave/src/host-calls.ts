import type { NvidiaCollateral, NvidiaEvidence } from '@cloister/attest'
import { OperationError, type Bytes, type Json } from '@cloister/codec'
import {
  addressField,
  booleanField,
  bytes32Field,
  deviceCollateralField,
  deviceEvidenceField,
  handoverField,
  hexBetween,
  hexField,
  integerField,
  jsonField,
  limits,
  listField,
  messageField,
  nodeEvidenceField,
  objectField,
  orNull,
  publicKeyBytes,
  signatureField,
  type FieldValue,
  type NodeEvidence,
  type Peer,
} from '@cloister/protocol'
import type { Address, Hex } from 'viem'

const checkpointAnswer = objectField({
  checkpoint: messageField('Checkpoint'),
  signatures: listField(signatureField, limits.committeeMembersMax),
  headers: listField(hexBetween(1, limits.headerBytesMax), limits.headersMax, 1),
  handovers: listField(handoverField, limits.handoversMax),
})
const proofNodes = listField(hexBetween(1, limits.proofNodeBytesMax), limits.proofNodesMax)
const proofAnswer = objectField({
  accountProof: proofNodes,
  storageProofs: listField(
    objectField({ slot: bytes32Field, proof: proofNodes }),
    limits.proofSlotsMax,
  ),
})
const orderAnswer = objectField({
  order: messageField('Order'),
  grants: listField(messageField('Grant'), limits.listMax, 1),
  grantSignatures: listField(hexBetween(65, 4096), limits.listMax, 1),
  manifest: jsonField,
})
const keepersAnswer = objectField({
  salt: bytes32Field,
  commitments: listField(bytes32Field, 3, 3),
  operators: listField(addressField, 3, 3),
  threshold: integerField(2, 2),
  policy: orNull(messageField('KeeperPolicy')),
  policySignature: orNull(hexBetween(65, 4096)),
  nodes: listField(
    objectField({
      operator: addressField,
      receiptKey: addressField,
      sharePublicKey: hexField(publicKeyBytes),
    }),
    16,
  ),
})
const notesAnswer = objectField({ notes: listField(jsonField, 64) })
const coordinatorAnswer = objectField({
  coordinator: orNull(objectField({ task: bytes32Field, attempt: integerField(1, 0xffff_ffff) })),
})
const storeAnswer = objectField({ size: integerField(0, Number.MAX_SAFE_INTEGER) })

/** What the host answers to `chain.checkpoint`. Nothing of it is believed yet. */
export type CheckpointAnswer = FieldValue<typeof checkpointAnswer>
/** What the host answers to `chain.proof`. Nothing of it is believed yet. */
export type ProofAnswer = FieldValue<typeof proofAnswer>
/** What the host answers to `chain.order`. Nothing of it is believed yet. */
export type OrderAnswer = FieldValue<typeof orderAnswer>
/** What the host answers to `chain.keepers`. Nothing of it is believed yet. */
export type KeepersAnswer = FieldValue<typeof keepersAnswer>
/** What an enclave asks of another keeper's enclave, through both hosts. */
export type KeeperMethod =
  | 'release'
  | 'countersign'
  | 'recovery.blind'
  | 'recovery.part'
  | 'recovery.witness'

/** Bytes of one part of an object, on the way in or out. */
export const partBytes: number = 1 << 20

/**
 * What this enclave asks its host for: bytes in the right shape and of bounded size, after a bounded wait. No answer is
 * believed for what it says. Spec: docs/protocol.md section 10.
 */
export class HostCalls {
  readonly #peer: Pick<Peer, 'request'>

  constructor(peer: Pick<Peer, 'request'>) {
    this.#peer = peer
  }

  async checkpoint(nonce: Hex): Promise<CheckpointAnswer> {
    const { result } = await this.#peer.request('chain.checkpoint', { nonce })
    return checkpointAnswer.parse(result, 'chain.checkpoint')
  }

  async proof(height: bigint, account: Address, slots: readonly Hex[]): Promise<ProofAnswer> {
    const params = { height: height.toString(), account: account.toLowerCase(), slots }
    const { result } = await this.#peer.request('chain.proof', params)
    return proofAnswer.parse(result, 'chain.proof')
  }

  async order(task: Hex): Promise<OrderAnswer> {
    const { result } = await this.#peer.request('chain.order', { task })
    return orderAnswer.parse(result, 'chain.order')
  }

  async keepers(asset: Hex): Promise<KeepersAnswer> {
    const { result } = await this.#peer.request('chain.keepers', { asset })
    return keepersAnswer.parse(result, 'chain.keepers')
  }

  /** Asks the keeper that `operator` runs. It may be dead, slow or lying. */
  async keeper(operator: Address, method: KeeperMethod, body: Json): Promise<Json> {
    const params = { operator: operator.toLowerCase(), method, body }
    const waiting = { timeoutMilliseconds: 60_000 }
    return (await this.#peer.request('keeper.call', params, waiting)).result
  }

  /** The vendor's documents that this enclave's own evidence is judged by. */
  async collateral(evidence: NodeEvidence): Promise<Json> {
    const params = { evidence: nodeEvidenceField.encode(evidence) }
    return (await this.#peer.request('collateral', params)).result
  }

  /** NVIDIA's documents that evidence of this machine's GPUs is judged by. */
  async deviceCollateral(evidence: readonly NvidiaEvidence[]): Promise<NvidiaCollateral> {
    const params = { evidence: deviceEvidenceField.encode(evidence) }
    const { result } = await this.#peer.request('collateral.devices', params)
    return deviceCollateralField.parse(result, 'collateral.devices')
  }

  /** Returns once the entry is on the host's disk, as the host says. */
  async journal(entry: Json): Promise<void> {
    await this.#peer.request('journal.append', { entry })
  }

  /** Whether the host's journal holds an entry, as the host says. */
  async journalHolds(entry: Json): Promise<boolean> {
    const { result } = await this.#peer.request('journal.holds', { entry })
    return objectField({ held: booleanField }).parse(result, 'journal.holds').held
  }

  /** Has the host keep a sealed state in place of the one before. Returns once it is on the host's disk, as the host says. */
  async keepSealed(counter: bigint, sealed: Bytes): Promise<void> {
    await this.#peer.request('sealed.put', { counter: counter.toString() }, { bytes: sealed })
  }

  /** The sealed state that the host shows: the newest, an older one, anything, or nothing. */
  async sealed(): Promise<Bytes | undefined> {
    const { bytes } = await this.#peer.request('sealed.get', {})
    return bytes.length === 0 ? undefined : bytes
  }

  /** Tells how far an attempt is. It does not matter whether anybody listens. */
  progress(task: Hex, phase: string): void {
    this.#peer.request('progress', { task, phase }).catch(() => undefined)
  }

  /** Gives a note of a federation to be carried to another task's enclave. */
  async sendNote(note: Json): Promise<void> {
    await this.#peer.request('federation.send', { note })
  }

  /** Notes for a task of this node that were not taken yet. */
  async takeNotes(task: Hex, attempt: number, waitMilliseconds: number): Promise<readonly Json[]> {
    const params = { task, attempt, waitMilliseconds: Math.ceil(waitMilliseconds) }
    const { result } = await this.#peer.request('federation.take', params)
    return notesAnswer.parse(result, 'federation.take').notes
  }

  /** Which task leads the federation of a plan, as the host says: only where a hello is sent. */
  async coordinator(app: Hex, plan: Hex) {
    const { result } = await this.#peer.request('federation.coordinator', { app, plan })
    return coordinatorAnswer.parse(result, 'federation.coordinator').coordinator
  }

  async part(digest: Hex, offset: number, length: number) {
    const params = { digest: digest.slice(2), offset, length }
    const { result, bytes } = await this.#peer.request('store.get', params)
    const { size } = storeAnswer.parse(result, 'store.get')
    if (bytes.length !== Math.min(length, Math.max(size - offset, 0)))
      throw new OperationError(
        'store-failed',
        `Cannot read object ${digest} at byte ${offset}: got ${bytes.length} bytes of ${length}`,
        { retryable: true },
      )
    return { size, bytes }
  }

  async putPart(upload: string, offset: number, bytes: Bytes, last: Hex | undefined) {
    const digest = last === undefined ? null : last.slice(2)
    const params = { upload, offset, last: last !== undefined, digest }
    await this.#peer.request('store.put', params, { bytes })
  }
}
