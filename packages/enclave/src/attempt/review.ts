import { concatBytes, encodeUtf8, OperationError, type Bytes } from '@cloister/codec'
import { keyHash, publicKeyBytes, sameHex, zeroHash } from '@cloister/protocol'
import { keyBytes, sealEnvelope } from '@cloister/seal'
import { bytesToHex, type Hex } from 'viem'

import type { EnclaveContext } from '../enclave-context.ts'
import { readWhole } from '../object-store.ts'
import { outputAad } from '../sealed-context.ts'
import type { PreparedAttempt } from './prepare-attempt.ts'

const reviewInfo = encodeUtf8('cloister/review/1')

/** An output's key as its recipient gets it, and what each owner that reviews outputs gets. */
export type ReviewedKey = {
  /** The key itself where nobody reviews; else of no use without every reviewer's part. */
  readonly forRecipient: Bytes
  readonly reviews: readonly { readonly position: number; readonly envelope: Hex }[]
}

/**
 * Keeps an output from its recipient until every owner that asked for it has looked: the recipient gets the key masked with a random
 * part for each of them, and each owner the key and its own part. Once for each grant, at the first place where it stands.
 *
 * @throws {OperationError} `object-refused`, `object-too-large` or `no-review-key`, where no store gives the key with the grant's hash.
 */
export async function maskForReview(
  { host }: Pick<EnclaveContext, 'host'>,
  { task, attempt, assets }: Pick<PreparedAttempt, 'task' | 'attempt' | 'assets'>,
  key: Bytes,
): Promise<ReviewedKey> {
  const forRecipient = key.slice()
  const reviews: { position: number; envelope: Hex }[] = []
  for (const [position, { grant, grantDigest }] of assets.entries()) {
    const first = assets.findIndex((other) => sameHex(other.grantDigest, grantDigest))
    if (sameHex(grant.reviewKeyHash, zeroHash) || first !== position) continue
    const owner = await readWhole(host, grant.reviewKeyHash, publicKeyBytes)
    if (!sameHex(keyHash(owner), grant.reviewKeyHash))
      throw new OperationError(
        'no-review-key',
        `Cannot seal for review: the object ${grant.reviewKeyHash} that the grant of asset ${position} names is no key`,
      )
    const part = crypto.getRandomValues(new Uint8Array(keyBytes))
    for (let index = 0; index < keyBytes; index++)
      forRecipient[index] = (forRecipient[index] ?? 0) ^ (part[index] ?? 0)
    const both = concatBytes(key, part)
    const aad = concatBytes(outputAad(task, attempt), Uint8Array.of(position))
    const envelope = bytesToHex(await sealEnvelope(owner, reviewInfo, aad, both))
    part.fill(0)
    both.fill(0)
    reviews.push({ position, envelope })
  }
  return { forRecipient, reviews }
}

/**
 * Asserts that what owners want to look at first leaves in the sealed output and nowhere else, before anybody releases a key for it. A
 * session answers its requester as it goes, and a federation hands its model out under orders of others too.
 *
 * @throws {OperationError} `attempt-refused`.
 */
export function requireReviewable({
  manifest,
  assets,
}: Pick<PreparedAttempt, 'manifest' | 'assets'>): void {
  if (manifest.session === undefined && manifest.kind !== 'federated') return
  // A plan is its requester's own, and so is the order that it leads.
  const reviewed = assets.findIndex(
    ({ grant, role }) => role !== 'parameters' && !sameHex(grant.reviewKeyHash, zeroHash),
  )
  if (reviewed < 0) return
  throw new OperationError(
    'attempt-refused',
    `Cannot run this attempt: the owner of asset ${reviewed} reviews outputs, and ${manifest.name} lets more out than its output`,
  )
}
