import type { Bytes } from '@cloister/codec'

/** Types of numbers of which some have more spellings than one. */
export type AmbiguousNumber = 'F16' | 'BF16' | 'F32' | 'F64' | 'BOOL'

const views = { F16: Uint16Array, BF16: Uint16Array, F32: Uint32Array } as const
const patterns = {
  F16: { infinity: 0x7c00, sign: 0x7fff, quiet: 0x7e00 },
  BF16: { infinity: 0x7f80, sign: 0x7fff, quiet: 0x7fc0 },
  F32: { infinity: 0x7f80_0000, sign: 0x7fff_ffff, quiet: 0x7fc0_0000 },
} as const
const infinity64 = 0x7ff0_0000_0000_0000n
const sign64 = 0x7fff_ffff_ffff_ffffn
const quiet64 = 0x7ff8_0000_0000_0000n

/**
 * A copy of little-endian numbers in which what means the same is written the same: every NaN is one NaN (a float of single precision has
 * 16,777,214 of them), every yes is 1. Bytes past the last whole number stay as they are.
 */
export function canonicalNumbers(bytes: Bytes, type: AmbiguousNumber): Bytes {
  const copy = bytes.slice()
  if (type === 'BOOL') return copy.map((byte) => (byte === 0 ? 0 : 1))
  if (type === 'F64') {
    const numbers = new BigUint64Array(copy.buffer, 0, Math.floor(copy.length / 8))
    for (const [index, bits] of numbers.entries())
      if ((bits & sign64) > infinity64) numbers[index] = quiet64
    return copy
  }
  const View = views[type]
  const { infinity, sign, quiet } = patterns[type]
  const numbers = new View(copy.buffer, 0, Math.floor(copy.length / View.BYTES_PER_ELEMENT))
  for (let index = 0; index < numbers.length; index++)
    if (((numbers[index] ?? 0) & sign) > infinity) numbers[index] = quiet
  return copy
}
