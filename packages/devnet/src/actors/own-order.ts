import { OperationError } from '@cloister/codec'
import {
  generateEnvelopeKeyPair,
  openOutput,
  placeOrder,
  preflightOrder,
  prepareOrder,
  serializeEnvelopePrivateKey,
  type OrderTerms,
} from '@cloister/sdk'
import type { Hex } from 'viem'

import type { Actor } from './actor.ts'
import { publish } from './public-files.ts'

/** Orders with a fresh recipient key, whose private half stays in the actor's folder, and looks first whether it can work. */
export async function placeOwnOrder(
  { client, write, publicFolder }: Actor<unknown>,
  terms: Omit<OrderTerms, 'recipientPublicKey'>,
) {
  const recipient = await generateEnvelopeKeyPair({ extractable: true })
  const order = await prepareOrder(client, { ...terms, recipientPublicKey: recipient.publicKey })
  write(recipientFile(order.task), await serializeEnvelopePrivateKey(recipient.privateKey))
  const preflight = await preflightOrder(client, order)
  if (preflight.problems.length > 0)
    throw new OperationError(
      'order-refused',
      preflight.problems.map(({ detail }) => detail).join('; '),
    )
  const { task, transaction } = await placeOrder(client, order)
  publish(publicFolder, `orders/${terms.app.manifest.name}`, task)
  return { task, feeWei: order.order.feeWei.toString(), transaction: transaction ?? null }
}

/** The private half of the key that a task's output is sealed to. */
export function openPrivateKey(
  { read }: Actor<unknown>,
  task: Hex,
): Parameters<typeof openOutput>[0] {
  return new Uint8Array(read(recipientFile(task)))
}

function recipientFile(task: Hex): string {
  return `recipient-${task.slice(2, 10)}.key`
}
