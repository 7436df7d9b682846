// Cobblestone-256 a second time, from its specification and with other means than the package's: whole buffers, BigInt nonces,
// node:crypto's HMAC. Expectations come from here and from the published vectors.
import { createCipheriv, createHmac } from 'node:crypto'

/** Seals `plain` in one go. */
export function referenceSeal(
  key: Uint8Array,
  context: Uint8Array,
  salt: Uint8Array,
  plain: Uint8Array,
) {
  const info = Buffer.concat([
    Buffer.from('c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0', 'latin1'),
    salt,
    context,
  ])
  let block = Buffer.alloc(0)
  let output = Buffer.alloc(0)
  for (let counter = 1; output.length < 76; counter++) {
    block = createHmac('sha512', key)
      .update(block)
      .update(info)
      .update(Uint8Array.of(counter))
      .digest()
    output = Buffer.concat([output, block])
  }
  const parts: Uint8Array[] = [salt, output.subarray(44, 76)]
  for (let number = 0; number * 16384 <= plain.length; number++) {
    const cipher = createCipheriv(
      'aes-256-gcm',
      output.subarray(0, 32),
      referenceNonce(output.subarray(32, 44), number),
    )
    parts.push(cipher.update(plain.subarray(number * 16384, number * 16384 + 16384)))
    cipher.final()
    parts.push(cipher.getAuthTag())
  }
  return new Uint8Array(Buffer.concat(parts))
}

/** The nonce of a chunk: the base nonce as one 96-bit number, XOR the chunk's number. */
export function referenceNonce(base: Uint8Array, number: number) {
  const value = BigInt(`0x${Buffer.from(base).toString('hex')}`) ^ BigInt(number)
  return Buffer.from(value.toString(16).padStart(24, '0'), 'hex')
}
