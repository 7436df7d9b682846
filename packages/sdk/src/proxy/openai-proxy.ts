import { concatBytes, MalformedError, OperationError, type Bytes } from '@cloister/codec'
import { sessionLimits } from '@cloister/protocol'

import { sayError } from '../sdk-error.ts'
import type { InferenceSession, SessionAnswer } from '../session/session.ts'
import { proxyError } from './proxy-error.ts'
import { wholeEvents } from './whole-events.ts'

/** How a proxy is made. */
export type ProxyOptions = {
  /** Gives the session, verified. Called for every request: the first call may take long, later ones give the same session. */
  readonly session: () => Promise<InferenceSession>
  /** `host:port` under which the proxy is reached: a request for another host is refused, so that no web page reaches it by a name of its own. */
  readonly hosts: readonly string[]
  /** Origins of web pages that may use it. None, unless said. */
  readonly origins: readonly string[]
  /** Told of each request when it is over, without a word of what was said. */
  readonly onRequest?: (record: ProxyRecord) => void
}

/** What is known of a request that is over. */
export type ProxyRecord = {
  readonly method: string
  readonly path: string
  readonly status: number
  readonly unitsSoFar: bigint | undefined
  readonly spentWeiSoFar: bigint | undefined
}

const methods = ['GET', 'POST'] as const
const eventStream = 'text/event-stream'

/**
 * An endpoint that clients of OpenAI's interface speak to, in front of a session: it verifies before the first byte, seals every request, and
 * checks every answer and what it cost. Where a check fails nothing is handed out: 503, with the check's name, and from then on for every request.
 */
export function createOpenAiProxy(options: ProxyOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    const url = new URL(request.url)
    try {
      const refused = refusal(request, options)
      if (refused !== undefined) return refused
      const session = await options.session()
      const body = await readBody(request)
      const accept = request.headers.get('accept')
      const contentType = request.headers.get('content-type')
      const answer = await session.request({
        method: methods.find((method) => method === request.method) ?? 'POST',
        path: `${url.pathname}${url.search}`,
        body,
        signal: request.signal,
        ...(accept === null ? {} : { accept: accept.slice(0, 256) }),
        ...(contentType === null ? {} : { contentType: contentType.slice(0, 256) }),
      })
      const response = await respond(session, answer)
      report(options, request, url, response.status, session)
      return withOrigin(response, request, options)
    } catch (error) {
      if (request.signal.aborted) throw error
      const response = failure(error)
      report(options, request, url, response.status, undefined)
      return withOrigin(response, request, options)
    }
  }
}

// A name that leads to this machine could be anybody's (DNS rebinding), and any page may send a simple request: both would spend money.
function refusal(request: Request, { hosts, origins }: ProxyOptions): Response | undefined {
  const host = request.headers.get('host') ?? new URL(request.url).host
  if (!hosts.includes(host.toLowerCase()))
    return proxyError(
      403,
      'host_refused',
      `Cannot serve host ${host.slice(0, 100)}: use ${hosts[0] ?? 'none'}`,
    )
  const origin = request.headers.get('origin')
  if (origin !== null && !origins.includes(origin))
    return proxyError(
      403,
      'origin_refused',
      `Cannot serve pages of ${origin.slice(0, 100)}: start the proxy with --allow-origin`,
    )
  if (request.method === 'OPTIONS' && origin !== null) return preflight(origin)
  if (!methods.some((method) => method === request.method))
    return proxyError(405, 'method_not_allowed', `Cannot ${request.method}: use GET or POST`)
  return undefined
}

function preflight(origin: string): Response {
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-origin': origin,
      'access-control-allow-methods': methods.join(', '),
      'access-control-allow-headers': '*, authorization',
      vary: 'origin',
    },
  })
}

async function readBody(request: Request): Promise<Bytes> {
  const { requestBytesMax } = sessionLimits
  const reader = request.body?.getReader()
  const parts: Uint8Array[] = []
  let total = 0
  for (;;) {
    const part = await reader?.read()
    if (part?.value === undefined) return concatBytes(...parts)
    total += part.value.length
    if (total > requestBytesMax) {
      await reader?.cancel()
      throw new MalformedError('request', 0, `more than ${requestBytesMax} bytes`)
    }
    parts.push(part.value)
  }
}

async function respond(session: InferenceSession, answer: SessionAnswer): Promise<Response> {
  const { status, contentType } = answer
  const type = shownType(contentType)
  const headers = {
    'content-type': type,
    'x-content-type-options': 'nosniff',
    ...attested(session),
  }
  if (type === eventStream)
    return new Response(wholeEvents(answer.body, describe), {
      status,
      headers: { ...headers, 'cache-control': 'no-store' },
    })
  // Nothing of it is handed out before all of it, and its price, was checked.
  const parts: Bytes[] = []
  for await (const part of answer.body) parts.push(part)
  const { usage } = session
  return new Response(concatBytes(...parts), {
    status,
    headers: {
      ...headers,
      ...(usage === undefined
        ? {}
        : {
            'x-cloister-units': usage.units.toString(),
            'x-cloister-spent-wei': usage.spentWei.toString(),
          }),
    },
  })
}

// An app answers at an origin of this machine: what a browser would run there is not let through as such.
function shownType(contentType: string | undefined): string {
  const base = contentType?.split(';')[0]?.trim().toLowerCase() ?? 'application/json'
  return [eventStream, 'application/json', 'text/plain'].includes(base)
    ? base
    : 'application/octet-stream'
}

/** Headers that say which machine answered. What they say was verified here; to the caller they are information. */
function attested({ attestation, verified }: InferenceSession): Readonly<Record<string, string>> {
  const { tee, measurement, tier, operator, receiptKey, app } = attestation
  return {
    'x-cloister-verified': 'true',
    'x-cloister-tee': tee,
    'x-cloister-tier': String(tier),
    'x-cloister-measurement': measurement,
    'x-cloister-app': app,
    'x-cloister-operator': operator,
    'x-cloister-receipt-key': receiptKey,
    'x-cloister-task': verified.place.task,
    'x-cloister-attempt': String(verified.place.attempt),
  }
}

function failure(error: unknown): Response {
  if (error instanceof MalformedError)
    return proxyError(400, 'invalid_request', `Cannot take the request: ${error.message}`)
  const { code, message } = describe(error)
  return proxyError(503, code, message)
}

function describe(error: unknown): { readonly code: string; readonly message: string } {
  const code = error instanceof OperationError ? error.code : 'unexpected'
  return { code: code.replaceAll('-', '_'), message: sayError(error) }
}

function withOrigin(response: Response, request: Request, { origins }: ProxyOptions): Response {
  const origin = request.headers.get('origin')
  if (origin === null || !origins.includes(origin)) return response
  response.headers.set('access-control-allow-origin', origin)
  response.headers.set('access-control-expose-headers', '*')
  response.headers.append('vary', 'origin')
  return response
}

function report(
  { onRequest }: ProxyOptions,
  { method }: Request,
  { pathname }: URL,
  status: number,
  session: InferenceSession | undefined,
): void {
  onRequest?.({
    method,
    path: pathname,
    status,
    unitsSoFar: session?.usage?.units,
    spentWeiSoFar: session?.usage?.spentWei,
  })
}
