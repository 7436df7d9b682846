import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { once } from 'node:events'

import { OperationError, parseJson, parseUtf8, type Json } from '@cloister/codec'

import { resolvePublic } from './public-address.ts'

const answerMs = 10_000
const answerBytesMax = 4 * 2 ** 20

/**
 * Gets JSON from an address that a stranger named. The name is resolved once, and the connection goes to the very
 * address that was looked at; redirects are not followed.
 *
 * @throws {Error} of any kind: what went wrong there is for the log, never for the stranger.
 */
export async function fetchEvidence(url: URL, allowLoopback: boolean): Promise<Json> {
  const signal = AbortSignal.timeout(answerMs)
  const resolved = await Promise.race([
    resolvePublic(url.hostname, allowLoopback),
    once(signal, 'abort').then(() => {
      throw new OperationError(
        'address-refused',
        `Cannot ask ${url.hostname}: no name server answers`,
      )
    }),
  ])
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = send(url, {
      signal,
      agent: false,
      // Asked by Node in place of a name server, in either of two ways.
      lookup: (_host, options, callback) =>
        options.all === true
          ? callback(null, [resolved])
          : callback(null, resolved.address, resolved.family),
    })
    request.once('response', resolve)
    request.once('error', reject)
    request.end()
  })
  try {
    if (response.statusCode !== 200)
      throw new OperationError('peer-refused', `It answers with ${response.statusCode}`)
    const parts: Buffer[] = []
    let bytes = 0
    for await (const part of response) {
      if (!(part instanceof Buffer)) continue
      bytes += part.length
      if (bytes > answerBytesMax)
        throw new OperationError(
          'peer-malformed',
          `It answers with more than ${answerBytesMax} bytes`,
        )
      parts.push(part)
    }
    const text = parseUtf8(new Uint8Array(Buffer.concat(parts)), 'answer')
    return parseJson(text, 'answer', { charactersMax: answerBytesMax, depthMax: 64 })
  } finally {
    response.destroy()
  }
}
