import { request, type IncomingMessage } from 'node:http'

import {
  encodeHex,
  OperationError,
  parseHex,
  parseJson,
  parseUtf8,
  type Bytes,
} from '@cloister/codec'

const answerBytesMax = 4 * 1024 * 1024 // The event log travels with the quote.
const waitMilliseconds = 20_000

/**
 * Asks dstack's guest agent, which listens on a unix socket inside the trusted domain, for a quote over 64 bytes of report data.
 *
 * Its answer is not believed here: a quote counts only once it was appraised.
 *
 * Spec: dstack guest agent RPC, DstackGuest.GetQuote.
 *
 * @throws {OperationError} `guest-failed`; {MalformedError} where it answers something else.
 */
export async function askDstackAgent(socketPath: string, reportData: Bytes): Promise<Bytes> {
  const body = JSON.stringify({ report_data: encodeHex(reportData) })
  const text = parseUtf8(await post(socketPath, '/GetQuote', body), 'guest answer')
  const answer = parseJson(text, 'guest answer', { charactersMax: answerBytesMax, depthMax: 8 })
  const quote = isObject(answer) ? answer['quote'] : undefined
  if (typeof quote !== 'string') throw failed('its answer holds no quote')
  return parseHex(quote, 'quote')
}

async function post(socketPath: string, path: string, body: string): Promise<Bytes> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request(
      {
        socketPath,
        path,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        timeout: waitMilliseconds,
      },
      resolve,
    )
    asked.once('timeout', () => asked.destroy(failed('it did not answer in time')))
    asked.once('error', (cause) => reject(failed('the guest agent cannot be reached', cause)))
    asked.end(body)
  })
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response) {
    if (!(part instanceof Uint8Array)) throw failed('its answer is not bytes')
    size += part.length
    if (size > answerBytesMax) throw failed(`its answer is longer than ${answerBytesMax} bytes`)
    parts.push(part)
  }
  if (response.statusCode !== 200) throw failed(`it answered with status ${response.statusCode}`)
  return new Uint8Array(Buffer.concat(parts))
}

function failed(detail: string, cause?: unknown): OperationError {
  return new OperationError('guest-failed', `Cannot get a quote: ${detail}`, {
    cause,
    retryable: true,
  })
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
