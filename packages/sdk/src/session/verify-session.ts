import { appraise } from '@cloister/attest'
import { parseHex } from '@cloister/codec'
import {
  allTees,
  appFactsOf,
  appraiseNode,
  checkBinding,
  keyHash,
  reportData,
  sameHex,
  sayTees,
  teeSet,
  type Order,
  type Problem,
  type SessionStatus,
} from '@cloister/protocol'
import { zeroAddress, type Address, type Hex } from 'viem'

import type { Client } from '../client.ts'
import { evidenceProblems, measurementApproved, readRecord, strictest } from '../keeper.ts'
import { sdkError } from '../sdk-error.ts'
import type { SessionPlace } from './find-session.ts'

declare const verified: unique symbol

/** What a requester demands of the machine that answers. What is not said is the strictest that the deployment offers. */
export type SessionDemand = {
  /** The app that must answer; the order's own, where nothing is said. */
  readonly app?: Hex
  /** Runtimes that are trusted, of those that the deployment lists. */
  readonly measurements?: readonly Hex[]
  /** Kinds of TEE, as a mask. */
  readonly tees?: number
  /** The worst TCB status that is accepted, as its rank; only the best, where nothing is said. */
  readonly tcbFloor?: number
  readonly tierMin?: number
}

/** What was found out about a session's machine, for people and headers. */
export type SessionAttestation = {
  readonly tee: string
  readonly measurement: Hex
  readonly tier: number
  readonly operator: Address
  readonly receiptKey: Address
  readonly app: Hex
  readonly machineId: Hex
}

/** A session whose evidence was appraised and accepted. Only {@link verifySession} makes one, and nothing is sealed to a session without. */
export type VerifiedSession = {
  readonly [verified]: true
  readonly place: SessionPlace
  readonly order: Order
  readonly status: SessionStatus
  readonly freshKeyHash: Hex
  readonly attestation: SessionAttestation
}

// The type's brand ends where JavaScript begins; this does not.
const genuine = new WeakSet<object>()

/** Whether `session` was made by {@link verifySession} in this program. */
export function isVerifiedSession(session: object): session is VerifiedSession {
  return genuine.has(session)
}

/**
 * Appraises what a node shows of a session. Accepted means: an enclave of a measurement that the deployment lists and the chain approves, on an
 * authentic platform that is good enough, on the machine and with the key of the node that the chain drew for this task, made the key that
 * requests are sealed to, for this order and this app. No secret is sent.
 *
 * @throws {OperationError} `session-refused` with every reason, `chain-down`.
 */
export async function verifySession(
  client: Client,
  place: SessionPlace,
  status: SessionStatus,
  demand: SessionDemand = {},
): Promise<VerifiedSession> {
  const { evidence: bundle } = status
  const { binding, order } = bundle
  const facts = await readRecord(client, place.node)
  const { record, certified, floor } = facts
  const listed = client.deployment.measurements
  const tierMin = Math.max(order.tierMin, demand.tierMin ?? 0)
  const judged = await appraiseNode(appraise, bundle, {
    rules: [
      {
        measurements: (demand.measurements ?? listed).filter((each) =>
          listed.some((other) => sameHex(other, each)),
        ),
        releaseKey: zeroAddress, // What a release key approves is an owner's business: this is the requester's.
        tcbFloor: demand.tcbFloor ?? 0,
        tees: order.tees & (demand.tees ?? allTees),
      },
    ],
    approvals: [],
    floor: strictest(client, floor),
    reportData: reportData(client.domain, 'AttemptBinding', binding),
    receiptKey: place.node,
    machineId: record.machineId,
    accelerator: appFactsOf(appOf(client, order.app)?.manifest).accelerator,
    anchors: client.deployment.anchors,
    now: client.clock(),
  })
  const { shown } = judged
  const approved = await measurementApproved(client, shown)
  const problems = [
    ...bindingProblems(client, place, status, demand.app ?? order.app).map(say),
    ...differs('machine', binding.machineId, record.machineId).map(say),
    ...evidenceProblems(judged),
    ...(approved ? [] : ['the chain does not approve its measurement']),
    ...(certified ? [] : ['the chain has no live record of its receipt key']),
    ...unless(
      record.tier >= tierMin,
      `its tier is ${record.tier}, at least ${tierMin} is asked for`,
    ),
    ...unless(
      shown === undefined || !certified || sameHex(record.measurement, shown.measurement),
      `its record says measurement ${record.measurement}`,
    ),
  ]
  if (shown === undefined || problems.length > 0)
    throw sdkError(
      'session-refused',
      `Cannot trust the session of task ${place.task} at ${place.url}: ${problems.join('; ')}; nothing was sent to it`,
    )
  return brand({
    place,
    order,
    status,
    freshKeyHash: binding.freshKeyHash,
    attestation: {
      tee: sayTees(teeSet([shown.tee])),
      measurement: shown.measurement,
      tier: record.tier,
      operator: place.operator,
      receiptKey: place.node,
      app: order.app,
      machineId: shown.machineId,
    },
  })
}

function appOf({ deployment }: Client, app: Hex): Client['deployment']['apps'][number] | undefined {
  return deployment.apps.find(({ id }) => sameHex(id, app))
}

// The task is the hash of its order: whoever shows this task's order shows the true one.
function bindingProblems(
  client: Client,
  { task, attempt, node }: SessionPlace,
  { evidence }: SessionStatus,
  app: Hex,
): readonly Problem[] {
  const { binding, order, checkpoint, freshPublicKey } = evidence
  const freshKey = keyHash(parseHex(freshPublicKey, 'fresh key'))
  return [
    ...checkBinding(client.domain, binding, order, checkpoint),
    ...differs('task', binding.task, task),
    ...differs('attempt', String(binding.attempt), String(attempt)),
    ...differs('receipt key', binding.receiptKey, node),
    ...differs('fresh key', binding.freshKeyHash, freshKey),
    ...differs('app', binding.app, app),
    ...differs('deployment', evidence.deployment, client.id),
  ]
}

function differs(field: string, actual: string, expected: string): readonly Problem[] {
  const same = actual === expected || (actual.startsWith('0x') && sameHex(actual, expected))
  return same ? [] : [{ field, detail: `got ${actual}, expected ${expected}` }]
}

function say({ field, detail }: Problem): string {
  return `${field}: ${detail}`
}

function unless(holds: boolean, detail: string): readonly string[] {
  return holds ? [] : [detail]
}

function brand(session: Omit<VerifiedSession, typeof verified>): VerifiedSession {
  const frozen = Object.freeze({ ...session })
  genuine.add(frozen)
  if (!isVerifiedSession(frozen)) throw new TypeError('Cannot brand what was just added')
  return frozen
}
