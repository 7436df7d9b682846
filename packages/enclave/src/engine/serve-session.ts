import type { Readable, Writable } from 'node:stream'

import { concatBytes, encodeUtf8, MalformedError, type Bytes } from '@cloister/codec'
import {
  encodeInference,
  parseCsv,
  predict,
  scanModel,
  type Runtime,
  type ScannedModel,
  type Session,
} from '@cloister/learn'

import { serveSession, type AppCall, type AppReply } from '../session/serve-app.ts'

/** What an engine that stays needs from its process. */
export type SessionProcess = {
  readonly input: Readable
  readonly output: Writable
  readonly runtime: () => Promise<Runtime>
}

type Loaded = { readonly bytes: Bytes; readonly scanned: ScannedModel; readonly runtime: Runtime }

const json = { 'content-type': 'application/json' }
const path = '/v1/infer'

/**
 * Serves an app of kind `infer` as a session: the model is scanned and loaded once, and each `POST /v1/infer` with rows of CSV, without a header,
 * is answered as the app's output would say.
 */
export async function serveInference({ input, output, runtime }: SessionProcess): Promise<void> {
  const parts: Bytes[] = []
  let loaded: Loaded | undefined
  await serveSession(input, output, {
    part: (role, bytes) => {
      if (role === 'model') parts.push(bytes)
    },
    ready: async () => {
      const bytes = concatBytes(...parts.splice(0))
      const scanned = scanModel(bytes)
      loaded = { bytes, scanned, runtime: keeping(await (await runtime()).load(bytes)) }
    },
    answer: async (call, reply) => {
      if (loaded === undefined) throw new TypeError('A request came before the start')
      return answerCall(loaded, call, reply)
    },
  })
}

async function answerCall(loaded: Loaded, call: AppCall, reply: AppReply): Promise<number> {
  if (call.path !== path) return refuse(reply, 404, 'unknown_url', `There is only POST ${path}`)
  if (call.method !== 'POST') return refuse(reply, 405, 'method_not_allowed', `Use POST ${path}`)
  const { bytes, scanned, runtime } = loaded
  const { features, classes } = scanned
  try {
    const table = parseCsv(call.body, { header: false, features, classes: undefined })
    const prediction = await predict(bytes, table, classes.length, runtime)
    reply.head(200, json)
    await reply.data(encodeUtf8(encodeInference(classes, prediction)))
    return table.rows
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error
    return refuse(reply, 400, 'invalid_records', error.message)
  }
}

async function refuse(reply: AppReply, status: number, code: string, message: string) {
  const type = 'invalid_request_error'
  reply.head(status, json)
  await reply.data(encodeUtf8(JSON.stringify({ error: { message, type, param: null, code } })))
  return 0
}

/** A runtime whose one model stays loaded. */
function keeping(session: Session): Runtime {
  return { load: async () => ({ run: session.run, release: async () => undefined }) }
}
