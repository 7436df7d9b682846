import { canonicalJson, concatBytes, encodeUtf8, OperationError, type Bytes } from '@cloister/codec'
import { keyHash, publicKeyBytes, sameHex } from '@cloister/protocol'
import { keyBytes, seal, sealEnvelope } from '@cloister/seal'
import { bytesToHex, type Hex } from 'viem'

import type { AppResult } from '../drivers/driver.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { readWhole } from '../object-store.ts'
import { outputAad, outputContext, u32be } from '../sealed-context.ts'
import { commitOutput, type CommitmentKey } from './output-commitment.ts'
import type { PreparedAttempt } from './prepare-attempt.ts'
import { maskForReview } from './review.ts'
import { appFailed } from './run-app.ts'

const outputInfo = encodeUtf8('cloister/output/1')

/** A sealed output, and the commitment to what is in it. */
export type SealedOutput = { readonly sealed: Bytes; readonly commitment: Hex }

/**
 * Seals what an app gave to the order's recipient, and to nobody else; where owners review outputs, so that the recipient can open it
 * only with their approvals.
 *
 * @throws {OperationError} `app-failed`, past the least that any grant allows. `wrong-recipient`, `no-review-key`.
 */
export async function sealOutput(
  context: Pick<EnclaveContext, 'host'>,
  prepared: Pick<PreparedAttempt, 'task' | 'attempt' | 'order' | 'outputBytesMax' | 'assets'>,
  { outputs, metrics }: AppResult,
  committing: CommitmentKey,
): Promise<SealedOutput> {
  const { task, attempt, order, outputBytesMax } = prepared
  const size = outputs.reduce((sum, { bytes }) => sum + bytes.length, 0)
  if (size > outputBytesMax) throw appFailed()
  const recipient = await readWhole(context.host, order.recipientKeyHash, publicKeyBytes)
  if (!sameHex(keyHash(recipient), order.recipientKeyHash))
    throw new OperationError('wrong-recipient', 'Cannot seal to a key that the order does not name')

  const listed = outputs.map(({ name, bytes }) => ({ name, size: bytes.length }))
  const text = encodeUtf8(canonicalJson({ metrics, outputs: listed }))
  const plain = concatBytes(u32be(text.length), text, ...outputs.map(({ bytes }) => bytes))
  const key = crypto.getRandomValues(new Uint8Array(keyBytes))
  const { forRecipient, reviews } = await maskForReview(context, prepared, key)
  try {
    const aad = outputAad(task, attempt)
    const header = encodeUtf8(
      canonicalJson({
        attempt,
        envelope: bytesToHex(await sealEnvelope(recipient, outputInfo, aad, forRecipient)),
        format: 'cloister-output/2',
        reviews,
        task,
      }),
    )
    const sealed = await seal(key, outputContext(task, attempt), plain)
    return {
      sealed: concatBytes(u32be(header.length), header, sealed),
      commitment: await commitOutput(committing, plain),
    }
  } finally {
    key.fill(0)
    forRecipient.fill(0)
    plain.fill(0)
    for (const { bytes } of outputs) bytes.fill(0)
  }
}
