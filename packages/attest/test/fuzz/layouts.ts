import type { Bytes } from '@cloister/codec'
import type { Field } from './mutate-bytes.ts'

/**
 * The fields of evidence in a binary format, told by its first bytes; none where it is in no such format.
 *
 * Read independently of the package's own parsers, and with a blind eye: a mutant of a mutant still has fields.
 */
export function fieldsOf(bytes: Bytes): readonly Field[] {
  const at = (offset: number): number => bytes[offset] ?? 0
  const version = at(0)
  if (version >= 3 && version <= 5 && at(1) === 0 && at(2) <= 3 && bytes.length > 600)
    if (at(4) === 0x81 || at(4) === 0) {
      const isQuote = !(bytes.length === 1184 && at(0x34) === 1)
      if (isQuote) return quoteFields(bytes)
    }
  if (bytes.length === 1184 && version <= 5) return snpFields
  if (at(0) === 0x11 && at(1) === 0xe0) return spdmFields(bytes)
  if (at(0) === 0xff && at(1) === 0x54 && at(2) === 0x43 && at(3) === 0x47) return tpmsFields(bytes)
  if (at(0) === 0x48 && at(1) === 0x43 && at(2) === 0x4c && at(3) === 0x41) return hclFields
  return []
}

const little = (offset: number, size: number): Field => ({ offset, size, kind: 'little' })
const big = (offset: number, size: number): Field => ({ offset, size, kind: 'big' })
const block = (offset: number, size: number): Field => ({ offset, size, kind: 'block' })

/** Blocks one after another, of these sizes. */
function blocks(offset: number, sizes: readonly number[]): readonly Field[] {
  let next = offset
  return sizes.map((size) => {
    next += size
    return block(next - size, size)
  })
}

/** How many bytes of authentication data a quote has beside the report of its quoting enclave. */
export function qeAuthenticationBytes(quote: Bytes): number {
  const view = new DataView(quote.buffer, quote.byteOffset, quote.length)
  const field = quoteFields(quote).at(-4)
  return field && field.offset + 2 <= quote.length ? view.getUint16(field.offset, true) : 0
}

/** Spec: Intel SGX DCAP quoting library API, A.4; Intel TDX DCAP quoting library API, A.3 and A.4. */
function quoteFields(bytes: Bytes): readonly Field[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const u16 = (offset: number): number =>
    offset + 2 <= bytes.length ? view.getUint16(offset, true) : 0
  const version = bytes[0] ?? 0
  const isTd = version === 5 ? u16(48) !== 1 : bytes[4] === 0x81
  const bodyAt = version === 5 ? 54 : 48
  const bodySize = isTd ? (version === 5 && u16(48) === 3 ? 648 : 584) : 384
  const signature = bodyAt + bodySize
  const outer = signature + 4 + 128
  const report = version === 3 ? outer : outer + 6
  const auth = report + 384 + 64
  const certification = auth + 2 + u16(auth)
  return [
    ...[little(0, 2), little(2, 2), little(4, 4), little(8, 2), little(10, 2)],
    ...[block(12, 16), block(28, 20)],
    ...(version === 5 ? [little(48, 2), little(50, 4)] : []),
    ...(isTd ? tdBody(bodyAt) : enclaveBody(bodyAt)),
    ...[little(signature, 4), block(signature + 4, 64), block(signature + 68, 64)],
    ...(version === 3 ? [] : [little(outer, 2), little(outer + 2, 4)]),
    ...enclaveBody(report),
    ...[block(report + 384, 64), little(auth, 2), block(auth + 2, 32)],
    ...[little(certification, 2), little(certification + 2, 4)],
  ]
}

function tdBody(at: number): readonly Field[] {
  const sizes = [16, 48, 48, 8, 8, 8, 48, 48, 48, 48, 48, 48, 48, 48, 64, 16, 48]
  return [...blocks(at, sizes), little(at + 112, 8), little(at + 120, 8), little(at + 128, 8)]
}

function enclaveBody(at: number): readonly Field[] {
  return [
    ...blocks(at, [16, 4, 28, 16, 32, 32, 32, 96, 2, 2, 60, 64]),
    ...[little(at + 48, 8), little(at + 256, 2), little(at + 258, 2)],
  ]
}

/** Spec: AMD SEV-SNP firmware ABI 56860, table ATTESTATION_REPORT. */
const snpFields: readonly Field[] = [
  ...[little(0, 4), little(4, 4), little(8, 8), little(0x30, 4), little(0x34, 4), little(0x38, 8)],
  ...[little(0x40, 8), little(0x48, 4), little(0x4c, 4), little(0x180, 8), little(0x1e0, 8)],
  ...[little(0x1f0, 8), little(0x1f8, 8), little(0x200, 8)],
  ...blocks(0x188, [1, 1, 1, 21, 64, 8, 4, 4]),
  ...blocks(0x10, [16, 16]),
  ...blocks(0x50, [64, 48, 32, 48, 48, 32, 32]),
  ...blocks(0x208, [0x98, 48, 24, 48, 24, 368]),
]

/** Spec: DMTF DSP0274 1.1, GET_MEASUREMENTS and MEASUREMENTS; opaque data as NVIDIA lays it out. */
function spdmFields(bytes: Bytes): readonly Field[] {
  const u16 = (offset: number): number => (bytes[offset] ?? 0) + 256 * (bytes[offset + 1] ?? 0)
  const fields: Field[] = [little(2, 1), little(3, 1), block(4, 32), little(36, 1)]
  fields.push(
    little(37, 1),
    little(38, 1),
    little(39, 1),
    little(40, 1),
    little(41, 1),
    little(42, 3),
  )
  const recordEnd = 45 + u16(42)
  let at = 45
  for (let count = 0; at + 7 <= recordEnd && count < 80; count++) {
    fields.push(little(at, 1), little(at + 1, 1), little(at + 2, 2), little(at + 4, 1))
    fields.push(little(at + 5, 2), block(at, 4 + u16(at + 2)))
    at += 4 + u16(at + 2)
  }
  fields.push(block(recordEnd, 32), little(recordEnd + 32, 2))
  const opaqueEnd = recordEnd + 34 + u16(recordEnd + 32)
  at = recordEnd + 34
  for (let count = 0; at + 4 <= opaqueEnd && count < 80; count++) {
    fields.push(little(at, 2), little(at + 2, 2), block(at, 4 + u16(at + 2)))
    at += 4 + u16(at + 2)
  }
  fields.push(block(opaqueEnd, 48), block(opaqueEnd + 48, 48))
  return fields
}

/** Spec: TCG TPM 2.0 library, part 2, TPMS_ATTEST and TPMS_QUOTE_INFO. */
function tpmsFields(bytes: Bytes): readonly Field[] {
  const u16 = (offset: number): number => 256 * (bytes[offset] ?? 0) + (bytes[offset + 1] ?? 0)
  const extra = 8 + u16(6)
  const clock = extra + 2 + u16(extra)
  return [
    ...[big(0, 4), big(4, 2), big(6, 2), block(8, u16(6)), big(extra, 2)],
    ...[block(extra + 2, u16(extra)), big(clock, 8), big(clock + 8, 4), big(clock + 12, 4)],
    ...[big(clock + 16, 1), big(clock + 17, 8), big(clock + 25, 4), big(clock + 29, 2)],
    ...[big(clock + 31, 1), block(clock + 32, 3), big(clock + 35, 2)],
  ]
}

/** Azure's blob: header, hardware report, header of the runtime data. */
const hclFields: readonly Field[] = [
  ...[little(0, 4), little(4, 4), little(8, 4), little(12, 4), block(16, 16)],
  ...[block(32, 1184), little(1216, 4), little(1220, 4), little(1224, 4), little(1228, 4)],
  ...[little(1232, 4), block(1236, 64)],
]
