import { assert, encodeDer, encodeUtf8, type Bytes, type UnixSeconds } from '@cloister/codec'

/** SEQUENCE. */
export function sequence(...members: readonly Uint8Array[]): Bytes {
  return encodeDer(0x30, ...members)
}

/** SET. The caller puts members in DER order. */
export function set(...members: readonly Uint8Array[]): Bytes {
  return encodeDer(0x31, ...members)
}

/** Context-specific constructed tag, as in `[3] EXPLICIT`. */
export function explicit(number: number, ...members: readonly Uint8Array[]): Bytes {
  return encodeDer(0xa0 + number, ...members)
}

/** INTEGER of an unsigned big-endian number. */
export function unsignedInteger(bigEndian: Uint8Array): Bytes {
  const first = bigEndian.findIndex((byte) => byte !== 0)
  if (first < 0) return encodeDer(0x02, Uint8Array.of(0))
  const magnitude = bigEndian.subarray(first)
  const high = (magnitude[0] ?? 0) >= 0x80
  return high ? encodeDer(0x02, Uint8Array.of(0), magnitude) : encodeDer(0x02, magnitude)
}

/** INTEGER of a small non-negative number. */
export function integer(value: number): Bytes {
  assert(Number.isSafeInteger(value) && value >= 0, `${value} is not a DER number`)
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
  return unsignedInteger(bytes)
}

/** ENUMERATED of a number below 128. */
export function enumerated(value: number): Bytes {
  assert(value >= 0 && value < 128, `${value} does not fit one octet`)
  return encodeDer(0x0a, Uint8Array.of(value))
}

/** BOOLEAN. */
export function boolean(value: boolean): Bytes {
  return encodeDer(0x01, Uint8Array.of(value ? 0xff : 0))
}

/** OCTET STRING. */
export function octetString(...contents: readonly Uint8Array[]): Bytes {
  return encodeDer(0x04, ...contents)
}

/** BIT STRING whose last octet has `unusedBits` unused bits. */
export function bitString(contents: Uint8Array, unusedBits = 0): Bytes {
  return encodeDer(0x03, Uint8Array.of(unusedBits), contents)
}

/** UTF8String. */
export function utf8String(text: string): Bytes {
  return encodeDer(0x0c, encodeUtf8(text))
}

/** PrintableString. */
export function printableString(text: string): Bytes {
  return encodeDer(0x13, encodeUtf8(text))
}

/** OBJECT IDENTIFIER of a dotted text. */
export function objectIdentifier(dotted: string): Bytes {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const octets = [first * 40 + second, ...rest].flatMap(base128)
  return encodeDer(0x06, Uint8Array.from(octets))
}

/** UTCTime: years 1950 to 2049, to the second. Spec: RFC 5280 section 4.1.2.5.1. */
export function utcTime(seconds: UnixSeconds): Bytes {
  const text = new Date(seconds * 1000).toISOString()
  assert(text >= '1950' && text < '2050', `${text} does not fit UTCTime`)
  return encodeDer(0x17, encodeUtf8(`${text.slice(2, 19).replaceAll(/[-:T]/g, '')}Z`))
}

function base128(value: number): number[] {
  const octets = [value % 128]
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
    octets.unshift((rest % 128) + 128)
  return octets
}
