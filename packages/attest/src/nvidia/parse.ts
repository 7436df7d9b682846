import { encodeHex, MalformedError, Reader, type Bytes } from '@cloister/codec'
import { UnsupportedFormatError } from '../reject.ts'

/** One measurement of a device. */
export type MeasurementBlock = {
  /** From 1. A manifest counts the same measurements from 0. */
  readonly index: number
  /** DMTFSpecMeasurementValueType: what was measured. */
  readonly type: number
  /** In hexadecimal. */
  readonly value: string
}

/** A GET_MEASUREMENTS request and the response to it. Nothing here is verified. */
export type MeasurementReport = {
  /** 32 bytes of the one who asked. */
  readonly requestNonce: Bytes
  /** 32 bytes of the device. */
  readonly responseNonce: Bytes
  /** The certificate slot that was asked for. */
  readonly slot: number
  readonly blocks: readonly MeasurementBlock[]
  /** All blocks as they were signed. */
  readonly record: Bytes
  /** Opaque data by type. */
  readonly opaque: ReadonlyMap<number, Bytes>
  /** What is signed: the request, then the response up to its signature. */
  readonly signed: Bytes
  /** r then s, 48 bytes each. */
  readonly signature: Bytes
  /** Zeros after the signature: buffers that were handed on whole. */
  readonly trailingBytes: number
}

/** SPDM 1.1, as byte. */
const spdmVersion = 0x11

/** Most bytes of one report, its zeros included. */
export const reportBytesMax = 64 * 1024

const nonceBytes = 32
const signatureBytes = 96

/**
 * Reads what a GPU or NVSwitch signed: the request (37 bytes) and the response, numbers little-endian.
 *
 * Every length is read, none assumed, so the signature's place follows from the bytes before it. What comes after it
 * has to be zero. No signature covers those zeros.
 * Spec: DMTF DSP0274 1.1, sections 10.11.1 and 10.11.2.
 *
 * @throws {UnsupportedFormatError} on a request of another version of SPDM.
 * @throws {MalformedError} naming the field, on anything else that is none.
 */
export function parseMeasurementReport(bytes: Bytes): MeasurementReport {
  if (bytes.length > reportBytesMax)
    throw new MalformedError(
      'report',
      0,
      `${bytes.length} bytes, at most ${reportBytesMax} are read`,
    )
  requireSpdmVersion(bytes)
  const r = new Reader(bytes)
  expect(r, 'request version', spdmVersion)
  expect(r, 'request code', 0xe0)
  // Param1 asks for a signature, and so for a nonce; param2 asks for every measurement.
  expect(r, 'request attributes', 0x01)
  expect(r, 'request operation', 0xff)
  const requestNonce = r.bytes('request nonce', nonceBytes)
  const slot = r.u8('request slot')
  if (slot > 7) throw new MalformedError('request slot', 36, `got ${slot}, expected 0 to 7`)

  expect(r, 'response version', spdmVersion)
  expect(r, 'response code', 0x60)
  r.u8('response param1') // The number of measurements, in answers to another operation.
  expect(r, 'response slot', slot)
  const count = r.u8('number of blocks')
  const recordLength = r.u24('measurement record length')
  const recordStart = r.offset
  const blocks = readBlocks(r.inside('measurement record', recordLength), count)
  const record = bytes.subarray(recordStart, r.offset)
  const responseNonce = r.bytes('response nonce', nonceBytes)
  const opaque = readOpaque(r.inside('opaque data', r.u16('opaque data length')))
  const signed = bytes.subarray(0, r.offset)
  const signature = r.bytes('signature', signatureBytes)
  const trailingBytes = r.remaining
  const after = r.offset
  const strange = r.bytes('trailing bytes', trailingBytes).findIndex((byte) => byte !== 0)
  if (strange >= 0)
    throw new MalformedError(
      'trailing bytes',
      after + strange,
      `${trailingBytes} bytes after the signature are not all zero`,
    )
  return {
    requestNonce,
    responseNonce,
    slot,
    blocks,
    record,
    opaque,
    signed,
    signature,
    trailingBytes,
  }
}

/** A GET_MEASUREMENTS request of another version signs in another way. */
function requireSpdmVersion([version = spdmVersion, code]: Bytes): void {
  if (version !== spdmVersion && code === 0xe0 && version >> 4 === 1)
    throw new UnsupportedFormatError(
      'SPDM version',
      0,
      `got ${version.toString(16)}, expected ${spdmVersion.toString(16)}`,
    )
}

/** Spec: DSP0274 1.1, tables 47 and 48: a measurement block in the DMTF's format. */
function readBlocks(r: Reader, count: number): readonly MeasurementBlock[] {
  const blocks: MeasurementBlock[] = []
  const seen = new Set<number>()
  for (let number = 1; number <= count; number++) {
    const at = r.offset
    const index = r.u8('block index')
    if (index === 0 || seen.has(index))
      throw new MalformedError('block index', at, `got ${index}, twice or zero`)
    seen.add(index)
    expect(r, 'block specification', 1)
    const inner = r.inside('block', r.u16('block size'))
    const type = inner.u8('block type')
    const value = inner.bytes('block value', inner.u16('block value size'))
    inner.end('block')
    blocks.push({ index, type, value: encodeHex(value) })
  }
  r.end('measurement record')
  return blocks
}

/** Type, length and value, one after another, each type once. Types without a name here are kept by number. */
function readOpaque(r: Reader): ReadonlyMap<number, Bytes> {
  const found = new Map<number, Bytes>()
  while (r.remaining > 0) {
    const at = r.offset
    const type = r.u16('opaque type')
    if (found.has(type)) throw new MalformedError(`opaque field ${type}`, at, 'occurs twice')
    found.set(type, r.bytes(`opaque field ${type}`, r.u16(`opaque field ${type} length`)))
  }
  return found
}

function expect(r: Reader, field: string, expected: number): void {
  const at = r.offset
  const got = r.u8(field)
  if (got !== expected) throw new MalformedError(field, at, `got ${got}, expected ${expected}`)
}
