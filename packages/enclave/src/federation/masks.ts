import { concatBytes, encodeUtf8, OperationError, parseHex, type Bytes } from '@cloister/codec'
import type { Hex } from 'viem'

/** Bytes of the secret that two members share, and of the key that follows from it for one round. */
export const pairSecretBytes = 32

const info = encodeUtf8('cloister/federation-mask/1\0')

/**
 * The key of one pair's mask in one round: HKDF-SHA256 over the pair's secret. It tells nothing about the pair's other rounds, so
 * it can be given away when one of the two is gone.
 *
 * Spec: RFC 5869; docs/federated.md, "A round".
 */
export async function pairRoundKey(secret: Bytes, plan: Hex, round: number): Promise<Bytes> {
  if (secret.length !== pairSecretBytes)
    throw new OperationError('note-refused', 'a pair secret has another length than 32 bytes')
  const key = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits'])
  const number = new Uint8Array(4)
  new DataView(number.buffer).setUint32(0, round)
  const bound = concatBytes(info, parseHex(plan, 'plan'), number)
  const given = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(32), info: bound }
  return new Uint8Array(await crypto.subtle.deriveBits(given, key, pairSecretBytes * 8))
}

/**
 * Adds the mask that follows from `key` to `words` in place, or takes it away: AES-256-CTR from a zero counter, which is safe
 * because each key makes one mask. Modulo 2^32.
 */
export async function applyMask(words: Uint32Array, key: Bytes, sign: 1 | -1): Promise<void> {
  const cipher = await crypto.subtle.importKey('raw', key, 'AES-CTR', false, ['encrypt'])
  const zeros = new Uint8Array(words.length * 4)
  const counter = { name: 'AES-CTR', counter: new Uint8Array(16), length: 64 }
  const stream = new DataView(await crypto.subtle.encrypt(counter, cipher, zeros))
  words.forEach((word, index) => {
    const mask = stream.getUint32(index * 4, true)
    words[index] = sign === 1 ? word + mask : word - mask
  })
}

/** One of a pair adds the mask and the other takes it away, so that in a sum of both it is gone. */
export function maskSign(own: Hex, other: Hex): 1 | -1 {
  return own.toLowerCase() < other.toLowerCase() ? 1 : -1
}
