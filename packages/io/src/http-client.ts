import {
  MalformedError,
  OperationError,
  parseJson,
  parseUtf8,
  type Bytes,
  type Json,
} from '@cloister/codec'

/** One request to a peer, and what its answer may cost. */
export type PeerRequest = {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT'
  /** Sent as JSON. */
  readonly json?: Json
  /** Sent as they are. */
  readonly bytes?: Uint8Array<ArrayBuffer>
  readonly headers?: Readonly<Record<string, string>>
  /** From the first byte out to the last byte in. */
  readonly timeoutMs?: number
  readonly answerBytesMax?: number
  readonly signal?: AbortSignal
}

/** What a peer answered. */
export type PeerAnswer = {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Bytes
}

/** The peer's own words beneath an {@link OperationError} `peer-refused`. */
export class PeerRefusal extends Error {
  override readonly name = 'PeerRefusal'
  readonly status: number
  readonly code: string
  /** How long the peer asks to be left alone: its Retry-After header as it stands. */
  readonly retryAfter: string | undefined

  constructor(status: number, code: string, message: string, retryAfter?: string) {
    super(message)
    this.status = status
    this.code = code
    this.retryAfter = retryAfter
  }
}

/** What the peer said beneath an {@link OperationError} `peer-refused`, if that is what `error` is. */
export function refusalOf(error: unknown): PeerRefusal | undefined {
  return error instanceof OperationError && error.cause instanceof PeerRefusal
    ? error.cause
    : undefined
}

const defaultTimeoutMs = 15_000
const defaultAnswerBytesMax = 8 * 2 ** 20
const jsonDepthMax = 64

/**
 * Asks a peer for JSON.
 *
 * @throws {OperationError} `peer-unreachable`, `peer-refused`, `peer-malformed`.
 */
export async function fetchJson(url: string, request: PeerRequest = {}): Promise<Json> {
  const { bytes } = await fetchBytes(url, request)
  return readJson(url, bytes, request.answerBytesMax ?? defaultAnswerBytesMax)
}

/** Asks a peer for bytes, in memory at once. @throws as {@link fetchJson}. */
export async function fetchBytes(url: string, request: PeerRequest = {}): Promise<PeerAnswer> {
  const parts: Bytes[] = []
  const { status, headers, body } = await fetchParts(url, request)
  for await (const part of body) parts.push(part)
  return { status, headers, bytes: new Uint8Array(Buffer.concat(parts)) }
}

/** Asks a peer for bytes in parts as they come. @throws as {@link fetchJson}, also while reading. */
export async function fetchParts(
  url: string,
  request: PeerRequest = {},
): Promise<{
  readonly status: number
  readonly headers: Headers
  readonly body: AsyncGenerator<Bytes>
}> {
  const response = await send(url, request)
  const body = readParts(url, response, request.answerBytesMax ?? defaultAnswerBytesMax)
  if (response.ok) return { status: response.status, headers: response.headers, body }
  throw await refusal(url, response, body)
}

async function send(url: string, request: PeerRequest): Promise<Response> {
  const timeout = AbortSignal.timeout(request.timeoutMs ?? defaultTimeoutMs)
  const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal])
  const payload = request.json === undefined ? request.bytes : JSON.stringify(request.json)
  try {
    return await fetch(checkUrl(url), {
      method: request.method ?? (payload === undefined ? 'GET' : 'POST'),
      // A redirect could lead a request inside a network that the asker never named.
      redirect: 'manual',
      signal,
      headers: {
        ...(request.json === undefined ? {} : { 'content-type': 'application/json' }),
        ...request.headers,
      },
      ...(payload === undefined ? {} : { body: payload }),
    })
  } catch (cause) {
    throw unreachable(url, cause)
  }
}

async function* readParts(
  url: string,
  response: Response,
  bytesMax: number,
): AsyncGenerator<Bytes> {
  const body: ReadableStream<Bytes> | null = response.body
  if (body === null) return
  let total = 0
  try {
    for await (const part of body) {
      total += part.length
      if (total > bytesMax)
        throw new OperationError(
          'peer-malformed',
          `Cannot read the answer of ${url}: it has more than ${bytesMax} bytes`,
        )
      yield part
    }
  } catch (cause) {
    throw cause instanceof OperationError ? cause : unreachable(url, cause)
  }
}

async function refusal(
  url: string,
  response: Response,
  body: AsyncGenerator<Bytes>,
): Promise<OperationError> {
  const { status } = response
  if (status >= 300 && status < 400) {
    await response.body?.cancel()
    return new OperationError(
      'peer-refused',
      `Cannot ask ${url}: it redirects, and redirects are not followed`,
      {
        cause: new PeerRefusal(status, 'redirect', 'redirects'),
      },
    )
  }
  let code = `http-${status}`
  let message = 'no reason given'
  try {
    const parts: Bytes[] = []
    for await (const part of body) parts.push(part)
    const answer = readJson(url, new Uint8Array(Buffer.concat(parts)), 65_536)
    const error = isRecord(answer) ? answer['error'] : undefined
    if (isRecord(error)) {
      if (typeof error['code'] === 'string') code = error['code'].slice(0, 64)
      if (typeof error['message'] === 'string') message = error['message'].slice(0, 1_000)
    }
  } catch {
    // A refusal that can't be read is still one: its status says so.
  }
  return new OperationError(
    'peer-refused',
    `Cannot ask ${url}: it refuses with ${status} ${code}: ${message}`,
    {
      cause: new PeerRefusal(
        status,
        code,
        message,
        response.headers.get('retry-after') ?? undefined,
      ),
      retryable: status >= 500 || status === 429,
    },
  )
}

function readJson(url: string, bytes: Bytes, charactersMax: number): Json {
  try {
    return parseJson(parseUtf8(bytes, 'answer'), 'answer', {
      charactersMax,
      depthMax: jsonDepthMax,
    })
  } catch (cause) {
    const detail = cause instanceof MalformedError ? cause.message : 'not JSON'
    throw new OperationError('peer-malformed', `Cannot read the answer of ${url}: ${detail}`, {
      cause,
    })
  }
}

function checkUrl(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed !== undefined && (parsed.protocol === 'http:' || parsed.protocol === 'https:'))
    return parsed
  throw new MalformedError(
    'URL',
    0,
    `got ${JSON.stringify(url.slice(0, 200))}, expected http or https`,
  )
}

function unreachable(url: string, cause: unknown): Error {
  if (cause instanceof MalformedError) return cause
  const timedOut = cause instanceof Error && cause.name === 'TimeoutError'
  return new OperationError(
    'peer-unreachable',
    `Cannot reach ${url}: ${timedOut ? 'no complete answer in time' : 'the connection fails'}; check that it runs`,
    { cause, retryable: true },
  )
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
