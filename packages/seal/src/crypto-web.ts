import type { Bytes } from '@cloister/codec'

import type { ChunkCipher, ChunkJob, PartHash, Sha256 } from './chunk-cipher.ts'
import { PortableSha256 } from './portable-sha256.ts'

const algorithm = 'AES-GCM'

type Secret = Awaited<ReturnType<typeof crypto.subtle.importKey>>

/** AES-256-GCM with WebCrypto, the chunks of a batch in flight together. */
export async function createChunkCipher(key: Bytes): Promise<ChunkCipher> {
  const secret = await crypto.subtle.importKey('raw', key, algorithm, false, ['encrypt', 'decrypt'])
  return {
    sealAll: async (jobs) => {
      await Promise.all(jobs.map((job) => sealOne(secret, job)))
    },
    openAll: async (jobs) => {
      const opened = await Promise.all(jobs.map((job) => openOne(secret, job)))
      return opened.indexOf(false)
    },
  }
}

/** HMAC-SHA-512. */
export async function hmacSha512(key: Bytes, message: Bytes): Promise<Bytes> {
  const hmac = { name: 'HMAC', hash: 'SHA-512' }
  const secret = await crypto.subtle.importKey('raw', key, hmac, false, ['sign'])
  return new Uint8Array(await crypto.subtle.sign('HMAC', secret, message))
}

/** SHA-256 in pieces, which WebCrypto does not offer. */
export function createSha256(): Sha256 {
  const hash = new PortableSha256()
  return {
    update: (bytes) => {
      hash.update(bytes)
    },
    digest: () => hash.digest(),
  }
}

/** SHA-256 of one part with WebCrypto, which takes all bytes at once. */
export function createPartHash(): PartHash {
  return {
    update: () => undefined,
    digest: async (part) => new Uint8Array(await crypto.subtle.digest('SHA-256', part)),
  }
}

async function sealOne(secret: Secret, { nonce, from, to }: ChunkJob): Promise<void> {
  to.set(new Uint8Array(await crypto.subtle.encrypt({ name: algorithm, iv: nonce }, secret, from)))
}

async function openOne(secret: Secret, { nonce, from, to }: ChunkJob): Promise<boolean> {
  try {
    to.set(
      new Uint8Array(await crypto.subtle.decrypt({ name: algorithm, iv: nonce }, secret, from)),
    )
    return true
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'OperationError') return false
    throw cause
  }
}
