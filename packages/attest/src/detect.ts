import {
  CborTag,
  isCborArray,
  isCborMap,
  parseCborPrefix,
  type Bytes,
  type Cbor,
} from '@cloister/codec'
import type { Evidence, Tee } from './evidence.ts'
import { parseMeasurementReport } from './nvidia/parse.ts'

/** Most bytes that one piece of evidence may have, padding included. */
export const evidenceBytesMax = 64 * 1024

/**
 * Which kind of evidence bytes look like: by their first fields, and a CBOR token by its claims.
 *
 * A guess that saves its user from saying it: appraising checks every field again. Undefined where nothing fits.
 */
export function detectTee(bytes: Bytes): Tee | undefined {
  if (bytes.length > evidenceBytesMax) return undefined
  return (
    detectQuote(bytes) ?? detectReport(bytes) ?? detectMeasurements(bytes) ?? detectToken(bytes)
  )
}

/** The format of evidence and its version, as claims name it. Null where its first fields name none. */
export function evidenceFormat(evidence: Evidence): string | null {
  switch (evidence.tee) {
    case 'sgx':
    case 'tdx': {
      const version = evidence.quote[0] ?? 0
      return version >= 3 && version <= 5 ? `intel-dcap-quote-v${version}-${evidence.tee}` : null
    }
    case 'sev-snp': {
      const version = evidence.report[0] ?? 0
      return version >= 2 && version <= 5 ? `amd-sev-snp-report-v${version}` : null
    }
    case 'nvidia-gpu':
    case 'nvidia-nvswitch':
      return 'nvidia-spdm-1.1-measurements'
    case 'aws-nitro':
      return 'aws-nitro-attestation-document'
    case 'arm-cca':
      return 'arm-cca-token'
    case 'arm-psa':
      return 'arm-psa-token'
    case 'tpm2':
    default:
      return 'tpm2-quote'
  }
}

/** Spec: Intel TDX DCAP quoting library API, A.3.1: version, key type, TEE type; in version 5 the body's type. */
function detectQuote(bytes: Bytes): Tee | undefined {
  const [version = 0, zero, keyType = 0, zero2, tee] = bytes
  if (version < 3 || version > 5 || zero !== 0 || zero2 !== 0) return undefined
  if (keyType !== 2 && keyType !== 3) return undefined
  if (version === 5) return bytes[48] === 1 ? 'sgx' : 'tdx'
  return tee === 0x81 ? 'tdx' : 'sgx'
}

/** Spec: AMD SEV-SNP firmware ABI, table 23: version, and ECDSA P-384 with SHA-384 as the algorithm. */
function detectReport(bytes: Bytes): Tee | undefined {
  const isVersion = (bytes[0] ?? 0) >= 2 && bytes.subarray(1, 4).every((byte) => byte === 0)
  return bytes.length >= 1184 && isVersion && bytes[0x34] === 1 ? 'sev-snp' : undefined
}

/** Spec: DMTF DSP0274 1.1, GET_MEASUREMENTS; TCG TPM 2.0 library part 2, TPM_GENERATED_VALUE. */
function detectMeasurements(bytes: Bytes): Tee | undefined {
  if (bytes[0] === 0x11 && bytes[1] === 0xe0)
    return isSwitch(bytes) ? 'nvidia-nvswitch' : 'nvidia-gpu'
  const isGenerated = [0xff, 0x54, 0x43, 0x47].every((byte, index) => bytes[index] === byte)
  return isGenerated ? 'tpm2' : undefined
}

/** A GPU says which driver runs it; a switch has none. */
function isSwitch(bytes: Bytes): boolean {
  try {
    return !parseMeasurementReport(bytes).opaque.has(driverVersion)
  } catch {
    return false // Malformed: appraising it says where.
  }
}

const driverVersion = 3

/** Spec: RFC 9052 section 4.2, RFC 9783, draft-ffm-rats-cca-token. */
function detectToken(bytes: Bytes): Tee | undefined {
  const outer = readCbor(bytes)
  if (outer instanceof CborTag && outer.tag === ccaTag) return 'arm-cca'
  const envelope = outer instanceof CborTag ? outer.value : outer
  if (envelope === undefined || !isCborArray(envelope) || envelope.length !== 4) return undefined
  const [, , payload] = envelope
  if (!(payload instanceof Uint8Array)) return undefined
  const claims = readCbor(payload)
  if (claims === undefined || !isCborMap(claims)) return undefined
  return claims.has('module_id') ? 'aws-nitro' : 'arm-psa'
}

const ccaTag = 399
const limits = { bytesMax: evidenceBytesMax, depthMax: 16, itemsMax: 4096, indefinite: true }

function readCbor(bytes: Bytes): Cbor | undefined {
  try {
    return parseCborPrefix(bytes, 'token', limits).value
  } catch {
    return undefined // Not CBOR: then it is no token.
  }
}
