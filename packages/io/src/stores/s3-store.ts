import { createHash } from 'node:crypto'

import { MalformedError, OperationError, type Bytes } from '@cloister/codec'
import { storedBytesMax, type PartStore } from '@cloister/protocol'
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'

/** Where the objects of an S3 store lie. */
export type S3Place = {
  readonly bucket: string
  /** Put before every digest; empty, or ends with `/`. */
  readonly prefix: string
  readonly region: string
  /** Another server than AWS's own: its URL. The bucket then stands in the path. */
  readonly endpoint: string | undefined
  /** Undefined: where the AWS client looks for them (environment, shared files). */
  readonly credentials:
    | { readonly accessKeyId: string; readonly secretAccessKey: string }
    | undefined
}

const attemptsMax = 5
const connectMs = 15_000
const requestMs = 10 * 60_000

/**
 * A bucket that speaks the S3 API. Each write carries its SHA-256, which the server checks; failures that pass are tried again, five
 * times in all.
 */
export async function openS3Store(place: S3Place): Promise<PartStore> {
  // Loaded here: who uses no bucket does not pay for the client.
  const sdk = await import('@aws-sdk/client-s3')
  const client = new sdk.S3Client(clientConfig(place))
  const { bucket, prefix } = place
  const name = `s3://${bucket}/${prefix}`
  const at = (digest: string) => ({ Bucket: bucket, Key: `${prefix}${requireDigest(digest)}` })
  return {
    name,
    has: async (digest) => {
      try {
        await client.send(new sdk.HeadObjectCommand(at(digest)))
        return true
      } catch (cause) {
        const error = asStoreError(name, `look for ${digest}`, cause)
        if (error.code === 'object-absent') return false
        throw error
      }
    },
    get: (digest, range, bytesMax = storedBytesMax) =>
      again(name, `read ${digest}`, async () => {
        const part =
          range === undefined
            ? {}
            : { Range: `bytes=${range.offset}-${range.offset + range.length - 1}` }
        if (range?.length === 0) return new Uint8Array(0)
        const { Body, ContentLength } = await client.send(
          new sdk.GetObjectCommand({ ...at(digest), ...part }),
        )
        return readBody(name, digest, Body, ContentLength, bytesMax)
      }),
    put: async (digest, bytes) => {
      const found = createHash('sha256').update(bytes).digest()
      if (found.toString('hex') !== digest)
        throw new OperationError(
          'digest-mismatch',
          `Cannot store object ${digest}: the bytes have SHA-256 ${found.toString('hex')}`,
        )
      await again(name, `store ${digest}`, () =>
        client.send(
          new sdk.PutObjectCommand({
            ...at(digest),
            Body: bytes,
            ContentLength: bytes.length,
            ChecksumSHA256: found.toString('base64'),
          }),
        ),
      )
    },
    list: () => listOwn(sdk, client, name, bucket, prefix),
    delete: async (digest) => {
      await again(name, `delete ${digest}`, () =>
        client.send(new sdk.DeleteObjectCommand(at(digest))),
      )
    },
  }
}

function clientConfig({ region, endpoint, credentials }: S3Place): S3ClientConfig {
  return {
    region,
    maxAttempts: attemptsMax,
    retryMode: 'standard',
    requestHandler: { connectionTimeout: connectMs, requestTimeout: requestMs },
    // Ours are SHA-256, given with each write.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(credentials === undefined ? {} : { credentials }),
  }
}

type Sdk = typeof import('@aws-sdk/client-s3')

async function* listOwn(
  sdk: Sdk,
  client: S3Client,
  name: string,
  bucket: string,
  prefix: string,
): AsyncGenerator<string, void, undefined> {
  let token: string | undefined
  do {
    const asked = { Bucket: bucket, Prefix: prefix, ContinuationToken: token }
    const page = await again(name, 'list its objects', () =>
      client.send(new sdk.ListObjectsV2Command(asked)),
    )
    for (const { Key = '' } of page.Contents ?? []) {
      const digest = Key.slice(prefix.length)
      if (/^[0-9a-f]{64}$/.test(digest)) yield digest
    }
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined
  } while (token !== undefined)
}

// The client tries a request again until its answer starts; a body that breaks off is ours to ask for again.
async function again<T>(name: string, action: string, act: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act()
    } catch (cause) {
      const error = asStoreError(name, action, cause)
      if (!(error instanceof OperationError) || error.code !== 'store-cut' || attempt >= 3)
        throw error
    }
  }
}

async function readBody(
  name: string,
  digest: string,
  body: unknown,
  length: number | undefined,
  bytesMax: number,
): Promise<Bytes> {
  if (length === undefined || length > bytesMax)
    throw new OperationError(
      'store-refused',
      `Cannot read object ${digest} from ${name}: it gives ${length ?? 'an unknown number of'} bytes, at most ${bytesMax} are read`,
    )
  const bytes = new Uint8Array(length)
  let at = 0
  try {
    for await (const piece of piecesOf(body)) {
      if (at + piece.length > length) break
      bytes.set(piece, at)
      at += piece.length
    }
  } catch (cause) {
    throw cut(name, digest, cause)
  }
  if (at < length) throw cut(name, digest, undefined)
  return bytes
}

function cut(name: string, digest: string, cause: unknown): OperationError {
  return new OperationError(
    'store-cut',
    `Cannot read object ${digest} from ${name}: the answer breaks off; try again`,
    { cause, retryable: true },
  )
}

async function* piecesOf(body: unknown): AsyncGenerator<Uint8Array, void, undefined> {
  if (!isIterable(body)) return
  for await (const piece of body) if (piece instanceof Uint8Array) yield piece
}

function isIterable(body: unknown): body is AsyncIterable<unknown> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body
}

function asStoreError(
  name: string,
  action: string,
  cause: unknown,
): OperationError | MalformedError {
  if (cause instanceof OperationError || cause instanceof MalformedError) return cause
  const { status, code, message } = detailsOf(cause)
  if (status === 404)
    return new OperationError('object-absent', `Cannot ${action} at ${name}: there is none`, {
      cause,
    })
  const refused = status !== undefined && status < 500 && status !== 429 && status !== 408
  const next = refused ? 'check bucket, rights and credentials' : 'try again later'
  return new OperationError(
    refused || status === undefined ? unreachableOr(status) : 'store-unreachable',
    `Cannot ${action} at ${name}: ${status ?? 'no answer'} ${code}${message}; ${next}`,
    { cause, retryable: !refused },
  )
}

function unreachableOr(status: number | undefined): string {
  return status === undefined ? 'store-unreachable' : 'store-refused'
}

function detailsOf(cause: unknown) {
  const name = cause instanceof Error ? cause.name : 'unknown'
  const text = cause instanceof Error && cause.message !== name ? `: ${cause.message}` : ''
  const metadata =
    typeof cause === 'object' && cause !== null && '$metadata' in cause
      ? cause.$metadata
      : undefined
  const status =
    typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
      ? metadata.httpStatusCode
      : undefined
  return {
    status: typeof status === 'number' ? status : undefined,
    code: name,
    message: text.slice(0, 200),
  }
}

function requireDigest(digest: string): string {
  if (/^[0-9a-f]{64}$/.test(digest)) return digest
  throw new MalformedError('object digest', 0, 'expected 64 lower-case hexadecimal digits')
}
