import { constants, createHash, privateEncrypt, type KeyObject } from 'node:crypto'
import { assert, concatBytes, encodeUtf8, type Bytes } from '@cloister/codec'

/** Hashes that signatures are made with. */
export type PssHash = 'sha1' | 'sha256' | 'sha384' | 'sha512'

/**
 * RSASSA-PSS with a salt as long as the hash, which follows from key and message: equal inputs, equal signatures.
 *
 * The salt needs no secret: a fixed one would do (RFC 8017 section 9.1, note 4). `modulusBits` is a multiple of eight.
 *
 * Spec: RFC 8017 sections 8.1.1 and 9.1.1.
 */
export function signPss(
  key: KeyObject,
  modulusBits: number,
  hash: PssHash,
  message: Uint8Array,
): Bytes {
  assert(modulusBits % 8 === 0, `a modulus of ${modulusBits} bits is no whole number of bytes`)
  const size = modulusBits / 8
  const digest = hashed(hash, message)
  const salt = hashed(hash, saltDomain, digest)
  const check = hashed(hash, new Uint8Array(8), digest, salt)
  const padding = new Uint8Array(size - digest.length - salt.length - 2)
  const block = concatBytes(padding, Uint8Array.of(1), salt)
  const mask = generateMask(hash, check, block.length)
  const masked = block.map((byte, index) => byte ^ (mask[index] ?? 0))
  masked[0] = (masked[0] ?? 0) & 0x7f // The number has one bit less than the modulus.
  const encoded = concatBytes(masked, check, Uint8Array.of(0xbc))
  return new Uint8Array(privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, encoded))
}

const saltDomain = encodeUtf8('cloister/emulator/1/pss-salt\0')

/** MGF1. Spec: RFC 8017 appendix B.2.1. */
function generateMask(hash: PssHash, seed: Uint8Array, size: number): Bytes {
  const blocks: Bytes[] = []
  for (let have = 0; have < size; have += seed.length)
    blocks.push(hashed(hash, seed, Uint8Array.of(0, 0, 0, blocks.length)))
  return concatBytes(...blocks).slice(0, size)
}

function hashed(hash: PssHash, ...parts: readonly Uint8Array[]): Bytes {
  const running = createHash(hash)
  for (const part of parts) running.update(part)
  return new Uint8Array(running.digest())
}
