import { concatBytes, OperationError, parseHex, type Bytes } from '@cloister/codec'
import {
  checkOrder,
  checkOrderGrants,
  limits,
  parseBundle,
  sameHex,
  type Accelerator,
} from '@cloister/protocol'
import type { Hex } from 'viem'

import { requireCommittee } from '../chain/require-committee.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import type { HostCalls } from '../host-calls.ts'
import type { AttemptEvidence } from '../keeper/attempt-request.ts'
import { judgeAttemptEvidence } from '../keeper/judge-request.ts'
import { requireCurrent } from '../keeper/require-asker.ts'
import { readObject } from '../object-store.ts'
import type { Party } from './channel.ts'

/** The order that this enclave works for: of which federation it is. */
export type OwnPlace = {
  readonly app: Hex
  readonly accelerator: Accelerator
  readonly plan: Hex
  /** The digest of the grant under which this attempt got the plan: who has the same is of the same federation. */
  readonly planGrant: Hex
}

// How much older than this enclave's own view the evidence of another may be: it came first, and waited.
const peerFreshSeconds = 3600n

/**
 * Whom an evidence bundle shows to be of the same federation. It is what a keeper asks before it releases a share of the plan: the
 * chain runs this attempt of this order on this node, now; the evidence binds it to the fresh key; the runtime is approved;
 * every grant of the order accepts its TEE.
 *
 * @throws {OperationError} `peer-refused`, and those of the chain view. Spec: docs/federated.md, "Attested channels".
 */
export async function judgePeer(
  context: EnclaveContext,
  { app, accelerator, plan, planGrant }: OwnPlace,
  digest: Hex,
): Promise<Party> {
  const { config, chain, facts, host } = context
  const bundle = parseBundle(await readWhole(host, digest, limits.bundleBytesMax))
  const { order } = bundle
  if (!sameHex(order.app, app)) throw refused('its order is for another app')
  const place = order.assets.findIndex((asset) => sameHex(asset, plan))
  if (place < 0 || !sameHex(order.grants[place] ?? '', planGrant))
    throw refused('its order has not this plan under this grant')
  const [problem] = [...checkOrder(order), ...checkOrderGrants(config.domain, order, bundle.grants)]
  if (problem !== undefined) throw refused(`${problem.field}: ${problem.detail}`)

  const view = await chain.freshFor(bundle.checkpoint, bundle.checkpointSignatures)
  await requireCommittee(context, view)
  const task = await requireCurrent(context, view, bundle)
  const node = await facts.node(view, task.node)
  if (node === undefined || node.retired || node.expiry <= view.now)
    throw refused('its node is not certified')
  const evidence = await judgeAttemptEvidence(
    context,
    view,
    bundle,
    node,
    { accelerator },
    peerFreshSeconds,
  )
  if (!evidence.accepted) throw refused(evidence.detail)
  const approved = await facts.approved(view, order.app, evidence.measurement)
  if (!approved.app || !approved.measurement) throw refused('its app or runtime is not approved')
  return partyOf(bundle, digest)
}

/** An enclave of a federation, as its evidence bundle shows it once it was judged. */
export function partyOf({ binding, order, freshPublicKey }: AttemptEvidence, bundle: Hex): Party {
  return {
    task: binding.task,
    attempt: binding.attempt,
    role: order.assets.length === 1 ? 'coordinator' : 'member',
    receiptKey: binding.receiptKey,
    freshPublicKey: bytesOf(freshPublicKey),
    bundle,
  }
}

/** A small object, whole, held against its digest. @throws {OperationError} `object-refused`, `object-too-large`. */
export async function readWhole(host: HostCalls, digest: Hex, bytesMax: number): Promise<Bytes> {
  const pieces: Bytes[] = []
  for await (const piece of readObject(host, digest, bytesMax)) pieces.push(piece)
  return concatBytes(...pieces)
}

function bytesOf(hex: Hex): Bytes {
  return parseHex(hex, 'fresh key')
}

function refused(detail: string): OperationError {
  return new OperationError('peer-refused', `Cannot trust another enclave: ${detail}`)
}
