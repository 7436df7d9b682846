import { OperationError } from '@cloister/codec'
import type { AppManifest, AppRole } from '@cloister/learn'
import {
  checkOrder,
  checkOrderGrants,
  messageDigest,
  releaseKeysOf,
  sameHex,
  signerOf,
  replicaOf,
  replicaWei,
  taskOf,
  type Grant,
  type Order,
} from '@cloister/protocol'
import type { Hex } from 'viem'

import { readAppManifest } from '../app-manifest.ts'
import type { ChainView } from '../chain/chain-view.ts'
import type { AssetFacts } from '../chain/facts.ts'
import { requireCommittee } from '../chain/require-committee.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { readKeepers, type Keepers } from '../keeper/keepers.ts'
import { isCurrent } from '../keeper/require-asker.ts'

/** One input of an attempt, as the chain has it. */
export type AttemptAsset = {
  readonly asset: Hex
  readonly facts: AssetFacts
  readonly keepers: Keepers
  readonly grant: Grant
  readonly grantDigest: Hex
  readonly role: AppRole
  readonly bytesMax: number
}

/** An attempt that this enclave is to run, checked against a fresh view of the chain. */
export type PreparedAttempt = {
  readonly task: Hex
  readonly attempt: number
  readonly view: ChainView
  readonly order: Order
  /** What a plain task costs: the order's fee, or this replica's part of it. */
  readonly offeredWei: bigint
  readonly orderDigest: Hex
  readonly grants: readonly Grant[]
  readonly grantSignatures: readonly Hex[]
  readonly manifest: AppManifest
  readonly assets: readonly AttemptAsset[]
  /** The smallest output limit of its grants. */
  readonly outputBytesMax: number
  /** The largest least number of rows that its grants ask for. */
  readonly recordsMin: number
  /** Seconds from the view to the attempt's deadline. */
  readonly secondsLeft: number
}

/**
 * Reads everything about an attempt and checks it: the chain runs it here, on this key, with these assets and grants.
 *
 * @throws {OperationError} `attempt-refused`, saying what does not hold; retryable while the draw is not deep enough.
 */
export async function prepareAttempt(
  context: EnclaveContext,
  task: Hex,
  attempt: number,
): Promise<PreparedAttempt> {
  const { config, facts, host, identity } = context
  const { order, grants, grantSignatures, manifest: given } = await host.order(task)
  const { orderDigest, task: ordered } = taskOf(config.domain, order)
  const replica = replicaOf(config.domain, order, task)
  if (replica === undefined) refuse(`the host’s order makes task ${ordered}`)
  const { view, deadline } = await waitForDraw(context, task, orderDigest, attempt)
  const [problem] = [...checkOrder(order), ...checkOrderGrants(config.domain, order, grants)]
  if (problem !== undefined) refuse(`${problem.field}: ${problem.detail}`)
  // Or keepers would refuse what this enclave signs, for what its own host told it.
  for (const [index, grant] of grants.entries()) {
    const digest = messageDigest(config.domain, 'Grant', grant)
    if (!sameHex(grant.owner, await signerOf(digest, grantSignatures[index] ?? '0x')))
      refuse(`the host’s signature of grants[${index}] is not its owner’s`)
  }
  const manifest = readAppManifest(order.app, given)
  const node = await facts.node(view, identity.receiptKey)
  if (!sameHex(node?.machineId ?? '', identity.machineId))
    refuse('this machine is not the one that was admitted')
  await facts.approved(view, order.app, identity.measurement)
  await facts.floor(view)

  // Read for the proof that goes with the evidence, as revocations are below.
  await facts.approvedUntil(view, releaseKeysOf(grants), identity.measurement)

  const roles = rolesOf(manifest, order.assets.length)
  const assets: AttemptAsset[] = []
  for (const [index, asset] of order.assets.entries()) {
    const grant = grants[index]
    const place = roles[index]
    if (grant === undefined || place === undefined) refuse(`asset ${asset} has no grant or role`)
    assets.push(await prepareAsset(context, view, asset, grant, place))
  }
  const outputBytesMax = Math.min(...grants.map((grant) => grant.outputBytesMax))
  return {
    task,
    attempt,
    view,
    order,
    offeredWei: replicaWei(order, replica),
    orderDigest,
    grants,
    grantSignatures,
    manifest,
    assets,
    outputBytesMax,
    recordsMin: Math.max(...grants.map((grant) => grant.recordsMin)),
    secondsLeft: Number(deadline - view.now),
  }
}

// The draw has to lie as deep as keepers will look for it: some blocks are waited for.
async function waitForDraw(
  context: EnclaveContext,
  task: Hex,
  orderDigest: Hex,
  attempt: number,
): Promise<{ readonly view: ChainView; readonly deadline: bigint }> {
  const { config, chain, facts, identity } = context
  const wanted = { attempt, receiptKey: identity.receiptKey }
  let view = await chain.fresh()
  for (let waited = 0; waited <= config.depth; waited++) {
    await requireCommittee(context, view)
    const known = await facts.task(view, task, 'head')
    if (!isCurrent(known, wanted, orderDigest, view.now))
      refuse('the chain does not run it on this node')
    if (isCurrent(await facts.task(view, task, 'deep'), wanted, orderDigest, view.now))
      return { view, deadline: known.deadline }
    view = await chain.fresh(view.checkpoint.height + 1n)
  }
  return refuse(`it was drawn less than ${config.depth} blocks ago`, true)
}

async function prepareAsset(
  context: EnclaveContext,
  view: ChainView,
  asset: Hex,
  grant: Grant,
  place: { readonly role: AppRole; readonly bytesMax: number },
): Promise<AttemptAsset> {
  const { config, facts } = context
  const assetFacts = await facts.asset(view, asset)
  const grantDigest = messageDigest(config.domain, 'Grant', grant)
  // Read for the proof that goes with the evidence; keepers decide.
  await facts.grantRevoked(view, assetFacts.owner, grantDigest, grant.nonce)
  const keepers = await readKeepers(context, asset, assetFacts)
  return { asset, facts: assetFacts, keepers, grant, grantDigest, ...place }
}

/**
 * Which input of the app each asset of an order is: they stand in the manifest's order, and what is left over belongs to
 * the one input that may be there several times.
 *
 * @throws {OperationError} `attempt-refused`, where the count does not fit.
 */
export function rolesOf(
  manifest: AppManifest,
  count: number,
): readonly { readonly role: AppRole; readonly bytesMax: number }[] {
  const least = manifest.inputs.reduce((sum, { countMin }) => sum + countMin, 0)
  let spare = count - least
  const roles = manifest.inputs.flatMap(({ role, bytesMax, countMin, countMax }) => {
    const more = Math.max(0, Math.min(spare, countMax - countMin))
    spare -= more
    return Array.from({ length: countMin + more }, () => ({ role, bytesMax }))
  })
  if (spare !== 0 || roles.length !== count)
    refuse(`app ${manifest.name} does not take ${count} inputs`)
  return roles
}

function refuse(detail: string, retryable = false): never {
  throw new OperationError('attempt-refused', `Cannot run this attempt: ${detail}`, { retryable })
}
