import { OperationError, type Bytes } from '@cloister/codec'
import { encodeBundle, type Accelerator } from '@cloister/protocol'
import type { Hex } from 'viem'

import type { AppResult } from '../drivers/driver.ts'
import type { EnclaveContext } from '../enclave-context.ts'
import { Channel } from '../federation/channel.ts'
import { coordinate } from '../federation/coordinator.ts'
import { clipToNorm } from '../federation/fixed-point.ts'
import { judgePeer, partyOf, readWhole } from '../federation/judge-peer.ts'
import { takePart } from '../federation/member.ts'
import { parseFederatedPlan, type FederatedPlan } from '../federation/plan.ts'
import { writeObject } from '../object-store.ts'
import type { Lease } from './lease.ts'
import type { PreparedAttempt } from './prepare-attempt.ts'
import type { Shown } from './shown-evidence.ts'

/** What the engine does for a federation, each in a sandbox of its own. */
export type FederatedEngine = {
  /** The weights that a plan begins with. */
  readonly initial: (parameters: Bytes) => Promise<Float32Array>
  /** Trains from `weights` over the rows of this attempt's data. */
  readonly update: (
    parameters: Bytes,
    weights: Float32Array,
    round: number,
  ) => Promise<{ readonly weights: Float32Array; readonly rows: number }>
  /** What an app of this kind hands out: the model that `weights` make. */
  readonly assemble: (parameters: Bytes, weights: Float32Array) => Promise<AppResult>
}

// Weights, and what a sealed object adds to them.
const contentBytesMax = 80 * 2 ** 20

/**
 * Runs an attempt of a federated app: as the coordinator where the plan is its only asset, else as a member. Both end with the
 * model; the coordinator's is the last one, a member's the one that it began its last round with.
 *
 * @throws {OperationError} `federation-failed`. @throws {MalformedError} where the plan can't be read.
 */
export async function runFederated(
  context: EnclaveContext,
  { prepared, evidence, freshKey }: Shown,
  given: { readonly plan: Bytes; readonly engine: FederatedEngine; readonly lease: Lease },
): Promise<AppResult> {
  const plan = parseFederatedPlan(given.plan)
  const place = placeOf(prepared)
  const { host, config, identity } = context
  const bundle = await writeObject(host, encodeBundle({ ...evidence, releases: [] }))
  const own = partyOf(evidence, bundle)
  const channel = new Channel(
    {
      deployment: config.deployment,
      plan: place.plan,
      own,
      freshKey,
      sign: (digest) => identity.signDigest(digest),
      mail: {
        send: (_to, note) => host.sendNote(note),
        take: (milliseconds) => host.takeNotes(own.task, own.attempt, milliseconds),
      },
      objects: {
        read: (digest, bytesMax) => readWhole(host, digest, bytesMax),
        write: (bytes) => writeObject(host, bytes),
      },
      judge: (digest) => judgePeer(context, place, digest),
      clock: () => performance.now(),
      refused: (detail) => host.progress(own.task, `note refused: ${detail}`),
    },
    contentBytesMax,
  )
  const { engine, lease } = given
  const known = { context, prepared, channel, plan, place, engine, lease }
  return own.role === 'coordinator' ? lead(known) : follow(known)
}

type Given = {
  readonly context: EnclaveContext
  readonly prepared: PreparedAttempt
  readonly channel: Channel
  readonly plan: FederatedPlan
  readonly place: ReturnType<typeof placeOf>
  readonly engine: FederatedEngine
  readonly lease: Lease
}

async function lead({ context, prepared, channel, plan, engine }: Given): Promise<AppResult> {
  const { federation, parameters } = plan
  const result = await coordinate({
    channel,
    federation,
    initial: await engine.initial(parameters),
    onRound: (round, updates) =>
      context.host.progress(
        prepared.task,
        `round ${round} of ${federation.rounds}: ${updates} updates`,
      ),
  })
  return engine.assemble(parameters, result.weights)
}

async function follow({ context, channel, plan, place, engine, lease }: Given) {
  const { federation, parameters } = plan
  const initial = await engine.initial(parameters)
  let last = initial
  // How much a member counts is known once it has trained, and is the same in each round.
  await takePart({
    channel,
    plan: place.plan,
    federation,
    weights: initial.length,
    train: async (weights, round) => {
      last = weights
      const trained = await engine.update(parameters, weights, round)
      const change = trained.weights.map((value, index) => value - (weights[index] ?? 0))
      return {
        change: clipToNorm(change, federation.clipNorm),
        weight: Math.min(1, trained.rows / federation.rowsMax),
      }
    },
    coordinator: () => context.host.coordinator(place.app, place.plan),
    checkLease: () => lease.require(),
  })
  return engine.assemble(parameters, last)
}

// The plan is the last asset of every order of a federated app, and its grant says which federation it is.
function placeOf({ order, assets, manifest }: PreparedAttempt): {
  readonly app: Hex
  readonly plan: Hex
  readonly planGrant: Hex
  readonly accelerator: Accelerator
} {
  const last = assets.at(-1)
  if (last?.role !== 'parameters')
    throw new OperationError('attempt-refused', 'Cannot run this attempt: its order has no plan')
  const { accelerator } = manifest
  return { app: order.app, accelerator, plan: last.asset, planGrant: last.grantDigest }
}
