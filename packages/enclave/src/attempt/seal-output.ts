import { canonicalJson, concatBytes, encodeUtf8, OperationError, type Bytes } from '@cloister/codec'
import { keyHash, publicKeyBytes, sameHex } from '@cloister/protocol'
import { keyBytes, seal, sealEnvelope } from '@cloister/seal'
import { bytesToHex } from 'viem'

import type { EnclaveContext } from '../enclave-context.ts'
import { readObject } from '../object-store.ts'
import { outputAad, outputContext, u32be } from '../sealed-context.ts'
import type { PreparedAttempt } from './prepare-attempt.ts'
import type { AppResult } from '../drivers/driver.ts'
import { appFailed } from './run-app.ts'

const outputInfo = encodeUtf8('cloister/output/1')

/**
 * Seals what an app gave to the order's recipient, and to nobody else.
 *
 * @throws {OperationError} `app-failed`, past the least that any grant allows. `wrong-recipient`.
 */
export async function sealOutput(
  { host }: Pick<EnclaveContext, 'host'>,
  { task, attempt, order, outputBytesMax }: PreparedAttempt,
  { outputs, metrics }: AppResult,
): Promise<Bytes> {
  const size = outputs.reduce((sum, { bytes }) => sum + bytes.length, 0)
  if (size > outputBytesMax) throw appFailed()
  const recipient = await collect(readObject(host, order.recipientKeyHash, publicKeyBytes))
  if (!sameHex(keyHash(recipient), order.recipientKeyHash))
    throw new OperationError('wrong-recipient', 'Cannot seal to a key that the order does not name')

  const listed = outputs.map(({ name, bytes }) => ({ name, size: bytes.length }))
  const text = encodeUtf8(canonicalJson({ metrics, outputs: listed }))
  const plain = concatBytes(u32be(text.length), text, ...outputs.map(({ bytes }) => bytes))
  const key = crypto.getRandomValues(new Uint8Array(keyBytes))
  try {
    const aad = outputAad(task, attempt)
    const header = encodeUtf8(
      canonicalJson({
        attempt,
        envelope: bytesToHex(await sealEnvelope(recipient, outputInfo, aad, key)),
        format: 'cloister-output/1',
        task,
      }),
    )
    const sealed = await seal(key, outputContext(task, attempt), plain)
    return concatBytes(u32be(header.length), header, sealed)
  } finally {
    key.fill(0)
    plain.fill(0)
    for (const { bytes } of outputs) bytes.fill(0)
  }
}

async function collect(source: AsyncIterable<Bytes>): Promise<Bytes> {
  const parts: Bytes[] = []
  for await (const part of source) parts.push(part)
  return concatBytes(...parts)
}
