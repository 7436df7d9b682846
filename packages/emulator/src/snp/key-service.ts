import type { ProductLine, SnpTcb } from '@cloister/attest'
import { OperationError } from '@cloister/codec'
import { createServer, type Server } from 'node:http'
import type { SnpListOptions, SnpManufacturer } from './manufacturer.ts'

/** A key service that runs. */
export type SnpKeyService = {
  /** Base address, in the place of `https://kdsintf.amd.com`. */
  readonly url: string
  /** How many requests were answered, those that were put off included. */
  readonly requests: () => number
  close(): Promise<void>
}

/** How a key service behaves. */
export type SnpKeyServiceOptions = {
  /** Asked for each revocation list, so that time and numbers can move. */
  readonly list?: () => SnpListOptions
  /** Asked for each request: seconds that the caller has to wait (answer 429), or 0. AMD puts off who asks often. */
  readonly retryAfterSeconds?: () => number
  readonly port?: number
}

/**
 * Serves a manufacturer's certificates and revocation lists on loopback, at the paths of AMD's key service.
 *
 * Spec: AMD VCEK certificate and KDS interface specification 57230, chapter 4. A VLEK's own certificate is given to
 * cloud providers alone, so it is not served.
 *
 * @throws {OperationError} `key-service` where the port can't be opened.
 */
export async function serveSnpKeys(
  manufacturer: SnpManufacturer,
  options: SnpKeyServiceOptions = {},
): Promise<SnpKeyService> {
  let requests = 0
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000 },
    (request, response) => {
      requests++
      const wait = options.retryAfterSeconds?.() ?? 0
      const answer =
        wait > 0
          ? { ...refusal(429, 'too many requests'), headers: { 'retry-after': String(wait) } }
          : answerRequest(manufacturer, options, request.method ?? '', request.url ?? '/')
      response.writeHead(answer.status, answer.headers)
      response.end(answer.body)
    },
  )
  server.maxConnections = 64
  const opened = await listen(server, options.port ?? 0)
  return {
    url: `http://127.0.0.1:${opened}`,
    requests: () => requests,
    close: () => close(server),
  }
}

type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

function answerRequest(
  manufacturer: SnpManufacturer,
  options: SnpKeyServiceOptions,
  method: string,
  path: string,
): Answer {
  if (method !== 'GET') return refusal(405, 'only GET is answered')
  const url = URL.parse(path, 'http://kds')
  const match = /^\/(vcek|vlek)\/v1\/(Milan|Genoa|Turin)\/([^/]+)$/.exec(url?.pathname ?? '')
  const line = lines.find((name) => name === match?.[2])
  if (url === null || match === null || line === undefined)
    return refusal(404, `nothing is served at ${path}`)
  const kind = match[1] === 'vcek' ? 'VCEK' : 'VLEK'
  const last = match[3] ?? ''
  if (last === 'cert_chain') {
    const body = manufacturer.certificateChain(line, kind)
    return { status: 200, headers: { 'content-type': 'application/x-pem-file' }, body }
  }
  if (last === 'crl') {
    const body = manufacturer.revocationList(line, options.list?.())
    return { status: 200, headers: { 'content-type': 'application/pkix-crl' }, body }
  }
  if (kind === 'VLEK') return refusal(404, 'certificates of VLEKs are not served')
  return answerVcek(manufacturer, line, last, url.searchParams)
}

const lines: readonly ProductLine[] = ['Milan', 'Genoa', 'Turin']

function answerVcek(
  manufacturer: SnpManufacturer,
  line: ProductLine,
  hardwareId: string,
  query: URLSearchParams,
): Answer {
  const digits = line === 'Turin' ? 16 : 128
  if (hardwareId.length !== digits || !/^[0-9a-fA-F]+$/.test(hardwareId))
    return refusal(400, `hwid has ${digits} hexadecimal digits`)
  const tcb = readTcb(query, line)
  if (tcb === undefined) return refusal(400, 'each SPL is a number from 0 to 255')
  const platform = manufacturer.findPlatform(line, hardwareId)
  if (platform === undefined) return refusal(404, 'no such chip')
  const headers = { 'content-type': 'application/pkix-cert' }
  return { status: 200, headers, body: platform.vcek(tcb) }
}

function readTcb(query: URLSearchParams, line: ProductLine): SnpTcb | undefined {
  const names = ['blSPL', 'teeSPL', 'snpSPL', 'ucodeSPL', ...(line === 'Turin' ? ['fmcSPL'] : [])]
  if ([...query.keys()].some((name) => !names.includes(name))) return undefined
  // What is left out is 0, as AMD's service has it.
  const texts = names.map((name) => query.get(name) ?? '0')
  const numbers = texts.map(Number)
  if (texts.some((text) => !/^[0-9]{1,3}$/.test(text)) || numbers.some((value) => value > 255))
    return undefined
  const [bootLoader = 0, tee = 0, snp = 0, microcode = 0, fmc = 0] = numbers
  return { bootLoader, tee, snp, microcode, ...(line === 'Turin' && { fmc }) }
}

function refusal(status: number, error: string): Answer {
  const headers = { 'content-type': 'application/json' }
  return { status, headers, body: JSON.stringify({ error }) }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new OperationError('key-service', `Cannot serve certificates on 127.0.0.1:${port}`, {
          cause,
        }),
      )
    })
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      resolve(address !== null && typeof address === 'object' ? address.port : port)
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
