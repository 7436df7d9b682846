import { OperationError, type Json } from '@cloister/codec'
import {
  createHttpApp,
  defaultServerLimits,
  readJsonBody,
  type ByteRange,
  type ObjectStore,
} from '@cloister/io'
import {
  addressField,
  bytes32Field,
  integerField,
  messageToJson,
  objectField,
} from '@cloister/protocol'
import type { Context, Hono } from 'hono'

import { admissionRequestField, type Admissions } from './admissions.ts'
import { checkpointRequestField, type Checkpoints } from './checkpoints.ts'
import type { VerifierContext } from './context.ts'
import { payoutLeavesField, payoutRequestField, type Payouts } from './payouts.ts'
import type { KeptReceipts } from './receipts-kept.ts'
import { voteListField, votesListedMax, type Standing } from './standing.ts'
import { signedVoteField } from './vote-journal.ts'
import type { VotePool } from './vote-pool.ts'

/** What the routes of a verifier lean on. */
export type RoutesContext = {
  readonly context: VerifierContext
  readonly standing: Standing
  readonly checkpoints: Checkpoints
  readonly admissions: Admissions
  readonly payouts: Payouts
  readonly pool: VotePool
  readonly receipts: KeptReceipts
}

/** The version of the HTTP interface. */
export const httpVersion = '1'

/** No request to a verifier needs more. */
const bodyLimits = { ...defaultServerLimits, bodyBytesMax: 16_384, jsonDepthMax: 8 }

const attemptPath = objectField({ task: bytes32Field, attempt: integerField(1, 0xffff_ffff) })

/** The routes of a verifier. Spec: docs/protocol.md section 8, docs/verifier.md, "Routes". */
export function createRoutes(parts: RoutesContext): Hono {
  const app = createHttpApp(parts.context.log)
  addStatusRoute(app, parts)
  addSigningRoutes(app, parts)
  addVoteRoutes(app, parts)
  addObjectRoutes(app, parts.context.store)
  return app
}

function addStatusRoute(app: Hono, { context, standing }: RoutesContext): void {
  app.get('/v1/status', async (c) => {
    const { home, deployment, account, config } = context
    const [head, epoch] = await Promise.all([home.chain.block(), home.epoch()])
    const { members } = await home.committee(epoch)
    const { state } = standing
    return json(c, {
      version: httpVersion,
      role: 'verifier',
      deployment,
      address: account.address.toLowerCase(),
      committee: {
        epoch: epoch.toString(),
        members: members.map((member) => member.toLowerCase()),
      },
      head: { height: head.number.toString(), blockHash: head.hash },
      signing:
        state.kind === 'silent'
          ? {
              state: 'silent',
              until: Math.ceil(state.untilMs / 1_000),
              unknownVotes: state.votes.map((vote) => messageToJson('Vote', vote)).slice(0, 16),
            }
          : { state: state.kind },
      faults: [...config.insecureFaults],
    })
  })
}

function addSigningRoutes(app: Hono, parts: RoutesContext): void {
  const { checkpoints, admissions, payouts } = parts
  app.post('/v1/checkpoints', async (c) => {
    const request = checkpointRequestField.parse(await readJsonBody(c, bodyLimits), 'body')
    const { checkpoint, signature } = await checkpoints.sign(request)
    return json(c, { checkpoint: messageToJson('Checkpoint', checkpoint), signature })
  })
  app.post('/v1/admissions', async (c) => {
    const { url } = admissionRequestField.parse(await readJsonBody(c, bodyLimits), 'body')
    const { admission, signature } = await admissions.admit(url)
    return json(c, { admission: messageToJson('Admission', admission), signature })
  })
  app.post('/v1/payouts', async (c) => {
    const request = payoutRequestField.parse(await readJsonBody(c, bodyLimits), 'body')
    const { payout, leaves, signature } = await payouts.sign(request)
    return json(c, {
      payout: messageToJson('PayoutRoot', payout),
      leaves: payoutLeavesField.encode(leaves),
      signature,
    })
  })
}

function addVoteRoutes(app: Hono, { pool, receipts }: RoutesContext): void {
  app.post('/v1/votes', async (c) => {
    const isNew = await pool.add(signedVoteField.parse(await readJsonBody(c, bodyLimits), 'body'))
    return json(c, { new: isNew })
  })
  app.get('/v1/votes', (c) => {
    const signer = addressField.parse(c.req.query('signer') ?? '', 'signer')
    return json(c, voteListField.encode({ votes: pool.bySigner(signer, votesListedMax) }))
  })
  app.get('/v1/votes/:task/:attempt', (c) =>
    json(c, voteListField.encode({ votes: pool.votesOf(attemptOf(c)) })),
  )
  app.get('/v1/tasks/:task/:attempt', (c) => {
    const { task, attempt } = attemptOf(c)
    const posted = pool.posted({ task, attempt })
    const found = posted === undefined ? undefined : receipts.json(posted)
    if (found === undefined)
      throw new OperationError(
        'not-found',
        `No receipt is kept for attempt ${attempt} of task ${task}`,
      )
    return json(c, found)
  })
}

function addObjectRoutes(app: Hono, store: ObjectStore): void {
  app.on(['GET', 'HEAD'], '/v1/objects/:digest', async (c) => {
    const digest = c.req.param('digest')
    const size = await store.size(digest)
    if (size === undefined)
      throw new OperationError('object-absent', `Cannot give object ${digest}: it is not kept here`)
    const range = readRange(c.req.header('range'), size)
    const length = range?.length ?? size
    const headers: Record<string, string> = {
      'accept-ranges': 'bytes',
      'content-length': String(length),
      'content-type': 'application/octet-stream',
      ...(range === undefined
        ? {}
        : { 'content-range': `bytes ${range.offset}-${range.offset + length - 1}/${size}` }),
    }
    const status = range === undefined ? 200 : 206
    if (c.req.method === 'HEAD') return c.body(null, status, headers)
    return c.body(toStream(store.stream(digest, range)), status, headers)
  })
}

// One range; anything else asks for the whole. Spec: RFC 9110 section 14.
function readRange(header: string | undefined, size: number): ByteRange | undefined {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? []
  if (from === '' && to === '') return undefined
  const offset = from === '' ? Math.max(0, size - Number(to)) : Number(from)
  const end = from === '' || to === '' ? size : Math.min(size, Number(to) + 1)
  if (offset < end) return { offset, length: end - offset }
  throw new OperationError('bad-range', `Cannot give ${header}: the object has ${size} bytes`)
}

function toStream(
  parts: AsyncGenerator<Uint8Array<ArrayBuffer>>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await parts.next()
      if (done === true) controller.close()
      else controller.enqueue(value)
    },
    async cancel() {
      await parts.return(undefined)
    },
  })
}

function attemptOf(c: Context) {
  return attemptPath.parse(
    { task: c.req.param('task') ?? '', attempt: Number(c.req.param('attempt')) },
    'path',
  )
}

function json(c: Context, value: Json): Response {
  return c.body(JSON.stringify(value), 200, { 'content-type': 'application/json' })
}
