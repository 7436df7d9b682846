import { MalformedError, Reader, type Bytes } from '@cloister/codec'
import { UnsupportedFormatError } from '../reject.ts'

/** Which key signed a report, as it says itself. */
export type SigningKeyKind = 'VCEK' | 'VLEK' | 'none'

/** Versions of the report that are read. */
export type ReportVersion = 2 | 3 | 4 | 5

/** Version of the firmware: major, minor, build. */
export type FirmwareVersion = {
  readonly major: number
  readonly minor: number
  readonly build: number
}

/**
 * Every field of an attestation report. Nothing here is trusted: views over bytes that nobody vouches for.
 *
 * The four TCB versions are 8 bytes each, whose meaning depends on the product line.
 * Spec: AMD SEV-SNP Firmware ABI 56860, revision 1.58, table ATTESTATION_REPORT.
 */
export type SnpReport = {
  readonly version: ReportVersion
  readonly guestSvn: number
  readonly policy: bigint
  readonly familyId: Bytes
  readonly imageId: Bytes
  readonly vmpl: number
  readonly signatureAlgo: number
  readonly currentTcb: Bytes
  readonly platformInfo: bigint
  readonly authorKeyEn: boolean
  readonly maskChipKey: boolean
  readonly signingKey: SigningKeyKind
  readonly reportData: Bytes
  readonly measurement: Bytes
  readonly hostData: Bytes
  readonly idKeyDigest: Bytes
  readonly authorKeyDigest: Bytes
  readonly reportId: Bytes
  readonly reportIdMa: Bytes
  readonly reportedTcb: Bytes
  /** Absent in version 2. */
  readonly cpuid?: { readonly family: number; readonly model: number; readonly stepping: number }
  readonly chipId: Bytes
  readonly committedTcb: Bytes
  readonly currentVersion: FirmwareVersion
  readonly committedVersion: FirmwareVersion
  readonly launchTcb: Bytes
  /** Absent before version 4. */
  readonly mitigations?: { readonly launch: bigint; readonly current: bigint }
  /** What the signature is over: the first 0x2A0 bytes. */
  readonly signed: Bytes
  /** r then s, 48 bytes each, big-endian. */
  readonly signature: Bytes
}

/** Bytes of a report. */
export const reportBytes = 1184

/** Most bytes that evidence may have, padding included. */
export const reportBytesMax = 64 * 1024

/** Bytes of a report that are signed. */
const signedBytes = 0x2a0

/** ECDSA P-384 with SHA-384. Spec: 56860, table of signature algorithms. */
const ecdsaP384 = 1

/**
 * Reads an attestation report of version 2 to 5. Zeros after it are padding; reserved bytes are zero.
 *
 * @throws {UnsupportedFormatError} on another version, signature algorithm or signing key.
 * @throws {MalformedError} naming the field, on anything else that is not a report.
 */
export function parseSnpReport(bytes: Bytes): SnpReport {
  if (bytes.length > reportBytesMax)
    throw new MalformedError(
      'report',
      0,
      `${bytes.length} bytes, at most ${reportBytesMax} are read`,
    )
  const r = new Reader(bytes)
  const version = readVersion(r)
  const head = {
    guestSvn: r.u32('GUEST_SVN'),
    policy: r.u64('POLICY'),
    familyId: r.bytes('FAMILY_ID', 16),
    imageId: r.bytes('IMAGE_ID', 16),
    vmpl: r.u32('VMPL'),
    signatureAlgo: readSignatureAlgo(r),
    currentTcb: r.bytes('CURRENT_TCB', 8),
    platformInfo: r.u64('PLATFORM_INFO'),
    ...readSignerInfo(r),
  }
  zeros(r, 'reserved at 4Ch', 4)
  const identity = {
    reportData: r.bytes('REPORT_DATA', 64),
    measurement: r.bytes('MEASUREMENT', 48),
    hostData: r.bytes('HOST_DATA', 32),
    idKeyDigest: r.bytes('ID_KEY_DIGEST', 48),
    authorKeyDigest: r.bytes('AUTHOR_KEY_DIGEST', 48),
    reportId: r.bytes('REPORT_ID', 32),
    reportIdMa: r.bytes('REPORT_ID_MA', 32),
    reportedTcb: r.bytes('REPORTED_TCB', 8),
  }
  const cpuid = readCpuid(r, version)
  const platform = {
    chipId: r.bytes('CHIP_ID', 64),
    committedTcb: r.bytes('COMMITTED_TCB', 8),
    currentVersion: readFirmwareVersion(r, 'CURRENT'),
    committedVersion: readFirmwareVersion(r, 'COMMITTED'),
    launchTcb: r.bytes('LAUNCH_TCB', 8),
  }
  const mitigations =
    version >= 4
      ? { launch: r.u64('LAUNCH_MIT_VECTOR'), current: r.u64('CURRENT_MIT_VECTOR') }
      : undefined
  zeros(r, 'reserved before the signature', signedBytes - r.offset)
  const signature = readSignature(r)
  zeros(r, 'padding', r.remaining)
  return {
    version,
    ...head,
    ...identity,
    ...(cpuid && { cpuid }),
    ...platform,
    ...(mitigations && { mitigations }),
    signed: bytes.subarray(0, signedBytes),
    signature,
  }
}

function readVersion(r: Reader): ReportVersion {
  const version = r.u32('VERSION')
  if (version !== 2 && version !== 3 && version !== 4 && version !== 5)
    throw new UnsupportedFormatError('VERSION', 0, `got ${version}, expected 2 to 5`)
  return version
}

function readSignatureAlgo(r: Reader): number {
  const at = r.offset
  const algorithm = r.u32('SIGNATURE_ALGO')
  if (algorithm !== ecdsaP384)
    throw new UnsupportedFormatError(
      'SIGNATURE_ALGO',
      at,
      `got ${algorithm}, expected 1 (ECDSA P-384 with SHA-384)`,
    )
  return algorithm
}

/** Bit 0 AUTHOR_KEY_EN, bit 1 MASK_CHIP_KEY, bits 4:2 SIGNING_KEY; the others are reserved. */
function readSignerInfo(r: Reader): Pick<SnpReport, 'authorKeyEn' | 'maskChipKey' | 'signingKey'> {
  const at = r.offset
  const info = r.u32('signer information')
  if (info > 0x1f)
    throw new MalformedError('signer information', at, `reserved bits of ${info} are not zero`)
  const key = info >> 2
  const signingKey = signingKeys[key]
  if (signingKey === undefined)
    throw new UnsupportedFormatError(
      'SIGNING_KEY',
      at,
      `got ${key}, expected 0 (VCEK), 1 (VLEK) or 7 (none)`,
    )
  return { authorKeyEn: (info & 1) === 1, maskChipKey: (info & 2) === 2, signingKey }
}

const signingKeys: Readonly<Record<number, SigningKeyKind>> = { 0: 'VCEK', 1: 'VLEK', 7: 'none' }

function readCpuid(r: Reader, version: ReportVersion): SnpReport['cpuid'] {
  if (version === 2) {
    zeros(r, 'reserved at 188h', 24)
    return undefined
  }
  const cpuid = {
    family: r.u8('CPUID_FAM_ID'),
    model: r.u8('CPUID_MOD_ID'),
    stepping: r.u8('CPUID_STEP'),
  }
  zeros(r, 'reserved at 18Bh', 21)
  return cpuid
}

function readFirmwareVersion(r: Reader, which: string): FirmwareVersion {
  const build = r.u8(`${which}_BUILD`)
  const minor = r.u8(`${which}_MINOR`)
  const major = r.u8(`${which}_MAJOR`)
  zeros(r, `reserved after ${which}_MAJOR`, 1)
  return { major, minor, build }
}

/**
 * r and s, 72 bytes each, little-endian, and zeros up to 512 bytes. A number of P-384 has 48 bytes.
 *
 * No signature covers these bytes: all that is not r or s has to be zero.
 */
function readSignature(r: Reader): Bytes {
  const signature = new Uint8Array(96)
  for (const [index, name] of ['R', 'S'].entries()) {
    const number = r.bytes(`signature ${name}`, 48)
    zeros(r, `upper bytes of signature ${name}`, 24)
    for (let byte = 0; byte < 48; byte++) signature[48 * index + byte] = number[47 - byte] ?? 0
  }
  zeros(r, 'reserved after the signature', 512 - 144)
  return signature
}

function zeros(r: Reader, field: string, size: number): void {
  const at = r.offset
  const bytes = r.bytes(field, size)
  for (let index = 0; index < size; index++)
    if (bytes[index] !== 0) throw new MalformedError(field, at + index, 'not zero')
}
