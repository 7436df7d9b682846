// A small server of the S3 API over memory, for tests: it checks each request's SigV4 signature, and breaks where it is told to.
import { createHash, createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

export const s3Credentials = { accessKeyId: 'TESTKEY', secretAccessKey: 'test-secret' }

/** What the server does wrong with the next requests of one kind. */
export type S3Faults = {
  /** This many requests are answered with 503. */
  unavailable: number
  /** This many GET bodies break off in the middle. */
  cut: number
  /** What is given for an object, instead of what is there. */
  readonly instead: Map<string, Buffer>
}

/** A running server, and what lies in it. */
export type S3Server = Awaited<ReturnType<typeof startS3Server>>

const pageKeys = 2

export async function startS3Server() {
  const objects = new Map<string, Buffer>()
  const faults: S3Faults = { unavailable: 0, cut: 0, instead: new Map() }
  const requests: string[] = []
  const refused: string[] = []
  const server = createServer((request, response) => {
    // Whoever is killed in the middle of a request gets no answer.
    readAll(request).then(
      (body) => take(request, body, response),
      () => response.destroy(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0

  function take(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    requests.push(`${request.method} ${request.url}`)
    const problem = signatureProblem(request, body)
    if (problem !== undefined) {
      refused.push(problem)
      fail(response, 403, 'SignatureDoesNotMatch')
    } else if (faults.unavailable > 0) {
      faults.unavailable--
      fail(response, 503, 'SlowDown')
    } else answer(request, body, response)
  }

  function answer(request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://x')
    const key = decodeURIComponent(url.pathname.slice(1))
    if (url.searchParams.get('list-type') === '2') {
      list(url, response)
      return
    }
    if (request.method === 'PUT') put(request, key, body, response)
    else if (request.method === 'GET' || request.method === 'HEAD') get(request, key, response)
    else if (request.method === 'DELETE') {
      objects.delete(key)
      response.writeHead(204).end()
    } else fail(response, 405, 'MethodNotAllowed')
  }

  function put(request: IncomingMessage, key: string, body: Buffer, response: ServerResponse) {
    const checksum = request.headers['x-amz-checksum-sha256']
    const actual = createHash('sha256').update(body).digest('base64')
    if (checksum !== actual) return fail(response, 400, 'BadDigest')
    objects.set(key, body)
    response.writeHead(200, { 'x-amz-checksum-sha256': actual }).end()
  }

  function get(request: IncomingMessage, key: string, response: ServerResponse) {
    const whole = faults.instead.get(key) ?? objects.get(key)
    if (whole === undefined) return fail(response, 404, 'NoSuchKey', request.method === 'HEAD')
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    const start = Number(from ?? 0)
    const body = from === undefined ? whole : whole.subarray(start, Number(to) + 1)
    response.writeHead(from === undefined ? 200 : 206, {
      'content-length': body.length,
      ...(from === undefined
        ? {}
        : { 'content-range': `bytes ${start}-${start + body.length - 1}/${whole.length}` }),
    })
    if (request.method === 'HEAD') return response.end()
    if (faults.cut === 0) return response.end(body)
    faults.cut--
    response.write(body.subarray(0, body.length >> 1), () => response.destroy())
  }

  function list(url: URL, response: ServerResponse) {
    const bucket = url.pathname.replaceAll('/', '')
    const prefix = `${bucket}/${url.searchParams.get('prefix') ?? ''}`
    const after = url.searchParams.get('continuation-token') ?? ''
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after)
    const page = keys.toSorted().slice(0, pageKeys)
    const more = keys.length > page.length
    const contents = page
      .map((key) => `<Contents><Key>${key.slice(bucket.length + 1)}</Key></Contents>`)
      .join('')
    const next = more ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : ''
    response.writeHead(200, { 'content-type': 'application/xml' })
    response.end(
      `<?xml version="1.0"?><ListBucketResult><IsTruncated>${more}</IsTruncated>${contents}${next}</ListBucketResult>`,
    )
  }

  return {
    endpoint: `http://127.0.0.1:${port}`,
    objects,
    faults,
    requests,
    refused,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

function fail(response: ServerResponse, status: number, code: string, bodiless = false): void {
  response.writeHead(status, { 'content-type': 'application/xml' })
  response.end(
    bodiless ? undefined : `<Error><Code>${code}</Code><Message>${code}</Message></Error>`,
  )
}

// Spec: AWS Signature Version 4, in the Authorization header, as S3 has it: the path is not encoded twice.
function signatureProblem(request: IncomingMessage, body: Buffer): string | undefined {
  const [, key, date, region, signedHeaders, signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    ) ?? []
  if (key !== s3Credentials.accessKeyId) return 'no signature of a known key'
  const payload = request.headers['x-amz-content-sha256']
  if (payload !== 'UNSIGNED-PAYLOAD' && payload !== hash(body)) return 'another body was signed'
  const names = signedHeaders!.split(';')
  if (!names.includes('host') || !names.includes('x-amz-content-sha256'))
    return 'host and body are not signed'
  const url = new URL(request.url ?? '/', 'http://x')
  const query = [...url.searchParams]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .toSorted()
    .join('&')
  const headers = names.map((name) => `${name}:${String(request.headers[name]).trim()}\n`).join('')
  const canonical = [request.method, url.pathname, query, headers, signedHeaders, payload].join(
    '\n',
  )
  const scope = `${date}/${region}/s3/aws4_request`
  const time = String(request.headers['x-amz-date'])
  if (Math.abs(Date.now() - parseTime(time)) > 15 * 60_000) return 'signed at another time'
  const text = ['AWS4-HMAC-SHA256', time, scope, hash(canonical)].join('\n')
  let signing: Buffer = Buffer.from(`AWS4${s3Credentials.secretAccessKey}`)
  for (const step of [date!, region!, 's3', 'aws4_request']) signing = hmac(signing, step)
  return hmac(signing, text).toString('hex') === signature ? undefined : 'the signature is wrong'
}

function parseTime(text: string): number {
  const iso = text.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z')
  return Date.parse(iso)
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function hash(value: Buffer | string): string {
  return createHash('sha256').update(value).digest('hex')
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part)
  return Buffer.concat(parts)
}
