import { MalformedError, Reader, type Bytes } from '@cloister/codec'
import { UnsupportedFormatError } from '../reject.ts'
import { readHash, type TpmHash } from './algorithms.ts'

/** Which PCRs of one bank a quote speaks of. */
export type PcrSelection = { readonly bank: TpmHash; readonly indices: readonly number[] }

/** What a TPM signed about its PCRs. Spec: TCG TPM 2.0 library, part 2, 10.12.8 (TPMS_ATTEST). */
export type TpmQuote = {
  /** Name of the key and of those above it, hashed together. */
  readonly qualifiedSigner: Bytes
  /** What the caller asked to have signed: a nonce. */
  readonly extraData: Bytes
  /** Milliseconds that the TPM has been running, in all. */
  readonly clock: number
  readonly resetCount: number
  readonly restartCount: number
  /** Whether no greater clock value was ever reported. */
  readonly safe: boolean
  readonly firmwareVersion: Bytes
  readonly selection: readonly PcrSelection[]
  readonly pcrDigest: Bytes
}

/** TPM_GENERATED_VALUE: a restricted key signs nothing that begins so, unless the TPM itself made it. */
const generated = 0xff544347
const attestQuote = 0x8018

/** Bytes of the longest name or nonce: an algorithm and a digest of 64 bytes. Spec: part 2, 10.4.3, 10.5.3. */
const namedDigestMax = 66
const digestMax = 64
/** Most banks of a TPM, and most bytes of the bit field of one. Spec: part 2, 10.9.7 and annex of the profile. */
const banksMax = 16
const selectBytesMax = 4

/**
 * Reads a TPMS_ATTEST that is a quote, whole: nothing may follow it.
 *
 * Nothing read here is trusted yet: the signature over these bytes is checked later.
 *
 * @throws {UnsupportedFormatError} on a structure other than a quote, or a bank of a hash not computed here.
 * @throws {MalformedError} naming the field.
 */
export function parseTpmQuote(bytes: Bytes): TpmQuote {
  const r = new Reader(bytes, 'big')
  const magic = r.u32('magic')
  if (magic !== generated)
    throw new MalformedError('magic', 0, `got ${magic.toString(16)}, expected ff544347`)
  const type = r.u16('type')
  if (type !== attestQuote)
    throw new UnsupportedFormatError('type', 4, `got ${type.toString(16)}, expected 8018 (a quote)`)
  const qualifiedSigner = readSized(r, 'qualifiedSigner', namedDigestMax)
  const extraData = readSized(r, 'extraData', namedDigestMax)
  const clock = readClock(r)
  const resetCount = r.u32('resetCount')
  const restartCount = r.u32('restartCount')
  const safe = readYesNo(r, 'safe')
  const firmwareVersion = r.bytes('firmwareVersion', 8)
  const selection = readSelection(r)
  const pcrDigest = readSized(r, 'pcrDigest', digestMax)
  r.end('quote')
  return {
    qualifiedSigner,
    extraData,
    clock,
    resetCount,
    restartCount,
    safe,
    firmwareVersion,
    selection,
    pcrDigest,
  }
}

/** A TPM2B: a size in 16 bits, then so many bytes. @throws {MalformedError} where they are more than `max`. */
export function readSized(r: Reader, field: string, max: number): Bytes {
  const at = r.offset
  const size = r.u16(`${field} size`)
  if (size > max) throw new MalformedError(field, at, `got ${size} bytes, at most ${max}`)
  return r.bytes(field, size)
}

/** Past 2^53 ms (285 000 years) it is no clock, and no number here either. */
function readClock(r: Reader): number {
  const at = r.offset
  const clock = r.u64('clock')
  if (clock > BigInt(Number.MAX_SAFE_INTEGER))
    throw new MalformedError('clock', at, `got ${clock} ms, which no clock reaches`)
  return Number(clock)
}

/** TPMI_YES_NO. Spec: part 2, 9.2. */
function readYesNo(r: Reader, field: string): boolean {
  const at = r.offset
  const value = r.u8(field)
  if (value > 1) throw new MalformedError(field, at, `got ${value}, expected 0 or 1`)
  return value === 1
}

/** TPML_PCR_SELECTION. Spec: part 2, 10.9.7 and 10.6.2. */
function readSelection(r: Reader): readonly PcrSelection[] {
  const at = r.offset
  const count = r.u32('PCR selection count')
  if (count > banksMax)
    throw new MalformedError('PCR selection count', at, `got ${count}, at most ${banksMax}`)
  const selection: PcrSelection[] = []
  while (selection.length < count) {
    const start = r.offset
    const bank = readHash(r, 'PCR bank')
    if (selection.some((other) => other.bank === bank))
      throw new MalformedError('PCR bank', start, `${bank.name} occurs twice`)
    selection.push({ bank, indices: readIndices(r) })
  }
  return selection
}

function readIndices(r: Reader): readonly number[] {
  const at = r.offset
  const size = r.u8('PCR bit field size')
  if (size > selectBytesMax)
    throw new MalformedError('PCR bit field size', at, `got ${size}, at most ${selectBytesMax}`)
  const bits = r.bytes('PCR bit field', size)
  return Array.from({ length: size * 8 }, (_, index) => index).filter(
    (index) => (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1,
  )
}
