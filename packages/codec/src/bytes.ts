import { MalformedError } from './errors.ts'

/** Bytes that WebCrypto accepts as they are: a view over memory that no other thread shares. */
export type Bytes = Uint8Array<ArrayBuffer>

/** Two digits in ASCII for each byte. */
const hexDigits = new TextEncoder().encode(
  Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0')).join(''),
)
/** Where digits are put before they become a text: written and read within one call. */
const hexScratch = new Uint8Array(1024)
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Joins byte strings into one. */
export function concatBytes(...parts: readonly Uint8Array[]): Bytes {
  return joinBytes(parts)
}

/** As {@link concatBytes}, for more parts than a call may have arguments. */
export function joinBytes(parts: readonly Uint8Array[]): Bytes {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0))
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

/** Negative, zero or positive as `a` comes before, equals or comes after `b`, byte for byte. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let index = 0; index < a.length && index < b.length; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Whether two byte strings are equal, in time that depends on their lengths only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let index = 0; index < a.length; index++) difference |= (a[index] ?? 0) ^ (b[index] ?? 0)
  return difference === 0
}

/** Lower-case hexadecimal without a prefix. */
export function encodeHex(bytes: Uint8Array): string {
  const chunkMax = hexScratch.length / 2
  if (bytes.length <= chunkMax) return hexOf(bytes)
  let hex = ''
  for (let start = 0; start < bytes.length; start += chunkMax)
    hex += hexOf(bytes.subarray(start, start + chunkMax))
  return hex
}

/** One decoded text is several times cheaper than a text that grows by pairs. */
function hexOf(bytes: Uint8Array): string {
  let at = 0
  for (let index = 0; index < bytes.length; index++) {
    const digits = 2 * (bytes[index] ?? 0)
    hexScratch[at++] = hexDigits[digits] ?? 0
    hexScratch[at++] = hexDigits[digits + 1] ?? 0
  }
  return decoder.decode(hexScratch.subarray(0, at))
}

/**
 * Reads hexadecimal, upper or lower case, with or without `0x`.
 *
 * @throws {MalformedError} naming `field`, on an odd length or another character.
 */
export function parseHex(hex: string, field = 'hexadecimal'): Bytes {
  const digits = hex.startsWith('0x') ? hex.slice(2) : hex
  if (digits.length % 2 !== 0)
    throw new MalformedError(field, digits.length, 'odd number of hexadecimal digits')
  const bad = digits.search(/[^0-9a-fA-F]/)
  if (bad >= 0)
    throw new MalformedError(
      field,
      bad,
      `got ${JSON.stringify(digits[bad])}, expected a hexadecimal digit`,
    )
  const bytes = new Uint8Array(digits.length / 2)
  for (let index = 0; index < bytes.length; index++)
    bytes[index] =
      nibble(digits.charCodeAt(index * 2)) * 16 + nibble(digits.charCodeAt(index * 2 + 1))
  return bytes
}

/** The value of a hexadecimal digit that is known to be one. */
function nibble(code: number): number {
  return code < 0x3a ? code - 0x30 : (code & 0x1f) + 9
}

/** Standard base64 with padding. Spec: RFC 4648 section 4. */
export function encodeBase64(bytes: Uint8Array): string {
  let binary = ''
  for (let start = 0; start < bytes.length; start += 0x8000)
    binary += String.fromCharCode(...bytes.subarray(start, start + 0x8000))
  return btoa(binary)
}

/**
 * Reads standard base64. White space, missing padding and non-canonical endings are refused.
 *
 * @throws {MalformedError} naming `field`.
 */
export function parseBase64(text: string, field = 'base64'): Bytes {
  const end = text.endsWith('==') ? text.length - 2 : text.length - (text.endsWith('=') ? 1 : 0)
  if (text.length % 4 !== 0)
    throw new MalformedError(field, text.length, 'base64 without its padding')
  checkAlphabet(text, end, /[^A-Za-z0-9+/]/, field)
  return decodeBase64(text, end, field)
}

/** Base64 for URLs, without padding, as JWK and JWT have it. Spec: RFC 4648 section 5, RFC 7515 section 2. */
export function encodeBase64Url(bytes: Uint8Array): string {
  return encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/**
 * Reads base64 for URLs. White space, padding and non-canonical endings are refused.
 *
 * @throws {MalformedError} naming `field`.
 */
export function parseBase64Url(text: string, field = 'base64url'): Bytes {
  checkAlphabet(text, text.length, /[^A-Za-z0-9_-]/, field)
  if (text.length % 4 === 1)
    throw new MalformedError(field, text.length, 'base64url that ends inside a byte')
  const padding = '='.repeat((4 - (text.length % 4)) % 4)
  const base64 = text.replaceAll('-', '+').replaceAll('_', '/') + padding
  return decodeBase64(base64, text.length, field)
}

/** A search for what is wrong, not a match of what is right: that one runs out of stack on long texts. */
function checkAlphabet(text: string, end: number, outside: RegExp, field: string): void {
  const bad = text.search(outside)
  if (bad >= 0 && bad < end)
    throw new MalformedError(field, bad, `got ${JSON.stringify(text[bad])}, which is not base64`)
}

/** Reads base64 with padding that is known to hold no other character before `end`. */
function decodeBase64(text: string, end: number, field: string): Bytes {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let index = 0; index < bytes.length; index++) bytes[index] = binary.charCodeAt(index)
  // Only the last group has bits that stand for nothing: it has to be what we would write.
  if (!text.endsWith(encodeBase64(bytes.subarray(bytes.length - (bytes.length % 3)))))
    throw new MalformedError(field, end, 'base64 does not end in zero bits')
  return bytes
}

/** UTF-8 bytes of a text. */
export function encodeUtf8(text: string): Bytes {
  return encoder.encode(text)
}

/**
 * Reads UTF-8 strictly.
 *
 * @throws {MalformedError} naming `field`, where the bytes are not UTF-8.
 */
export function parseUtf8(bytes: Uint8Array, field = 'text'): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new MalformedError(field, 0, 'not UTF-8', { cause })
  }
}
