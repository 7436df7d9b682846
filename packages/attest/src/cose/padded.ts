import {
  MalformedError,
  parseCborPrefix,
  type Bytes,
  type Cbor,
  type CborLimits,
} from '@cloister/codec'

/**
 * Reads one item at the start of `bytes`. Zeros after it are padding, as buffers of a fixed size have; other bytes are
 * none.
 *
 * @throws {MalformedError} naming `field`.
 */
export function parsePadded(bytes: Bytes, field: string, limits: CborLimits): Cbor {
  const { value, size } = parseCborPrefix(bytes, field, limits)
  const padding = bytes.subarray(size).findIndex((byte) => byte !== 0)
  if (padding >= 0)
    throw new MalformedError(`${field} padding`, size + padding, 'bytes after it are not zero')
  return value
}
