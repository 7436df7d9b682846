import { concatBytes, encodeUtf8, MalformedError, type Bytes } from '@cloister/codec'

import { createChunkCipher, hmacSha512 } from '#crypto'

import type { ChunkCipher } from './chunk-cipher.ts'
import { requireChunkNumber } from './chunk-layout.ts'

/** Bytes of the key that seals objects. */
export const keyBytes = 32

/** The longest context that is accepted. */
export const contextBytesMax = 65_536

/** What one salt gives: the cipher of one object, its first nonce, and the commitment to key, salt and context. */
export type ChunkKeys = {
  readonly cipher: ChunkCipher
  readonly baseNonce: Bytes
  readonly commitment: Bytes
}

const infoPrefix = concatBytes(
  encodeUtf8('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM'),
  Uint8Array.of(0),
)

/** Derives the keys of one object. Spec: C2SP chunked-encryption, "Key derivation", as Cobblestone-256. */
export async function deriveChunkKeys(key: Bytes, salt: Bytes, context: Bytes): Promise<ChunkKeys> {
  const info = concatBytes(infoPrefix, salt, context)
  // HKDF-Expand with SHA-512 (RFC 5869, 2.3): 32 + 12 + 32 bytes need two blocks of 64.
  const first = await hmacSha512(key, concatBytes(info, Uint8Array.of(1)))
  const second = await hmacSha512(key, concatBytes(first, info, Uint8Array.of(2)))
  const output = concatBytes(first, second)
  const cipher = await createChunkCipher(output.slice(0, 32))
  return { cipher, baseNonce: output.slice(32, 44), commitment: output.slice(44, 76) }
}

/**
 * The nonce of chunk `number`: the base nonce XOR the number in big-endian. Spec: "AEAD usage".
 *
 * @throws {OperationError} `too-large`, from 2^38 on.
 */
export function chunkNonce(baseNonce: Bytes, number: number): Bytes {
  requireChunkNumber(number)
  const nonce = baseNonce.slice()
  const view = new DataView(nonce.buffer)
  view.setUint32(4, (view.getUint32(4) ^ Math.floor(number / 2 ** 32)) >>> 0)
  view.setUint32(8, (view.getUint32(8) ^ (number % 2 ** 32)) >>> 0)
  return nonce
}

/**
 * Requires a 32-byte key and a context within its limit.
 *
 * @throws {MalformedError} naming which.
 */
export function requireKeyAndContext(key: Bytes, context: Bytes): void {
  if (key.length !== keyBytes)
    throw new MalformedError('key', 0, `got ${key.length} bytes, expected ${keyBytes}`)
  if (context.length > contextBytesMax)
    throw new MalformedError(
      'context',
      0,
      `got ${context.length} bytes, expected at most ${contextBytesMax}`,
    )
}
