import { OperationError, type Bytes } from '@cloister/codec'
import { bodyParts, type ByteRange, type ObjectStore } from '@cloister/io'
import type { Hono } from 'hono'

import type { Peers } from './peers.ts'

/** What serving objects needs. */
export type ObjectRoutesContext = {
  readonly store: ObjectStore
  readonly peers: Peers
  /** Bytes of the store that strangers may fill: the rest is kept for what this node makes itself. */
  readonly strangersBytesMax: number
}

const objectBytesMax = 256 * 2 ** 20
const uploadsMax = 16

/** `PUT`, `GET` (with one range) and `HEAD` of objects. Spec: docs/protocol.md section 8. */
export function addObjectRoutes(
  app: Hono,
  { store, peers, strangersBytesMax }: ObjectRoutesContext,
): void {
  let uploads = 0
  app.put('/v1/objects/:digest', async (c) => {
    const digest = c.req.param('digest')
    if (await store.has(digest)) return c.json({ digest }) // Nothing is read: it is here already.
    const take = (bytes: number): void => {
      if (store.usedBytes + bytes <= strangersBytesMax) return
      throw new OperationError(
        'store-full',
        'Cannot take the object: the part of the store that is open to everybody is used up; ask another node',
        { retryable: true },
      )
    }
    take(Number(c.req.header('content-length') ?? 0))
    if (uploads >= uploadsMax)
      throw new OperationError(
        'busy',
        `Cannot take the object now: ${uploadsMax} uploads are under way`,
        {
          retryable: true,
        },
      )
    uploads++
    try {
      await store.put(digest, counted(bodyParts(c, objectBytesMax), take))
      return c.json({ digest }, 201)
    } finally {
      uploads--
    }
  })

  // Hono answers HEAD by the route of GET without its body.
  app.get('/v1/objects/:digest', async (c) => {
    const digest = c.req.param('digest')
    const local = c.req.header('x-cloister-local') !== undefined || c.req.method === 'HEAD'
    if (!(local ? await store.has(digest) : await peers.obtain(digest, 'stranger')))
      throw new OperationError('object-absent', `This node has no object ${digest}`)
    const size = (await store.size(digest)) ?? 0
    const range = readRange(c.req.header('range'), size)
    const headers = {
      'content-type': 'application/octet-stream',
      'content-length': String(range?.length ?? size),
      'accept-ranges': 'bytes',
      // Its name is its content.
      etag: `"${digest}"`,
      'cache-control': 'public, max-age=31536000, immutable',
    }
    const body = c.req.method === 'HEAD' ? null : toStream(store.stream(digest, range))
    if (range === undefined) return new Response(body, { headers })
    const { offset, length } = range
    const contentRange = `bytes ${offset}-${offset + length - 1}/${size}`
    return new Response(body, {
      status: 206,
      headers: { ...headers, 'content-range': contentRange },
    })
  })
}

// A body need not say how long it is, and several come at once: what is written so far counts as used.
async function* counted(
  parts: AsyncIterable<Bytes>,
  take: (bytes: number) => void,
): AsyncGenerator<Bytes> {
  for await (const part of parts) {
    take(part.length)
    yield part
  }
}

/**
 * The one range that a `Range` header asks for; undefined for the whole, also where it asks for several.
 *
 * Spec: RFC 9110 section 14. @throws {OperationError} `bad-range` where it lies outside.
 */
export function readRange(header: string | undefined, size: number): ByteRange | undefined {
  const [, from = '', to = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? '') ?? []
  if (from === '' && to === '') return undefined
  const offset = from === '' ? Math.max(0, size - Number(to)) : Number(from)
  const end = from === '' || to === '' ? size : Math.min(size, Number(to) + 1)
  if (offset < end) return { offset, length: end - offset }
  throw new OperationError('bad-range', `Cannot give ${header}: the object has ${size} bytes`)
}

function toStream(
  parts: AsyncGenerator<Uint8Array<ArrayBuffer>>,
): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await parts.next()
      if (done === true) controller.close()
      else controller.enqueue(value)
    },
    async cancel() {
      await parts.return(undefined)
    },
  })
}
