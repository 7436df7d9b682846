import { MalformedError, OperationError, parseJson, type Bytes, type Json } from '@cloister/codec'
import { createAdaptorServer, type ServerType } from '@hono/node-server'
import { Hono, type Context } from 'hono'
import { cors } from 'hono/cors'

import { silentLog, type Log } from './log.ts'
import { systemErrorCode } from './system-error.ts'
import { recordedFetch } from './traffic-record.ts'

/** What one request may cost. */
export type ServerLimits = {
  readonly bodyBytesMax: number
  readonly jsonDepthMax: number
  readonly headerBytesMax: number
  readonly headersMs: number
  /** Whole request, body included. */
  readonly requestMs: number
  readonly connectionsMax: number
}

/** JSON of 1 MiB, 32 deep; headers of 16 KiB within 10 s; a request within 10 minutes. */
export const defaultServerLimits: ServerLimits = {
  bodyBytesMax: 2 ** 20,
  jsonDepthMax: 32,
  headerBytesMax: 16_384,
  headersMs: 10_000,
  requestMs: 600_000,
  connectionsMax: 512,
}

/** Where a server listens. Port 0 takes any free one. */
export type ServeOptions = {
  readonly app: Hono
  readonly port: number
  readonly host?: string
  readonly limits?: ServerLimits
  /** A file that the bodies of all requests and answers are appended to: for tests that search them. */
  readonly recordTraffic?: string | undefined
}

/** A server that listens. */
export type HttpServer = {
  readonly url: string
  readonly port: number
  /** Stops listening, lets open requests end for `graceMs` (2 s unless said), then cuts them. */
  readonly close: (graceMs?: number) => Promise<void>
}

// The HTTP status of an operation's failure; a code that is not here is a 500.
const statuses: Readonly<
  Record<string, 400 | 403 | 404 | 409 | 413 | 416 | 422 | 429 | 502 | 503 | 507>
> = {
  malformed: 400,
  'bad-request': 400,
  'digest-mismatch': 400,
  forbidden: 403,
  'not-found': 404,
  'object-absent': 404,
  'block-absent': 404,
  conflict: 409,
  'too-large': 413,
  'bad-range': 416,
  refused: 422,
  'too-many': 429,
  'peer-unreachable': 502,
  'peer-refused': 502,
  'chain-down': 503,
  busy: 503,
  unready: 503,
  'store-full': 507,
}

/**
 * An app whose errors are `{"error": {"code", "message"}}` and that any web page may call: nothing
 * is authenticated by cookies. `moreStatuses` gives codes of the caller their HTTP status.
 */
export function createHttpApp(
  log: Log = silentLog,
  moreStatuses: Readonly<Record<string, 400 | 403 | 404 | 409 | 422 | 429 | 503>> = {},
): Hono {
  const app = new Hono()
  app.use(
    cors({
      origin: '*',
      allowMethods: ['GET', 'HEAD', 'PUT', 'POST', 'OPTIONS'],
      allowHeaders: ['content-type', 'range'],
      exposeHeaders: ['content-range', 'accept-ranges', 'content-length'],
      maxAge: 600,
    }),
  )
  app.notFound((c) =>
    c.json(
      {
        error: {
          code: 'not-found',
          message: `There is no ${c.req.method} ${c.req.path.slice(0, 200)}`,
        },
      },
      404,
    ),
  )
  app.onError((error, c) => {
    if (error instanceof MalformedError || error instanceof OperationError) {
      const { code, message } = error
      return c.json({ error: { code, message } }, moreStatuses[code] ?? statuses[code] ?? 500)
    }
    // Its text may hold anything, so it goes to the log and not to the stranger.
    log.error('A request failed for a reason nobody expected', {
      path: c.req.path.slice(0, 200),
      error,
    })
    return c.json(
      { error: { code: 'internal', message: 'The server failed; its log says why' } },
      500,
    )
  })
  return app
}

/** An app that hands every request to `answer`, and lets no web page in by itself: that is for `answer` to decide. */
export function createPlainHttpApp(answer: (request: Request) => Promise<Response>): Hono {
  const app = new Hono()
  app.all('*', (c) => answer(c.req.raw))
  return app
}

/** Serves an app. @throws {OperationError} `port-taken`, `port-refused`. */
export async function serveHttp(options: ServeOptions): Promise<HttpServer> {
  const limits = options.limits ?? defaultServerLimits
  const host = options.host ?? '127.0.0.1'
  const server = createAdaptorServer({
    fetch:
      options.recordTraffic === undefined
        ? options.app.fetch
        : recordedFetch(options.app.fetch, options.recordTraffic),
    serverOptions: {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: 5_000,
      connectionsCheckingInterval: Math.min(1_000, limits.headersMs),
    },
  })
  server.maxConnections = limits.connectionsMax
  const port = await listen(server, host, options.port)
  const name = host.includes(':') ? `[${host}]` : host
  return { url: `http://${name}:${port}`, port, close: (graceMs) => closeServer(server, graceMs) }
}

/** A request's JSON body. @throws {MalformedError} or {OperationError} `too-large`. */
export async function readJsonBody(
  c: Context,
  limits: ServerLimits = defaultServerLimits,
): Promise<Json> {
  const parts: Bytes[] = []
  for await (const part of bodyParts(c, limits.bodyBytesMax)) parts.push(part)
  const text = decodeUtf8(Buffer.concat(parts))
  return parseJson(text, 'request body', {
    charactersMax: limits.bodyBytesMax,
    depthMax: limits.jsonDepthMax,
  })
}

/** A request's body in parts, cut off past `bytesMax`. @throws {OperationError} `too-large`. */
export async function* bodyParts(c: Context, bytesMax: number): AsyncGenerator<Bytes> {
  const tooLarge = (): OperationError =>
    new OperationError('too-large', `Cannot take a body of more than ${bytesMax} bytes`)
  if (Number(c.req.header('content-length') ?? 0) > bytesMax) throw tooLarge()
  const body: ReadableStream<Bytes> | null = c.req.raw.body
  if (body === null) return
  let total = 0
  for await (const part of body) {
    total += part.length
    if (total > bytesMax) throw tooLarge()
    yield part
  }
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new MalformedError('request body', 0, 'not UTF-8', { cause })
  }
}

function listen(server: ServerType, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(listenError(host, port, cause)))
    server.listen(port, host, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}

function listenError(host: string, port: number, cause: Error): OperationError {
  const code = systemErrorCode(cause)
  if (code === 'EADDRINUSE')
    return new OperationError(
      'port-taken',
      `Cannot listen on ${host}:${port}: another program does; end it or configure another port`,
      { cause },
    )
  return new OperationError(
    'port-refused',
    `Cannot listen on ${host}:${port}: ${code ?? cause.message}; configure another host or port`,
    { cause },
  )
}

function closeServer(server: ServerType, graceMs = 2_000): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => {
      if ('closeAllConnections' in server) server.closeAllConnections()
    }, graceMs)
    server.close(() => {
      clearTimeout(cut)
      resolve()
    })
    if ('closeIdleConnections' in server) server.closeIdleConnections()
  })
}
