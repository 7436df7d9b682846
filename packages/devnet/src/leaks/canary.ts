import { encodeBase64, encodeHex, encodeUtf8, type Bytes } from '@cloister/codec'

/** Something secret that stands in an owner's data and must be found nowhere else. `owner` names the owner's folder. */
export type Canary = { readonly name: string; readonly owner: string } & (
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number'; readonly value: number }
)

/** One byte string that gives a canary away, and the encoding it is in. */
export type Needle = {
  readonly canary: string
  readonly encoding: string
  readonly bytes: Bytes
}

/** Shortest needle that is searched for: a shorter one would be found by chance. */
const needleBytesMin = 4

/**
 * Every byte string that would give `canaries` away: raw text, decimal, hex (either case), base64 at its three
 * offsets, and for numbers f32 and f64 in both byte orders (and hex and base64 of those).
 *
 * Compressed copies are found by inflating what is searched, not by more needles.
 *
 * @throws {RangeError} for a canary whose encodings are too short to be told from chance.
 */
export function needlesOf(canaries: readonly Canary[]): readonly Needle[] {
  return canaries.flatMap((canary) =>
    rawForms(canary).flatMap(({ encoding, bytes }) => {
      if (bytes.length < needleBytesMin)
        throw new RangeError(
          `Cannot search for ${canary.name} as ${encoding}: ${bytes.length} bytes`,
        )
      return encodedForms(canary.name, encoding, bytes)
    }),
  )
}

/** Every byte string that would give a secret of these bytes away: raw, hex, base64 at its three offsets. */
export function encodedNeedles(name: string, bytes: Bytes): readonly Needle[] {
  return encodedForms(name, 'raw', bytes)
}

type Form = { readonly encoding: string; readonly bytes: Bytes }

function rawForms(canary: Canary): readonly Form[] {
  if (canary.kind === 'text') return [{ encoding: 'raw', bytes: encodeUtf8(canary.text) }]
  return [
    { encoding: 'decimal', bytes: encodeUtf8(String(canary.value)) },
    ...[true, false].flatMap((littleEndian) => {
      const order = littleEndian ? 'little-endian' : 'big-endian'
      return [
        { encoding: `f32 ${order}`, bytes: floatBytes(canary.value, 4, littleEndian) },
        { encoding: `f64 ${order}`, bytes: floatBytes(canary.value, 8, littleEndian) },
      ]
    }),
  ]
}

function encodedForms(canary: string, encoding: string, bytes: Bytes): readonly Needle[] {
  const hex = encodeHex(bytes)
  return [
    { canary, encoding, bytes },
    { canary, encoding: `${encoding}, hex`, bytes: encodeUtf8(hex) },
    { canary, encoding: `${encoding}, upper-case hex`, bytes: encodeUtf8(hex.toUpperCase()) },
    ...[0, 1, 2].map((offset) => ({
      canary,
      encoding: `${encoding}, base64 at offset ${offset}`,
      bytes: encodeUtf8(base64Core(bytes, offset)),
    })),
  ].filter((needle) => needle.bytes.length >= needleBytesMin)
}

/** The characters of base64 that depend on `bytes` alone, where `offset` unknown bytes stand before them. */
function base64Core(bytes: Bytes, offset: number): string {
  const padded = new Uint8Array(offset + bytes.length)
  padded.set(bytes, offset)
  const firstWhole = Math.ceil((offset * 8) / 6)
  const end = Math.floor((padded.length * 8) / 6)
  return encodeBase64(padded).slice(firstWhole, end)
}

function floatBytes(value: number, size: 4 | 8, littleEndian: boolean): Bytes {
  const view = new DataView(new ArrayBuffer(size))
  if (size === 4) view.setFloat32(0, value, littleEndian)
  else view.setFloat64(0, value, littleEndian)
  return new Uint8Array(view.buffer)
}
