import type { TpmEvidence } from '@cloister/attest'
import { assert, concatBytes, encodeHex, encodeUtf8, type Bytes } from '@cloister/codec'
import { littleEndian } from '../layout.ts'
import type { Platform } from '../platform.ts'
import type { TdRegisters } from '../quote.ts'
import { sha384 } from '../signing-key.ts'
import type { EmulatedKey } from './attestation-key.ts'
import { tpmHashes, type TpmHashName } from './hashes.ts'

/** What a paravisor, as Azure's, is asked to put beside the key of its vTPM. */
export type RuntimeOptions = {
  /** 64 bytes; zeros unless chosen. */
  readonly userData?: Bytes
  readonly secureBoot?: boolean
  /** SHA-256 unless chosen. */
  readonly hash?: 'sha256' | 'sha384' | 'sha512'
  /** Zeros after the JSON that count as part of it, and are hashed with it. */
  readonly paddingBytes?: number
}

/** A blob that binds a vTPM to its hardware, and the hardware's quote where the blob does not hold it. */
export type HardwareBinding = Required<Pick<TpmEvidence, 'hcl'>> &
  Pick<TpmEvidence, 'hardwareQuote'>

/** Binds a vTPM's key to a TD: the TD's quote signs the digest of what names the key. */
export function bindToTd(
  key: EmulatedKey,
  td: { readonly platform: Pick<Platform, 'quote'>; readonly registers: TdRegisters },
  options: RuntimeOptions = {},
): HardwareBinding {
  const runtime = runtimeData(key, options)
  const reportData = reportDataOver(runtime, options.hash)
  const quote = td.platform.quote({ ...td.registers, reportData })
  const hcl = writeHclBlob('tdx', localTdReport(quote), runtime, options.hash)
  return { hcl, hardwareQuote: quote }
}

/** Binds a vTPM's key to an SNP guest. `sign` makes the guest's report over 64 bytes. */
export function bindToSnp(
  key: EmulatedKey,
  sign: (reportData: Bytes) => Bytes,
  options: RuntimeOptions = {},
): HardwareBinding {
  const runtime = runtimeData(key, options)
  const report = sign(reportDataOver(runtime, options.hash))
  return { hcl: writeHclBlob('snp', report, runtime, options.hash) }
}

/** What names the key: JSON as Azure writes it. */
export function runtimeData(key: EmulatedKey, options: RuntimeOptions = {}): Bytes {
  const { userData = new Uint8Array(64), secureBoot = true, paddingBytes = 0 } = options
  const json = JSON.stringify({
    keys: [{ kid: 'HCLAkPub', key_ops: ['sign'], ...key.publicJwk }],
    'vm-configuration': {
      'console-enabled': true,
      'secure-boot': secureBoot,
      'tpm-enabled': true,
      vmUniqueId: 'C1015E12-0000-4000-8000-000000000000',
    },
    'user-data': encodeHex(userData).toUpperCase(),
  })
  return concatBytes(encodeUtf8(json), new Uint8Array(paddingBytes))
}

const reportTypes = { snp: 2, tdx: 4 }
const hashTypes: Readonly<Partial<Record<TpmHashName, number>>> = {
  sha256: 1,
  sha384: 2,
  sha512: 3,
}
const hardwareAreaBytes = 1184
const blobBytes = 2600

/** Writes a blob as it stands in a vTPM's NV index: all of it, with the zeros after it. */
export function writeHclBlob(
  kind: 'snp' | 'tdx',
  report: Bytes,
  runtime: Bytes,
  hash: TpmHashName = 'sha256',
): Bytes {
  assert(report.length <= hardwareAreaBytes, 'a hardware report has 1184 bytes or fewer')
  const dataSize = 20 + runtime.length
  const blob = concatBytes(
    encodeUtf8('HCLA'),
    littleEndian(2, 4), // Version.
    littleEndian(32 + hardwareAreaBytes + dataSize, 4),
    littleEndian(2, 4), // A request for attestation.
    new Uint8Array(16), // Status and reserved.
    report,
    new Uint8Array(hardwareAreaBytes - report.length),
    littleEndian(dataSize, 4),
    littleEndian(1, 4), // Version.
    littleEndian(reportTypes[kind], 4),
    littleEndian(hashTypes[hash] ?? 0, 4),
    littleEndian(runtime.length, 4),
    runtime,
  )
  return concatBytes(blob, new Uint8Array(Math.max(0, blobBytes - blob.length)))
}

/** The digest of the runtime data, then zeros. */
function reportDataOver(runtime: Bytes, hash: TpmHashName = 'sha256'): Bytes {
  const reportData = new Uint8Array(64)
  reportData.set(tpmHashes[hash].digest(runtime))
  return reportData
}

/**
 * The TDREPORT that a TDX quote of version 4 was made from; its MAC is zero.
 *
 * Spec: Intel TDX module ABI, 3.10 (TDREPORT_STRUCT).
 */
export function localTdReport(quote: Bytes): Bytes {
  const body = quote.subarray(48, 48 + 584)
  const reportData = body.subarray(520)
  const tcbInfo = concatBytes(
    new Uint8Array(8).fill(0xff), // Every field is valid.
    body.subarray(0, 120), // TEE_TCB_SVN, MRSEAM, MRSIGNERSEAM, SEAMATTRIBUTES
    new Uint8Array(239 - 128),
  )
  const tdInfo = concatBytes(body.subarray(120, 520), new Uint8Array(512 - 400))
  const mac = concatBytes(
    Uint8Array.of(0x81, 0, 0, 0), // TDX.
    new Uint8Array(28),
    sha384(tcbInfo),
    sha384(tdInfo),
    reportData,
    new Uint8Array(64),
  )
  return concatBytes(mac, tcbInfo, new Uint8Array(17), tdInfo)
}
