import { concatBytes, OperationError, type Bytes } from '@cloister/codec'
import { bodyParts } from '@cloister/io'
import {
  booleanField,
  bytes32Field,
  integerField,
  objectField,
  sessionLimits,
} from '@cloister/protocol'
import { sealedRequestBytesMax } from '@cloister/seal'
import type { Context, Hono } from 'hono'
import type { Hex } from 'viem'

import type { EnclaveLink } from './enclave-link.ts'
import { Lane } from './lane.ts'

/** What serving sessions needs. */
export type SessionRoutesContext = { readonly enclave: EnclaveLink }

/** The HTTP status of what an enclave refuses of a session. */
export const sessionStatuses: Readonly<Record<string, 404 | 409 | 422 | 429>> = {
  'session-absent': 404,
  'session-ended': 409,
  replayed: 409,
  'request-refused': 422,
}

const sessionPath = objectField({ task: bytes32Field, attempt: integerField(1, 0xffff_ffff) })
const taken = objectField({ answer: integerField(1, Number.MAX_SAFE_INTEGER) })
const read = objectField({ done: booleanField })

/** A request's content has its head before its body. */
const sealedBytesMax = sealedRequestBytesMax(sessionLimits.requestBytesMax + 32_768)
const noBytes = new Uint8Array(0)

// Each answer that is read holds one place of the wire to the enclave: together fewer than keepers leave.
const lanesOf = () => ({
  status: new Lane('session status', 2, 32),
  answers: new Lane('session request', 10, 32),
})

/**
 * `GET /v1/sessions/TASK/ATTEMPT` and `POST .../requests`: bytes carried to the enclave and back. Everything that a requester and its
 * session say to one another is sealed; this host sees sizes, in steps, and times. Spec: docs/inference.md.
 */
export function addSessionRoutes(app: Hono, { enclave }: SessionRoutesContext): void {
  const lanes = lanesOf()
  app.get('/v1/sessions/:task/:attempt', async (c) => {
    const status = await lanes.status.run(() => enclave.ask('session.info', pathOf(c)))
    return c.body(JSON.stringify(status), 200, { 'content-type': 'application/json' })
  })
  app.post('/v1/sessions/:task/:attempt/requests', async (c) => {
    const path = pathOf(c)
    const sealed = await collect(bodyParts(c, sealedBytesMax))
    const started = Promise.withResolvers<Response>()
    // The place is kept until the whole answer was fetched.
    lanes.answers
      .run(() => relay(enclave, path, sealed, started.resolve))
      .catch((error: unknown) => started.reject(error))
    return started.promise
  })
}

type SessionPath = { readonly task: Hex; readonly attempt: number }

/** Hands a request over, and answers with what comes back for as long as somebody reads it. */
async function relay(
  enclave: EnclaveLink,
  path: SessionPath,
  sealed: Bytes,
  respond: (response: Response) => void,
): Promise<void> {
  const given = await enclave.exchange('session.request', path, sealed)
  const { answer } = taken.parse(given.result, 'session.request')
  const over = Promise.withResolvers<void>()
  const cancel = async (): Promise<void> => {
    over.resolve()
    await enclave.ask('session.cancel', { ...path, answer }).catch(() => undefined)
  }
  const body = new ReadableStream<Bytes>({
    // Fetched only when the requester has taken what was fetched before: what waits, waits in the enclave, and is bounded there.
    async pull(controller) {
      try {
        for (;;) {
          const { result, bytes } = await enclave.exchange(
            'session.read',
            { ...path, answer },
            noBytes,
          )
          const { done } = read.parse(result, 'session.read')
          if (bytes.length > 0) controller.enqueue(new Uint8Array(bytes))
          if (done) {
            controller.close()
            over.resolve()
          }
          if (done || bytes.length > 0) return
        }
      } catch (error) {
        over.resolve()
        controller.error(error)
      }
    },
    cancel,
  })
  respond(
    new Response(body, {
      headers: {
        'content-type': 'application/octet-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      },
    }),
  )
  const stalled = setTimeout(() => void cancel(), answerSecondsMax * 1000)
  await over.promise
  clearTimeout(stalled)
}

/** An answer that is not fetched to its end within this time is dropped. */
const answerSecondsMax = 3600

function pathOf(c: Context): SessionPath {
  const attempt = Number(c.req.param('attempt'))
  return sessionPath.parse({ task: c.req.param('task') ?? '', attempt }, 'path')
}

async function collect(parts: AsyncIterable<Bytes>): Promise<Bytes> {
  const collected: Bytes[] = []
  for await (const part of parts) collected.push(part)
  if (collected.length === 0)
    throw new OperationError('bad-request', 'Cannot take a request without a body')
  return concatBytes(...collected)
}
