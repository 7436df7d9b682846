import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  type KeyObject,
} from 'node:crypto'

import type { Bytes } from '@cloister/codec'

import type { ChunkCipher, ChunkJob, PartHash, Sha256 } from './chunk-cipher.ts'
import { tagBytes } from './chunk-layout.ts'

const algorithm = 'aes-256-gcm'

/** AES-256-GCM with node:crypto, synchronous underneath: an extra thread costs more than a 16 KiB chunk. */
export function createChunkCipher(key: Bytes): Promise<ChunkCipher> {
  const secret = createSecretKey(key)
  return Promise.resolve({
    sealAll: (jobs) => {
      for (const job of jobs) sealOne(secret, job)
      return Promise.resolve()
    },
    openAll: (jobs) => Promise.resolve(jobs.findIndex((job) => !openOne(secret, job))),
  })
}

/** HMAC-SHA-512. */
export function hmacSha512(key: Bytes, message: Bytes): Promise<Bytes> {
  return Promise.resolve(new Uint8Array(createHmac('sha512', key).update(message).digest()))
}

/** SHA-256 in pieces. */
export function createSha256(): Sha256 {
  const hash = createHash('sha256')
  return {
    update: (bytes) => {
      hash.update(bytes)
    },
    digest: () => new Uint8Array(hash.digest()),
  }
}

/** SHA-256 of one part, piece by piece: a thread of its own would have to copy it. */
export function createPartHash(): PartHash {
  const { update, digest } = createSha256()
  return { update, digest: () => Promise.resolve(digest()) }
}

function sealOne(secret: KeyObject, { nonce, from, to }: ChunkJob): void {
  const cipher = createCipheriv(algorithm, secret, nonce, { authTagLength: tagBytes })
  to.set(cipher.update(from))
  cipher.final()
  to.set(cipher.getAuthTag(), from.length)
}

function openOne(secret: KeyObject, { nonce, from, to }: ChunkJob): boolean {
  const decipher = createDecipheriv(algorithm, secret, nonce, { authTagLength: tagBytes })
  decipher.setAuthTag(from.subarray(to.length))
  const plain = decipher.update(from.subarray(0, to.length))
  try {
    decipher.final()
  } catch {
    plain.fill(0)
    return false
  }
  to.set(plain)
  return true
}
