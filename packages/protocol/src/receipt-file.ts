import { canonicalJson, encodeUtf8, MalformedError, parseUtf8, type Bytes } from '@cloister/codec'

import { bundleField, chainProofsField } from './bundle.ts'
import { handoverField, quorum } from './committee.ts'
import type { Deployment } from './deployment.ts'
import {
  addressField,
  bytes32Field,
  decimalField,
  integerField,
  listField,
  objectField,
  oneOf,
  parseField,
  signatureField,
  type Field,
  type FieldValue,
} from './fields.ts'
import { limits } from './limits.ts'
import { messageField } from './message-json.ts'

const three = <T>(field: Field<T>) => listField(field, 3, 3)

const receiptFile = objectField({
  format: oneOf('cloister-receipt/1'),
  deployment: bytes32Field,
  receipt: messageField('Receipt'),
  receiptSignature: signatureField,
  posting: messageField('Posting'),
  operatorSignature: signatureField,
  bundle: bundleField,
  shares: listField(
    objectField({
      commitments: three(bytes32Field),
      operators: three(addressField),
      threshold: integerField(2, 3),
    }),
    limits.assetsMax,
    1,
  ),
  judgement: objectField({
    epoch: decimalField(64),
    vote: messageField('Vote'),
    signatures: listField(signatureField, limits.committeeMembersMax),
  }),
  handovers: listField(handoverField, limits.handoversMax),
  checkpoint: messageField('Checkpoint'),
  checkpointSignatures: listField(signatureField, limits.committeeMembersMax),
  proofs: chainProofsField,
})

/**
 * Everything that shows one settled or accepted task to be what its receipt says, checkable offline
 * with nothing but the deployment's manifest. Spec: docs/protocol.md section 13.
 */
export type ReceiptFile = FieldValue<typeof receiptFile>

/** How a {@link ReceiptFile} stands in JSON. */
export const receiptFileField: Field<ReceiptFile> = receiptFile

/** A receipt file's bytes: canonical JSON. @throws {MalformedError} past 16 MiB. */
export function encodeReceiptFile(file: ReceiptFile): Bytes {
  const bytes = encodeUtf8(canonicalJson(receiptFile.encode(file)))
  checkSize(bytes)
  return bytes
}

/**
 * Reads a receipt file: exact keys, every length checked. Nothing in it is believed yet.
 *
 * @throws {MalformedError} naming the place, such as `receipt file.judgement.vote.task`.
 */
export function parseReceiptFile(bytes: Uint8Array): ReceiptFile {
  checkSize(bytes)
  return parseField(receiptFile, parseUtf8(bytes, 'receipt file'), 'receipt file', {
    charactersMax: limits.receiptFileBytesMax,
    depthMax: limits.jsonDepthMax,
  })
}

/**
 * A receipt file whose every list of committee signatures is cut to a quorum. Files stand like that,
 * so that nothing can be taken away from one, or added, without its facts falling.
 */
export function trimReceiptFile(file: ReceiptFile, deployment: Deployment): ReceiptFile {
  const sets = [deployment.genesisCommittee, ...file.handovers]
  const needed = (epoch: bigint) =>
    quorum(sets.find((set) => set.epoch === epoch)?.members.length ?? limits.committeeMembersMax)
  return {
    ...file,
    judgement: {
      ...file.judgement,
      signatures: file.judgement.signatures.slice(0, needed(file.judgement.epoch)),
    },
    handovers: file.handovers.map((handover) => ({
      ...handover,
      signatures: handover.signatures.slice(0, needed(handover.epoch - 1n)),
    })),
    checkpointSignatures: file.checkpointSignatures.slice(0, needed(file.checkpoint.committee)),
  }
}

function checkSize(bytes: Uint8Array): void {
  if (bytes.length > limits.receiptFileBytesMax)
    throw new MalformedError(
      'receipt file',
      0,
      `${bytes.length} bytes, at most ${limits.receiptFileBytesMax} are read`,
    )
}
