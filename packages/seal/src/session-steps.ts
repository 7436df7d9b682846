import { concatBytes, MalformedError, type Bytes } from '@cloister/codec'

const prefixBytes = 4
const stepBytesMax = 65_536

/**
 * Fills content up to a step, so that its size tells no more than the step: a power of two of at least `leastBytes`, and from 64 KiB
 * on a multiple of 64 KiB. Four bytes of true length, big-endian, the content, then zeros.
 */
export function padToStep(content: Uint8Array, leastBytes: number): Bytes {
  const needed = prefixBytes + content.length
  const prefix = new Uint8Array(prefixBytes)
  new DataView(prefix.buffer).setUint32(0, content.length)
  return concatBytes(prefix, content, new Uint8Array(stepFor(needed, leastBytes) - needed))
}

/** The step that holds so many bytes. */
export function stepFor(bytes: number, leastBytes: number): number {
  let step = leastBytes
  while (step < bytes && step < stepBytesMax) step *= 2
  return step >= bytes ? step : Math.ceil(bytes / stepBytesMax) * stepBytesMax
}

/**
 * Takes the padding off again.
 *
 * @throws {MalformedError} where the length does not fit, or the padding is not zero.
 */
export function unpad(padded: Bytes, field: string): Bytes {
  if (padded.length < prefixBytes)
    throw new MalformedError(field, 0, `got ${padded.length} bytes, expected at least 4`)
  const size = new DataView(padded.buffer, padded.byteOffset).getUint32(0)
  const end = prefixBytes + size
  if (end > padded.length)
    throw new MalformedError(field, 0, `a length of ${size} in ${padded.length} bytes`)
  if (padded.subarray(end).some((byte) => byte !== 0))
    throw new MalformedError(field, end, 'padding that is not zero')
  return padded.subarray(prefixBytes, end)
}
