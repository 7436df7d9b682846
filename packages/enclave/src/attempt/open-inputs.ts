import { concatBytes, type Bytes } from '@cloister/codec'
import { combineShares, openStream, sealedSize } from '@cloister/seal'

import type { EnclaveContext } from '../enclave-context.ts'
import type { EngineInput } from '../engine/messages.ts'
import { readObject } from '../object-store.ts'
import { assetContext } from '../sealed-context.ts'
import type { AttemptAsset } from './prepare-attempt.ts'

/**
 * Fetches a sealed asset by its digest and opens it with the key that its shares give.
 *
 * @throws {OperationError} `object-refused`, `object-too-large`, or of the seal package; no byte of it is in the message.
 */
export async function openInput(
  { host }: Pick<EnclaveContext, 'host'>,
  { facts, keepers, role, bytesMax }: AttemptAsset,
  shares: readonly Bytes[],
): Promise<EngineInput> {
  const key = await combineShares(shares)
  const parts: Bytes[] = []
  try {
    const sealed = readObject(host, facts.root, sealedSize(bytesMax))
    for await (const part of openStream(key, assetContext(facts.owner, keepers.salt), sealed))
      parts.push(part)
    return { role, bytes: concatBytes(...parts) }
  } finally {
    key.fill(0)
    for (const part of parts) part.fill(0)
  }
}

/** Overwrites opened inputs once the app has them. */
export function wipe(inputs: readonly EngineInput[]): void {
  for (const { bytes } of inputs) bytes.fill(0)
}
