import { OperationError, type Json } from '@cloister/codec'
import { createHttpApp, defaultServerLimits, readJsonBody, type Log } from '@cloister/io'
import {
  AnswerError,
  bytes32Field,
  federationNoteBytesMax,
  integerField,
  limits,
  nodeEvidenceField,
  objectField,
} from '@cloister/protocol'
import type { Context, Hono } from 'hono'

import type { NodeAdmission } from './admission.ts'
import type { Attempts } from './attempts.ts'
import type { CollateralClient } from './collateral.ts'
import type { EnclaveLink } from './enclave-link.ts'
import type { Faults } from './faults.ts'
import type { KeptShares } from './kept-shares.ts'
import { Lane } from './lane.ts'
import type { NodeChain } from './node-chain.ts'
import { addObjectRoutes, type ObjectRoutesContext } from './object-routes.ts'
import { keeperRoutes } from './peers.ts'
import type { SealedStates } from './sealed-states.ts'
import { addSessionRoutes, sessionStatuses } from './session-routes.ts'
import type { FederationMail } from './federation-mail.ts'

/** What the routes of a node lean on. */
export type RoutesContext = ObjectRoutesContext & {
  readonly chain: NodeChain
  readonly enclave: EnclaveLink
  readonly admission: NodeAdmission
  readonly attempts: Attempts
  readonly collateral: CollateralClient
  readonly shares: KeptShares
  readonly sealed: SealedStates
  readonly faults: Faults
  readonly mail: FederationMail
  readonly log: Log
}

/** The version of the HTTP interface. */
export const httpVersion = '1'

/** A release request carries the attempt's evidence bundle, which may have 4 MiB, and some fields. */
const keeperLimits = { ...defaultServerLimits, bodyBytesMax: limits.bundleBytesMax + 2 ** 16 }

const keepEvidenceBody = objectField({ asset: bytes32Field, ownerNonce: bytes32Field })
const attemptPath = objectField({ task: bytes32Field, attempt: integerField(1, 0xffff_ffff) })

/** The routes of a node. Spec: docs/protocol.md section 8. */
export function createRoutes(context: RoutesContext): Hono {
  const app = createHttpApp(context.log, {
    'too-many-requests': 429,
    'mail-full': 429,
    'enclave-gone': 503,
    closed: 503,
    timeout: 503,
    ...sessionStatuses,
  })
  addStatusRoutes(app, context)
  addKeeperRoutes(app, context)
  addObjectRoutes(app, context)
  addSessionRoutes(app, context)
  addFederationRoutes(app, context)
  return app
}

function addStatusRoutes(app: Hono, { chain, enclave, admission, attempts }: RoutesContext): void {
  app.get('/v1/status', async (c) => {
    const { receiptKey, sharePublicKey, machineId, measurement } = enclave.hello
    const { number, hash } = await chain.head()
    return c.json({
      version: httpVersion,
      role: 'node',
      deployment: chain.deployment,
      operator: chain.account.address.toLowerCase(),
      receiptKey: receiptKey.toLowerCase(),
      sharePublicKey,
      machineId,
      measurement,
      head: { height: number.toString(), blockHash: hash },
    })
  })
  app.get('/v1/admission', async (c) => json(c, await admission.bundle()))
  app.get('/v1/tasks/:task/:attempt', (c) => {
    const path = { task: c.req.param('task'), attempt: Number(c.req.param('attempt')) }
    const { task, attempt } = attemptPath.parse(path, 'path')
    const posted = attempts.postedJson(task, attempt)
    if (posted === undefined)
      throw new OperationError(
        'not-found',
        `This node posted nothing for attempt ${attempt} of task ${task}`,
      )
    return json(c, posted)
  })
}

// Together fewer than the wire to the enclave has places: what this node itself asks for never waits behind strangers.
const lanesOf = () => ({
  'keep-evidence': new Lane('request for evidence', 2, 6), // Each is signed by the machine, which takes it a while.
  deposit: new Lane('deposit', 8, 16),
  release: new Lane('release request', 16, 48),
  countersign: new Lane('countersign request', 16, 48),
  recovery: new Lane('recovery request', 6, 16),
})

function laneOf(lanes: ReturnType<typeof lanesOf>, method: string): Lane {
  if (method === 'release' || method === 'countersign') return lanes[method]
  return lanes.recovery
}

function addKeeperRoutes(
  app: Hono,
  { chain, enclave, collateral, sealed, shares, faults }: RoutesContext,
): void {
  const lanes = lanesOf()
  app.post('/v1/keep-evidence', async (c) => {
    const { asset, ownerNonce } = keepEvidenceBody.parse(await readJsonBody(c), 'body')
    const { receiptKey, sharePublicKey } = enclave.hello
    const evidence = await lanes['keep-evidence'].run(() => enclave.keepEvidence(asset, ownerNonce))
    return json(c, {
      receiptKey: receiptKey.toLowerCase(),
      sharePublicKey,
      operator: chain.account.address.toLowerCase(),
      evidence: nodeEvidenceField.encode(evidence),
      collateral: await collateral.get(evidence),
    })
  })
  app.post('/v1/shares', async (c) => {
    const body = await readJsonBody(c)
    return askEnclave(c, lanes.deposit, async () => {
      const answer = await enclave.ask('share.deposit', body)
      shares.acknowledged(body)
      return answer
    })
  })
  app.post('/v1/shares/erase', async (c) => {
    const body = await readJsonBody(c)
    return askEnclave(c, lanes.deposit, async () => {
      const answer = await enclave.ask('share.erase', body)
      await sealed.prune(enclave.hello.receiptKey, 0)
      return answer
    })
  })
  for (const [method, route] of Object.entries(keeperRoutes))
    app.post(route, async (c) => {
      const body = await readJsonBody(c, keeperLimits)
      if (method === 'release' && faults.holdReleases === true)
        throw new OperationError('unready', 'Fault injected: releases are not answered here')
      return askEnclave(c, laneOf(lanes, method), () => enclave.ask(method, body))
    })
}

const noteLimits = { ...defaultServerLimits, bodyBytesMax: federationNoteBytesMax }

function addFederationRoutes(app: Hono, { mail }: RoutesContext): void {
  const lane = new Lane('note', 8, 64)
  app.post('/v1/federation/notes', async (c) => {
    const note = await readJsonBody(c, noteLimits)
    await lane.run(() => mail.accept(note))
    return json(c, {})
  })
}

// What the enclave refuses is an answer to the asker's request, not a failure of this host.
async function askEnclave(c: Context, lane: Lane, ask: () => Promise<Json>): Promise<Response> {
  try {
    return json(c, await lane.run(ask))
  } catch (error) {
    if (!(error instanceof AnswerError)) throw error
    const { code, message } = error
    return c.json(
      { error: { code, message } },
      code === 'malformed' ? 400 : error.retryable ? 503 : 422,
    )
  }
}

function json(c: Context, value: Json): Response {
  return c.body(JSON.stringify(value), 200, { 'content-type': 'application/json' })
}
