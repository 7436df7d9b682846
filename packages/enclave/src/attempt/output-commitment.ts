import { encodeUtf8, parseHex, type Bytes } from '@cloister/codec'
import { bytesToHex, type Hex } from 'viem'

/** A key that commits to outputs; it can do nothing else, and never leaves the enclave. */
export type CommitmentKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>

const info = encodeUtf8('cloister/output-commitment/1')

/**
 * The key that an order's outputs are committed to with: HKDF-SHA-256 of the last asset's data key, salted with the order's digest.
 *
 * Each replica of an order comes to the same key, so equal outputs have equal commitments; who has no data key learns nothing from one.
 * Spec: docs/protocol.md section 2a.
 */
export async function commitmentKey(dataKey: Bytes, orderDigest: Hex): Promise<CommitmentKey> {
  const material = await crypto.subtle.importKey('raw', dataKey, 'HKDF', false, ['deriveKey'])
  return crypto.subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: parseHex(orderDigest, 'order digest'), info },
    material,
    { name: 'HMAC', hash: 'SHA-256', length: 256 },
    false,
    ['sign'],
  )
}

/** Commits to an output's plaintext. */
export async function commitOutput(key: CommitmentKey, plaintext: Bytes): Promise<Hex> {
  return bytesToHex(new Uint8Array(await crypto.subtle.sign('HMAC', key, plaintext)))
}
