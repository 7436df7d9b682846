import {
  MalformedError,
  OperationError,
  parseJson,
  parseUtf8,
  type Bytes,
  type Json,
} from '@cloister/codec'
import { chmod } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { GuestMethods, type GuestParams } from './guest-methods.ts'
import type { Platform } from './platform.ts'
import type { TdMeasurement } from './measurement.ts'

/** A guest socket that is served. */
export type GuestSocket = {
  readonly socketPath: string
  close(): Promise<void>
}

/**
 * Serves the API of dstack's guest agent on a unix socket, for one virtual TD: `GetQuote`, `EmitEvent`,
 * `Info` and `Version`, and the older `Tappd.TdxQuote`, `Tappd.RawQuote` and `Tappd.Info`; with a chip's secret also
 * `SnpDerivedKey`, which stands for MSG_KEY_REQ of SEV-SNP. Keys
 * (`GetKey`, `GetTlsKey`) are not served: an emulated machine has no secret to derive them from.
 *
 * Whoever can open the socket is the TD: its folder must be the TD's own.
 *
 * @throws {OperationError} `guest-socket` where the socket can't be opened.
 */
export async function serveGuestSocket(options: {
  readonly platform: Platform
  /** The machine that signs quotes, where it is not `platform`. */
  readonly quoteFrom?: () => Platform
  readonly measurement: TdMeasurement
  /** Secret of a chip that derives keys for its guests (SEV-SNP); absent where the TEE cannot seal (TDX). */
  readonly chipSecret?: Bytes
  readonly socketPath: string
}): Promise<GuestSocket> {
  const { socketPath } = options
  if (Buffer.byteLength(socketPath) > socketPathBytesMax)
    throw new OperationError(
      'guest-socket',
      `Cannot open ${socketPath}: a unix socket's path has at most ${socketPathBytesMax} bytes; choose a shorter folder`,
    )
  const methods = new GuestMethods(
    options.platform,
    options.measurement,
    options.quoteFrom,
    options.chipSecret,
  )
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000 },
    (request, response) => {
      void respond(methods, request, response)
    },
  )
  server.maxConnections = connectionsMax
  await listen(server, socketPath)
  await chmod(socketPath, 0o600)
  return { socketPath, close: () => close(server) }
}

/** Most bytes of a unix socket's path. */
export const socketPathBytesMax = 107
const connectionsMax = 64
const bodyBytesMax = 64 * 1024

async function respond(
  methods: GuestMethods,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const url = URL.parse(request.url ?? '/', 'http://guest')
    if (url === null) throw new MalformedError('request path', 0, 'not a path')
    const params = request.method === 'POST' ? await bodyParams(request) : queryParams(url)
    const answer = methods.answer(url.pathname, params)
    if (answer === undefined) send(response, 404, { error: `Method not found: ${url.pathname}` })
    else send(response, 200, answer)
  } catch (cause) {
    if (request.errored !== null) return // The caller hung up: nobody waits for an answer.
    const known = cause instanceof OperationError || cause instanceof MalformedError
    send(response, known ? 400 : 500, { error: known ? cause.message : 'Internal error' })
    if (!known) throw cause // Our own fault: nothing may hide it.
  }
}

async function bodyParams(request: IncomingMessage): Promise<GuestParams> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of request) {
    if (!(chunk instanceof Uint8Array)) continue
    size += chunk.length
    // The rest is read and dropped, within the request's time, so that the refusal reaches the caller.
    if (size <= bodyBytesMax) chunks.push(chunk)
  }
  if (size > bodyBytesMax)
    throw new OperationError('body', `The request is longer than ${bodyBytesMax} bytes`)
  if (size === 0) return {}
  const text = parseUtf8(Buffer.concat(chunks), 'request')
  const json = parseJson(text, 'request', { charactersMax: bodyBytesMax, depthMax: 4 })
  if (!isObject(json)) throw new MalformedError('request', 0, 'not a JSON object')
  return json
}

function isObject(json: Json): json is GuestParams {
  return json !== null && typeof json === 'object' && !Array.isArray(json)
}

function queryParams(url: URL): GuestParams {
  return Object.fromEntries(url.searchParams)
}

function send(response: ServerResponse, status: number, body: Json): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

function listen(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new OperationError('guest-socket', `Cannot open ${socketPath}`, { cause }))
    })
    server.listen(socketPath, resolve)
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
