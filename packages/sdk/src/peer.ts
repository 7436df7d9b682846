import {
  concatBytes,
  MalformedError,
  OperationError,
  parseJson,
  parseUtf8,
  type Bytes,
  type Json,
} from '@cloister/codec'
import { digestOf, limits, sameHex, type Field } from '@cloister/protocol'
import type { Hex } from 'viem'

import { sayError, sdkError } from './sdk-error.ts'

/** How the SDK reaches nodes and verifiers. The same as the global `fetch`, which is the default. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** Most bytes of an object that a store holds. Spec: docs/protocol.md section 8. */
export const objectBytesMax: number = 256 * 1024 * 1024

const answerMs = 20_000
const transferMs = 120_000

type Request = {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly body?: Bytes | string
  readonly bytesMax: number
  readonly timeoutMs: number
}

/**
 * Asks a peer's JSON route and reads the answer by `field`. Posts when there is a body.
 *
 * @throws {OperationError} `peer-unreachable`, `peer-refused` or `peer-malformed`.
 */
export async function askPeer<T>(
  fetch: Fetch,
  url: string,
  field: Field<T>,
  body?: Json,
): Promise<T> {
  const bytes = await send(fetch, url, {
    method: body === undefined ? 'GET' : 'POST',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    bytesMax: limits.bundleBytesMax,
    timeoutMs: answerMs,
  })
  try {
    const caps = { charactersMax: limits.bundleBytesMax, depthMax: limits.jsonDepthMax }
    return field.parse(parseJson(parseUtf8(bytes, 'answer'), 'answer', caps), 'answer')
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause
    throw sdkError(
      'peer-malformed',
      `Cannot read what ${url} answered: ${cause.message}; ask another node or verifier, or look whether its version fits`,
      { cause },
    )
  }
}

/** Stores an object under its digest at one store. @throws as {@link askPeer}. */
export async function putObject(
  fetch: Fetch,
  store: string,
  digest: Hex,
  bytes: Bytes,
): Promise<void> {
  if (bytes.length > objectBytesMax)
    throw sdkError(
      'store-refused',
      `Cannot store ${bytes.length} bytes as one object, at most ${objectBytesMax} are taken; split the data`,
    )
  await send(fetch, objectUrl(store, digest), {
    method: 'PUT',
    body: bytes,
    bytesMax: limits.bodyBytesMax,
    timeoutMs: transferMs,
  })
}

/**
 * An object from the first store that has it, its digest checked: whoever answers something else is passed by.
 *
 * @throws {OperationError} `output-withheld`, with what each of `stores` answered.
 */
export async function getObject(
  fetch: Fetch,
  stores: readonly string[],
  digest: Hex,
  bytesMax: number = objectBytesMax,
): Promise<Bytes> {
  const failures: string[] = []
  for (const store of stores) {
    try {
      const request = { method: 'GET', bytesMax, timeoutMs: transferMs } as const
      const bytes = await send(fetch, objectUrl(store, digest), request)
      const actual = digestOf(bytes)
      if (sameHex(actual, digest)) return bytes
      failures.push(`${store} gave other bytes (${actual})`)
    } catch (error) {
      failures.push(sayError(error))
    }
  }
  throw sdkError(
    'output-withheld',
    `Cannot fetch object ${digest}: ${failures.join('; ') || 'no store was named'}; try again later or name other stores`,
    { retryable: true },
  )
}

/** Whether a store says that it holds an object itself. @throws as {@link askPeer}. */
export async function hasObject(fetch: Fetch, store: string, digest: Hex): Promise<boolean> {
  const url = objectUrl(store, digest)
  let response: Response
  try {
    const signal = AbortSignal.timeout(answerMs)
    response = await fetch(url, { method: 'HEAD', redirect: 'error', credentials: 'omit', signal })
  } catch (cause) {
    throw unreachable(url, cause)
  }
  if (response.ok) return true
  if (response.status === 404) return false
  throw sdkError('peer-refused', `Cannot use ${url}: it refuses with ${response.status}`, {
    retryable: response.status >= 500 || response.status === 429,
  })
}

/** Where a store has an object. */
function objectUrl(store: string, digest: Hex): string {
  return peerUrl(store, `/v1/objects/${digest.slice(2).toLowerCase()}`)
}

/** A route of a peer. @throws {MalformedError} on a base that is no http or https URL. */
export function peerUrl(base: string, path: string): string {
  const url = URL.canParse(base) ? new URL(base) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new MalformedError('peer URL', 0, `got ${base.slice(0, 200)}, expected http or https`)
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}${path}`
}

async function send(fetch: Fetch, url: string, request: Request): Promise<Bytes> {
  let response: Response
  try {
    response = await fetch(url, {
      method: request.method,
      redirect: 'error', // What was appraised or named is the answerer, nobody it points to.
      credentials: 'omit',
      signal: AbortSignal.timeout(request.timeoutMs),
      ...(request.body === undefined ? {} : { body: bodyOf(request.body) }),
      ...(typeof request.body === 'string'
        ? { headers: { 'content-type': 'application/json' } }
        : {}),
    })
  } catch (cause) {
    throw unreachable(url, cause)
  }
  const bytes = await readBody(url, response, response.ok ? request.bytesMax : 65_536)
  if (response.ok) return bytes
  throw sdkError(
    'peer-refused',
    `Cannot use ${url}: it refuses with ${response.status}${refusalText(bytes)}`,
    { retryable: response.status >= 500 || response.status === 429 },
  )
}

// Chromium 156 sends a Blob at 99 MiB/s, and the same bytes as a typed array at 5.
function bodyOf(body: Bytes | string): Blob | string {
  return typeof body === 'string' ? body : new Blob([body])
}

async function readBody(url: string, response: Response, bytesMax: number): Promise<Bytes> {
  const parts: Uint8Array[] = []
  let total = 0
  try {
    const reader = response.body?.getReader()
    for (;;) {
      const part = await reader?.read()
      if (part?.value === undefined) break
      total += part.value.length
      if (total > bytesMax) {
        await reader?.cancel()
        throw sdkError(
          'peer-malformed',
          `Cannot read what ${url} answered: more than ${bytesMax} bytes; ask another one`,
        )
      }
      parts.push(part.value)
    }
  } catch (cause) {
    throw cause instanceof OperationError ? cause : unreachable(url, cause)
  }
  return concatBytes(...parts)
}

function unreachable(url: string, cause: unknown): OperationError {
  return sdkError(
    'peer-unreachable',
    `Cannot reach ${url}: ${sayError(cause)}; check that it runs and try again, or name another`,
    { cause, retryable: true },
  )
}

// A refusal that cannot be read is still one: its status says so.
function refusalText(bytes: Bytes): string {
  try {
    const caps = { charactersMax: 65_536, depthMax: 8 }
    const answer = parseJson(parseUtf8(bytes), 'refusal', caps)
    const error = memberOf(answer, 'error')
    const [code, message] = [memberOf(error, 'code'), memberOf(error, 'message')]
    if (typeof code !== 'string' || typeof message !== 'string') return ''
    return ` ${code.slice(0, 64)}: ${message.slice(0, 1000)}`
  } catch {
    return ''
  }
}

function memberOf(value: Json | undefined, key: string): Json | undefined {
  if (typeof value !== 'object' || value === null || isList(value)) return undefined
  return Object.hasOwn(value, key) ? value[key] : undefined
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value)
}
