import { createHash } from 'node:crypto'

import { OperationError } from '@cloister/codec'
import {
  contentDigest,
  contentId,
  storedBytesMax,
  type PartRange,
  type ReadableStore,
} from '@cloister/protocol'

import { fetchBytes, refusalOf } from '../http-client.ts'

const transferMs = 10 * 60_000

/**
 * An IPFS gateway to read from: each object is the raw block whose content id holds its SHA-256. A gateway that gives other bytes is noticed here.
 * Nothing can be written through a gateway; `ipfs block put --allow-big-block` puts a part where one finds it.
 *
 * Spec: https://specs.ipfs.tech/http-gateways/trustless-gateway/
 */
export function openIpfsGateway(base: string): ReadableStore {
  const url = new URL(base)
  const origin = `${url.origin}${url.pathname.replace(/\/+$/, '')}`
  const ask = async (digest: string, method: 'GET' | 'HEAD', bytesMax: number) => {
    const cid = contentId(digest)
    try {
      return await fetchBytes(`${origin}/ipfs/${cid}?format=raw`, {
        method,
        headers: { accept: 'application/vnd.ipld.raw' },
        timeoutMs: transferMs,
        answerBytesMax: bytesMax,
      })
    } catch (cause) {
      throw asStoreError(origin, digest, cause)
    }
  }
  return {
    name: origin,
    has: async (digest) => {
      try {
        await ask(digest, 'HEAD', 0)
        return true
      } catch (error) {
        if (error instanceof OperationError && error.code === 'object-absent') return false
        throw error
      }
    },
    // Only whole blocks can be held against their name.
    get: async (digest, range?: PartRange, bytesMax = storedBytesMax) => {
      const { bytes } = await ask(digest, 'GET', Math.max(bytesMax, storedBytesMax))
      const found = createHash('sha256').update(bytes).digest('hex')
      if (found !== contentDigest(contentId(digest)))
        throw new OperationError(
          'store-refused',
          `Cannot use what ${origin} gives for object ${digest}: its bytes have SHA-256 ${found}; ask another gateway`,
          { retryable: true },
        )
      return range === undefined ? bytes : bytes.slice(range.offset, range.offset + range.length)
    },
  }
}

function asStoreError(origin: string, digest: string, cause: unknown): OperationError {
  const status = refusalOf(cause)?.status
  if (status === 404 || status === 410)
    return new OperationError('object-absent', `Cannot find object ${digest} at ${origin}`, {
      cause,
    })
  const refused = status !== undefined && status < 500 && status !== 429
  const detail = cause instanceof Error ? cause.message : 'unknown failure'
  return new OperationError(
    refused ? 'store-refused' : 'store-unreachable',
    `Cannot read object ${digest} at ${origin}: ${detail}`,
    { cause, retryable: !refused },
  )
}
