import type { EnvelopeKeyPair, EnvelopePrivateKey } from '@cloister/seal'
import type { Hex } from 'viem'

import type { Client } from '../client.ts'
import { placeOrder, type PlaceOptions, type PreparedOrder } from '../order.ts'
import { findSession, type FindSessionOptions } from './find-session.ts'
import { InferenceSession } from './session.ts'
import { verifySession, type SessionDemand } from './verify-session.ts'

/** How a session is opened. */
export type OpenSessionOptions = FindSessionOptions & { readonly demand?: SessionDemand }

/**
 * Opens a session of a placed order: finds its node by the chain, waits for its enclave, verifies its evidence, and only then speaks.
 *
 * @throws {OperationError} `task-unknown`, `session-unready`, `session-ended`, `session-refused`, `wrong-key`, `chain-down`.
 */
export async function openSession(
  client: Client,
  task: Hex,
  recipient: EnvelopeKeyPair | EnvelopePrivateKey,
  options: OpenSessionOptions = {},
): Promise<InferenceSession> {
  client.onProgress({ step: 'session', detail: `waiting for the node of task ${task}` })
  const { place, status } = await findSession(client, task, options)
  client.onProgress({ step: 'evidence', detail: `of ${place.url}` })
  const verified = await verifySession(client, place, status, options.demand)
  return InferenceSession.open(client, verified, recipient)
}

/** Places an order and opens its session. @throws {OperationError} as {@link placeOrder} and {@link openSession}. */
export async function orderSession(
  client: Client,
  prepared: PreparedOrder,
  recipient: EnvelopeKeyPair | EnvelopePrivateKey,
  options: OpenSessionOptions & PlaceOptions = {},
): Promise<InferenceSession> {
  const { task } = await placeOrder(client, prepared, options)
  return openSession(client, task, recipient, options)
}
