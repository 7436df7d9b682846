import { assert, concatBytes, encodeUtf8, type Bytes } from '@cloister/codec'

/** What a report says: every field as it is written, so that tests can write wrong ones. */
export type ReportContent = {
  /** 32 bytes. */
  readonly requestNonce: Bytes
  /** 32 bytes. */
  readonly responseNonce: Bytes
  readonly slot: number
  /** Values of 48 bytes; the first is block 1. */
  readonly measurements: readonly Bytes[]
  readonly opaque: readonly (readonly [type: number, value: Bytes])[]
}

const version = 0x11

/**
 * Writes a GET_MEASUREMENTS request for all measurements with a signature, and the response up to that signature.
 *
 * Spec: DMTF DSP0274 1.1, sections 10.11.1 and 10.11.2.
 */
export function encodeReport(content: ReportContent): Bytes {
  const { requestNonce, responseNonce, slot, measurements, opaque } = content
  assert(requestNonce.length === 32 && responseNonce.length === 32, 'nonces have 32 bytes')
  const blocks = measurements.map((value, index) =>
    concatBytes(
      Uint8Array.of(index + 1, 1),
      little(value.length + 3, 2),
      Uint8Array.of(1), // Digest of mutable firmware.
      little(value.length, 2),
      value,
    ),
  )
  const record = concatBytes(...blocks)
  const fields = concatBytes(
    ...opaque.map(([type, value]) => concatBytes(little(type, 2), little(value.length, 2), value)),
  )
  return concatBytes(
    Uint8Array.of(version, 0xe0, 0x01, 0xff),
    requestNonce,
    Uint8Array.of(slot),
    Uint8Array.of(version, 0x60, 0, slot, blocks.length),
    little(record.length, 3),
    record,
    responseNonce,
    little(fields.length, 2),
    fields,
  )
}

/** A text that ends in a zero, as opaque data has them. */
export function zeroEnded(text: string): Bytes {
  return encodeUtf8(`${text}\0`)
}

/** A number, its lowest byte first. */
export function little(value: number, size: number): Bytes {
  return Uint8Array.from({ length: size }, (_, index) => Math.floor(value / 256 ** index) & 0xff)
}
