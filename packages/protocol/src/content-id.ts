import { concatBytes, encodeHex, MalformedError, parseHex, type Bytes } from '@cloister/codec'

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
// Version 1, codec raw (0x55), SHA-256 (0x12) of 32 bytes (0x20).
const prefix = Uint8Array.of(0x01, 0x55, 0x12, 0x20)

/**
 * IPFS's name for a block of bytes with this SHA-256: a CIDv1 of codec raw, in base 32.
 *
 * Spec: https://github.com/multiformats/cid, multibase `b` (RFC 4648 base 32, lower case, no padding).
 */
export function contentId(digest: string): string {
  return `b${encodeBase32(concatBytes(prefix, parseHex(digest, 'digest')))}`
}

/**
 * The SHA-256 that such a name holds, as 64 hexadecimal digits.
 *
 * @throws {MalformedError} for another version, codec, hash or base: their digest is not that of the bytes.
 */
export function contentDigest(cid: string): string {
  const bytes = cid.startsWith('b') && cid.length === 59 ? decodeBase32(cid.slice(1)) : undefined
  if (
    bytes === undefined ||
    bytes.length !== 36 ||
    prefix.some((byte, index) => bytes[index] !== byte) ||
    `b${encodeBase32(bytes)}` !== cid
  )
    throw new MalformedError(
      'content id',
      0,
      'expected a CIDv1 of codec raw with a SHA-256, in lower-case base 32 (b...)',
    )
  return encodeHex(bytes.subarray(4))
}

function encodeBase32(bytes: Bytes): string {
  let [text, bits, count] = ['', 0, 0]
  for (const byte of bytes) {
    bits = (bits << 8) | byte
    count += 8
    for (; count >= 5; count -= 5) text += alphabet[(bits >>> (count - 5)) & 31] ?? ''
    bits &= (1 << count) - 1
  }
  return count === 0 ? text : text + (alphabet[(bits << (5 - count)) & 31] ?? '')
}

function decodeBase32(text: string): Bytes | undefined {
  const bytes: number[] = []
  let [bits, count] = [0, 0]
  for (const character of text) {
    const value = alphabet.indexOf(character)
    if (value < 0) return undefined
    bits = (bits << 5) | value
    count += 5
    if (count < 8) continue
    count -= 8
    bytes.push(bits >>> count)
    bits &= (1 << count) - 1
  }
  return Uint8Array.from(bytes)
}
